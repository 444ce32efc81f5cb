//! As a guard cannot go into a task, it cannot go into a child of a scope.

use gocoro::{sync::RwLock, task};

fn main() {
    let lock = RwLock::new(0);
    let value = lock.read().unwrap();
    task::scope(|s| {
        s.spawn(move || println!("{}", *value));
    });
}
