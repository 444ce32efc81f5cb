use gocoro::go_main;

#[go_main(workers(2))]
fn main() {}
