//! The tasks of a group return the same kind of value.

use gocoro::{go, task::TaskGroup};

fn main() {
    let group = TaskGroup::<u32>::new();
    go!(in group => { String::new() });
}
