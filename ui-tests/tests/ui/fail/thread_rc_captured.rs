use std::cell::Cell;
use std::rc::Rc;

use gocoro::thread;

fn main() {
    let shared = Rc::new(Cell::new(1));
    thread::spawn(move || shared.set(2)).join().unwrap();
}
