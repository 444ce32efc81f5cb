use gocoro::go_main;

#[go_main(grace = "5")]
fn main() {}
