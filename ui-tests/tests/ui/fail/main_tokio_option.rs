use gocoro::go_main;

#[go_main(worker_threads = 2)]
fn main() {}
