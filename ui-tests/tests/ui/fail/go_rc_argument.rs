use std::rc::Rc;

use gocoro::go;

fn show(shared: Rc<u32>) {
    println!("{shared}");
}

fn main() {
    go!(show(Rc::new(1))).wait();
}
