use gocoro::go_main;

#[go_main]
unsafe fn main() {}
