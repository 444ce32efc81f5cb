use gocoro::go_main;

#[go_main(workers = 2, workers = 4)]
fn main() {}
