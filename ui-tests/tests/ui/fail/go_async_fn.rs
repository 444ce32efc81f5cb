//! An `async fn` that is called in a task makes a future, and no more.

use gocoro::go;

async fn fetch(n: u32) -> u32 {
    n
}

fn main() {
    go!(fetch(1));
}
