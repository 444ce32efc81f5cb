use gocoro::go_main;

#[go_main(sigquit)]
fn main() {}
