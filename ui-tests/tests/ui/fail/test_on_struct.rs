use gocoro::go_test;

#[go_test]
struct Works;

fn main() {}
