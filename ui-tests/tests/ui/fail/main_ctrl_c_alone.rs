use gocoro::go_main;

#[go_main(ctrl_c)]
fn main() {}
