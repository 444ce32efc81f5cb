//! What is not `Send` cannot come out of a child, but of a local one.

use std::rc::Rc;

use gocoro::task;

fn main() {
    task::scope(|s| {
        s.spawn(|| Rc::new(1)).join().unwrap();
    });
}
