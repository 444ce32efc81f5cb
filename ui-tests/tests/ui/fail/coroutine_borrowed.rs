use std::mem;
use std::thread;

use gocoro::coroutine::Coroutine;
use gocoro::coroutine::iter::generate;

// What is suspended may be leaked, and then outlives whatever it borrows.
fn body() {
    let text = String::from("text");
    let coroutine: Coroutine<(), usize, ()> =
        Coroutine::new(|suspender, ()| suspender.suspend(text.len()));
    mem::forget(coroutine);
}

// So it may be lent to other threads, which then still read it.
fn input() {
    let mut number = 1;
    let mut coroutine: Coroutine<&mut u32, (), ()> = Coroutine::new(|suspender, number| {
        thread::scope(|scope| {
            scope.spawn(|| *number += 1);
            suspender.suspend(());
        });
    });
    coroutine.resume(&mut number).unwrap();
    mem::forget(coroutine);
}

fn generator() {
    let numbers = [1, 2, 3];
    let mut items = generate(|emitter| numbers.iter().for_each(|number| emitter.emit(number)));
    items.next();
}

fn main() {}
