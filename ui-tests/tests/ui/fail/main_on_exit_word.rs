use gocoro::go_main;

#[go_main(on_exit = "abort")]
fn main() {}
