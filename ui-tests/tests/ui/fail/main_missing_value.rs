use gocoro::go_main;

#[go_main(workers = )]
fn main() {}
