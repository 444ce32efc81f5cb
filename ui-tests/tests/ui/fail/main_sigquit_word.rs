use gocoro::go_main;

#[go_main(sigquit = "core")]
fn main() {}
