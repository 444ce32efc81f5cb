use gocoro::go_main;

#[go_main(on_panic = "exit")]
fn main() {}
