use gocoro::go_main;

const COUNT: u8 = 2;

#[go_main(workers = COUNT)]
fn main() {}
