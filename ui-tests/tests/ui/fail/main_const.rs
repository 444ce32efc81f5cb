use gocoro::go_main;

#[go_main]
const fn main() {}
