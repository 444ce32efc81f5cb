use std::rc::Rc;

use gocoro::{go, task};

fn main() {
    let shared = Rc::new(1);
    task::scope(|s| {
        go!(in s => { println!("{shared}") });
    });
}
