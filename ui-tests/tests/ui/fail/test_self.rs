use gocoro::go_test;

#[go_test]
fn works(&self) {}

fn main() {}
