use gocoro::go_test;

#[go_test]
#[test]
fn works() {}

fn main() {}
