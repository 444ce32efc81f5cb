use gocoro::go_test;

#[go_test]
fn works(seed: u64) {
    println!("{seed}");
}

fn main() {}
