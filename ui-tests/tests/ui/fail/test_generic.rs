use gocoro::go_test;

#[go_test]
fn works<T>() {}

fn main() {}
