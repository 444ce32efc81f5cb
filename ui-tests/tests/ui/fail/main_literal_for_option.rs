use gocoro::go_main;

#[go_main("multi_thread")]
fn main() {}
