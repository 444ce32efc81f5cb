//! What a clone's method borrows is borrowed by the spawner: the block form does it in the task.

use gocoro::go;

fn print(text: &str) {
    println!("{text}");
}

fn main() {
    let text = String::from("on the spawner's stack");
    go!(clone(text) => print(text.trim())).wait();
    println!("{text}");
}
