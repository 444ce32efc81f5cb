use std::rc::Rc;

use gocoro::go;

fn main() {
    let shared = go!({ Rc::new(1) }).wait();
    println!("{shared}");
}
