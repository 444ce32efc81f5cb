//! A child of a scope cannot borrow what lives in the scope only, and its handle cannot leave.

use gocoro::task;

fn main() {
    task::scope(|s| {
        let text = String::from("short-lived");
        s.spawn(|| println!("{text}"));
    });
}
