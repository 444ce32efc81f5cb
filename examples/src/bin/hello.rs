//! Lesson: spawn and join.
//!
//! `go!` queues a task and returns at once; `wait` suspends the caller until the task has ended and
//! hands over what it returned. Nothing marks a function that suspends: `greet` is plain Rust and
//! could be called from any thread as well.
//!
//! Run it: `cargo run -p gocoro-examples --bin hello`

use gocoro::{go, go_main, time};
use std::time::Duration;

fn greet(name: &str, pause: Duration) -> String {
    time::sleep(pause); // suspends this task; its worker thread runs the others
    format!("hello from {name}")
}

#[go_main]
fn main() {
    let names = ["the first task", "the second task", "the third task"];
    let handles: Vec<_> = names
        .into_iter()
        .enumerate()
        .map(|(i, name)| go!(greet(name, Duration::from_millis(30 - 10 * i as u64))))
        .collect();

    // The three sleeps run side by side; joining in spawn order keeps the output in order.
    for handle in handles {
        println!("{}", handle.wait());
    }
}
