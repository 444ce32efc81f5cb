//! The arms of a race are tasks, and so `Send`.

use std::rc::Rc;

use gocoro::task;

fn main() {
    let shared = Rc::new(1);
    task::race((|| *shared, || 2));
}
