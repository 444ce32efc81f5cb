//! Refused where panics abort.

use std::time::{Duration, Instant};

use gocoro::time::{sleep, timeout_at};

fn main() {
    let soon = Instant::now() + Duration::from_millis(1);
    let late = timeout_at(soon, || sleep(Duration::from_secs(1)));
    println!("{late:?}");
}
