use gocoro::go_main;

#[go_main(workers = 0)]
fn main() {}
