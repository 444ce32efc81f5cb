use gocoro::go_test;

#[go_test]
const fn works() {}

fn main() {}
