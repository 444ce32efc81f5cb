//! As functions that must be `dyn` return them.

use std::pin::Pin;

use gocoro::go;

fn fetch() -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(async { 1 })
}

fn main() {
    go!(fetch());
}
