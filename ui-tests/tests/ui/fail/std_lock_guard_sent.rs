//! A std guard stays on its thread, which is not the task's.

use std::sync::Mutex;

use gocoro::go;

static COUNT: Mutex<u32> = Mutex::new(0);

fn main() {
    let mut count = COUNT.lock().unwrap();
    go!({ *count += 1 });
}
