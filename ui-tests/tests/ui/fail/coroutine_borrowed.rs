use std::mem;

use gocoro::coroutine::Coroutine;
use gocoro::coroutine::iter::generate;

// What is suspended may be leaked, and then outlives whatever it borrows.
fn body() {
    let text = String::from("text");
    let coroutine: Coroutine<(), usize, ()> =
        Coroutine::new(|suspender, ()| suspender.suspend(text.len()));
    mem::forget(coroutine);
}

fn generator() {
    let numbers = [1, 2, 3];
    let mut items = generate(|emitter| numbers.iter().for_each(|number| emitter.emit(number)));
    items.next();
}

fn main() {}
