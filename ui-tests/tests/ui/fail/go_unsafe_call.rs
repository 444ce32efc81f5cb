use gocoro::go;

/// # Safety
///
/// Never.
unsafe fn danger() {}

fn main() {
    go!(danger()).wait();
}
