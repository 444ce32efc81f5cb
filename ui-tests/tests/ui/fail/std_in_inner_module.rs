//! A module with the line, and one inside that takes over its names: which std is meant there?

use gocoro::std;
use std::sync::Mutex;

fn count() -> Mutex<u32> {
    Mutex::new(0)
}

mod tests {
    use super::*;
    use std::thread;

    fn counts() {
        thread::spawn(count);
    }
}

fn main() {
    count();
}
