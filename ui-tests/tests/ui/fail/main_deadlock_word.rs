use gocoro::go_main;

#[go_main(deadlock = "exit")]
fn main() {}
