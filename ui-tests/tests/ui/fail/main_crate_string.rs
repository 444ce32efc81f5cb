use gocoro::go_main;

#[go_main(crate = "gocoro")]
fn main() {}
