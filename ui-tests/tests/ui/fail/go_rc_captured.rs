use std::cell::Cell;
use std::rc::Rc;

use gocoro::go;

fn main() {
    let shared = Rc::new(Cell::new(1));
    go!({ shared.set(2) }).wait();
}
