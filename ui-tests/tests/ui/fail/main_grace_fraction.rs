use gocoro::go_main;

#[go_main(grace = "1.5s")]
fn main() {}
