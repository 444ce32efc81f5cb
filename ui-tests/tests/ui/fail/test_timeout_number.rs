use gocoro::go_test;

#[go_test(timeout = 30)]
fn works() {}

fn main() {}
