use gocoro::go_main;

#[go_main(sigquit = off)]
fn main() {}
