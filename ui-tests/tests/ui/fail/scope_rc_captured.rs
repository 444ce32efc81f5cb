//! What is not `Send` cannot go into a child, but a local one.

use std::rc::Rc;

use gocoro::task;

fn main() {
    let shared = Rc::new(1);
    task::scope(|s| {
        s.spawn(|| println!("{shared}"));
    });
}
