use std::thread;

use gocoro::coroutine::Coroutine;

fn main() {
    let mut numbers: Coroutine<(), u32, ()> = Coroutine::new(|suspender, ()| suspender.suspend(1));
    numbers.resume(()).unwrap();
    thread::spawn(move || numbers.resume(()));
}
