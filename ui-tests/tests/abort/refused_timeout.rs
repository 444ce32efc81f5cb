//! Refused where panics abort.

use std::time::Duration;

use gocoro::time::{sleep, timeout};

fn main() {
    let late = timeout(Duration::from_millis(1), || sleep(Duration::from_secs(1)));
    println!("{late:?}");
}
