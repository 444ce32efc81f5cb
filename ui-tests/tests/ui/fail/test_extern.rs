use gocoro::go_test;

#[go_test]
extern "C" fn works() {}

fn main() {}
