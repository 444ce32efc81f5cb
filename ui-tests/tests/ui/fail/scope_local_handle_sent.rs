//! The handle of a local child whose value is not `Send` stays on its worker.

use std::rc::Rc;

use gocoro::task;

fn main() {
    task::scope(|s| {
        let local = s.spawn_local(|| Rc::new(1));
        s.spawn(move || drop(local));
    });
}
