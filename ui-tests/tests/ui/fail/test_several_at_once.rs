use gocoro::go_test;

#[go_test(timeout = 30, wrokers = 1)]
async fn works(seed: u64) {
    println!("{seed}");
}

fn main() {}
