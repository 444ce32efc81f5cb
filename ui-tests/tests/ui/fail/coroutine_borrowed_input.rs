use std::mem;
use std::thread;

use gocoro::coroutine::{Coroutine, Suspender};

// What is suspended may be leaked: then the child still writes to what was handed in.
fn main() {
    let mut number = 1;
    let mut coroutine =
        Coroutine::new(|suspender: &Suspender<&'static mut u32, ()>, number: &'static mut u32| {
            thread::scope(|scope| {
                scope.spawn(|| *number += 1);
                suspender.suspend(());
            });
        });
    coroutine.resume(&mut number).unwrap();
    mem::forget(coroutine);
}
