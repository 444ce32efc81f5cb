//! The handle of a child cannot leave its scope.

use gocoro::task;

fn main() {
    let text = String::from("borrowed");
    let handle = task::scope(|s| s.spawn(|| text.len()));
    handle.join().unwrap();
}
