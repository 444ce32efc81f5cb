use gocoro::{go, task};

async fn fetch(n: &u32) -> u32 {
    *n
}

fn main() {
    let n = 1;
    task::scope(|s| {
        go!(in s => fetch(&n));
    });
}
