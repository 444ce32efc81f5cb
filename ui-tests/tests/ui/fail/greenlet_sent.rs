use std::thread;

use gocoro::coroutine::Greenlet;

fn main() {
    let numbers: Greenlet<u32> = Greenlet::new(|n: u32| n);
    thread::spawn(move || numbers.switch_to(2));
}
