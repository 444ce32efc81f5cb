//! Lesson: who waits for whom, when nothing goes on.
//!
//! Five philosophers sit around a table, with a fork between each two. Who eats needs both forks
//! beside him. If all take the left one first, each may have one and wait for the other for ever.
//!
//! 1. `greedy` philosophers do that. The last of them closes a cycle, and a moment later the
//!    program says on standard error which tasks wait for each other, at which lock, and where they
//!    were spawned. It does so though the waiter still walks around. `deadlock = "abort"` then ends
//!    the program. Without it the program would go on, less five tasks.
//! 2. `orderly` philosophers take the fork with the lower number first. So no cycle can close: the
//!    last one waits for the first fork before he has any.
//!
//! Run it: `cargo run -p gocoro-examples --bin philosophers`, which deadlocks and aborts. With
//! `--self-test` the philosophers are orderly, eat, and leave.

use gocoro::sync::{Arc, Barrier, Mutex};
use gocoro::task::{self, JoinHandle};
use gocoro::{go, go_main, time};
use std::env;
use std::time::Duration;

const SEATS: usize = 5;
const COURSES: usize = 100;

/// How often the fork was used.
type Fork = Mutex<usize>;

/// Takes the left fork, waits until everybody has his, and takes the right one.
fn greedy(seat: usize, forks: &[Fork; SEATS], all_have_one: &Barrier) {
    let mut left = forks[seat].lock().unwrap();
    all_have_one.wait();
    let mut right = forks[(seat + 1) % SEATS].lock().unwrap();
    *left += 1;
    *right += 1;
}

/// Takes the fork with the lower number first.
fn orderly(seat: usize, forks: &[Fork; SEATS]) {
    let other = (seat + 1) % SEATS;
    let mut first = forks[seat.min(other)].lock().unwrap();
    task::yield_now();
    let mut second = forks[seat.max(other)].lock().unwrap();
    *first += 1;
    *second += 1;
}

/// Seats a philosopher for each fork.
fn dine(eat: impl Fn(usize) + Clone + Send + 'static) -> Vec<JoinHandle<()>> {
    let seated = (0..SEATS).map(|seat| {
        let eat = eat.clone();
        let philosopher = task::Builder::new().name(format!("philosopher {seat}"));
        philosopher.spawn(move || eat(seat)).expect("the runtime is open")
    });
    seated.collect()
}

#[go_main(deadlock = "abort")]
fn main() {
    let forks: Arc<[Fork; SEATS]> = Arc::default();
    let table = forks.clone();
    let philosophers = if env::args().any(|argument| argument == "--self-test") {
        dine(move |seat| (0..COURSES).for_each(|_| orderly(seat, &table)))
    } else {
        drop(go!(daemon, name = "waiter" => { loop { time::sleep(Duration::from_millis(5)) } }));
        let all_have_one = Arc::new(Barrier::new(SEATS));
        dine(move |seat| greedy(seat, &table, &all_have_one))
    };
    philosophers.into_iter().for_each(JoinHandle::wait);
    let used: usize = forks.iter().map(|fork| *fork.lock().unwrap()).sum();
    assert_eq!(used, 2 * SEATS * COURSES);
    println!("{SEATS} philosophers have eaten {COURSES} courses each");
}
