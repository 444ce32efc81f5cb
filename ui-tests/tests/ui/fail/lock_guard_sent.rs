//! A guard stays on the worker that locked: another thread cannot unlock for it.

use gocoro::{go, sync::Mutex};

static COUNT: Mutex<u32> = Mutex::new(0);

fn main() {
    let mut count = COUNT.lock().unwrap();
    go!({ *count += 1 });
}
