use gocoro::go_main;

#[go_main(stack_size = "64K")]
fn main() {}
