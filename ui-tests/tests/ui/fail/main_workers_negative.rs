use gocoro::go_main;

#[go_main(workers = -1)]
fn main() {}
