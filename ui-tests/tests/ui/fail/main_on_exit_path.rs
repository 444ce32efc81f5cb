use gocoro::go_main;

#[go_main(on_exit = cancel)]
fn main() {}
