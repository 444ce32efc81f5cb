use gocoro::go_main;

#[go_main(wrokers = 2)]
fn main() {}
