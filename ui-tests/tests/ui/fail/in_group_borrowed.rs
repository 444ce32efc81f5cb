//! A group's tasks cannot borrow: a scope's can.

use gocoro::{go, task::TaskGroup};

fn print(text: &str) {
    println!("{text}");
}

fn main() {
    let text = String::from("borrowed");
    let group = TaskGroup::new();
    go!(in group => print(&text));
}
