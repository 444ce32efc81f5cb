use std::thread;

use gocoro::coroutine::Coroutine;
use gocoro::go;

fn main() {
    let mut numbers: Coroutine<(), u32, ()> = Coroutine::new(|suspender, ()| suspender.suspend(1));
    numbers.resume(()).unwrap();
    thread::spawn(move || numbers.resume(()));

    let mut more: Coroutine<(), u32, ()> = Coroutine::new(|suspender, ()| suspender.suspend(2));
    go!({ more.resume(()).unwrap() }).wait();
}
