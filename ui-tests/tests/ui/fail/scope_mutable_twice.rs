//! Two children cannot both borrow something mutably.

use gocoro::task;

fn main() {
    let mut count = 0;
    task::scope(|s| {
        s.spawn(|| count += 1);
        s.spawn(|| count += 1);
    });
}
