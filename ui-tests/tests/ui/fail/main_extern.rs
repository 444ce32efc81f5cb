use gocoro::go_main;

#[go_main]
extern "C" fn main() {}
