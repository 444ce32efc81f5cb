use gocoro::go_test;

#[go_test(timeout = "0s")]
fn works() {}

fn main() {}
