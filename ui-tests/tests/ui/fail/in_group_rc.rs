use std::rc::Rc;

use gocoro::{go, task::TaskGroup};

fn main() {
    let shared = Rc::new(1);
    let group = TaskGroup::new();
    go!(in group => { println!("{shared}") });
}
