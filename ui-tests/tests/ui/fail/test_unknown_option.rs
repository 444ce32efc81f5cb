use gocoro::go_test;

#[go_test(stack_size = 65536)]
fn works() {}

fn main() {}
