use gocoro::go_main;

#[go_main(workers = "4")]
fn main() {}
