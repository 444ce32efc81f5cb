use gocoro::go_main;

#[go_main(main_stack_size = "1M")]
fn main() {}
