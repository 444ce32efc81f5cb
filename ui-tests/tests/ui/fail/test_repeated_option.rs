use gocoro::go_test;

#[go_test(timeout = "1s", timeout = "2s")]
fn works() {}

fn main() {}
