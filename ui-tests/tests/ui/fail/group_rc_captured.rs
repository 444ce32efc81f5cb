//! A group's tasks may run on any worker: a scope has local ones.

use std::rc::Rc;

use gocoro::task::TaskGroup;

fn main() {
    let shared = Rc::new(1);
    let group = TaskGroup::new();
    group.spawn(move || println!("{shared}"));
}
