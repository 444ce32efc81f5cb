use std::rc::Rc;

use gocoro::go;

fn main() {
    let shared = Rc::new(1);
    go!(name = "counter" => { println!("{shared}") }).wait();
}
