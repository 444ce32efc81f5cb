//! A group's tasks cannot borrow: a scope's can.

use gocoro::task::TaskGroup;

fn main() {
    let text = String::from("borrowed");
    let group = TaskGroup::new();
    group.spawn(|| println!("{text}"));
}
