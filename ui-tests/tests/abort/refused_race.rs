//! Refused where panics abort.

use gocoro::task;

fn main() {
    println!("{:?}", task::race((|| 1, || 2)));
}
