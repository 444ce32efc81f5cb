//! How long a worker's tasks live: what decides whether it pays to hand new ones to other workers.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::limits::SHORT_LIVED;

/// The time over which ends of tasks are counted.
const WINDOW: Duration = SHORT_LIVED;

/// An estimate of how long the tasks of one worker live, by Little's law: if as many tasks end in a
/// time as are alive, they live that long on average.
#[derive(Debug)]
pub(super) struct Lifetimes {
    /// When the window began.
    since: Cell<Instant>,
    /// How many tasks had ended then.
    ended: Cell<u64>,
    /// What the last window told.
    short: Cell<bool>,
}

impl Lifetimes {
    pub(super) fn new(now: Instant) -> Lifetimes {
        Lifetimes { since: Cell::new(now), ended: Cell::new(0), short: Cell::new(false) }
    }

    /// Whether tasks live for less than [`SHORT_LIVED`] on average, as far as is known. `live`
    /// tasks are alive, and `ended` have ended since the worker began.
    pub(super) fn are_short(&self, now: Instant, live: usize, ended: u64) -> bool {
        let passed = now.duration_since(self.since.get());
        if passed >= WINDOW {
            let ends = ended - self.ended.get();
            // ends / passed > live / SHORT_LIVED, in whole numbers.
            let expected = live as u128 * passed.as_nanos();
            self.short.set(u128::from(ends) * SHORT_LIVED.as_nanos() > expected);
            self.since.set(now);
            self.ended.set(ended);
        }
        self.short.get()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn many_ends_beside_few_tasks_tell_of_short_lives() {
        let start = Instant::now();
        let lifetimes = Lifetimes::new(start);
        assert!(!lifetimes.are_short(start + WINDOW / 2, 10, 1000), "the window is not over");
        assert!(lifetimes.are_short(start + WINDOW, 10, 1000));
        assert!(lifetimes.are_short(start + WINDOW * 3 / 2, 10, 1000), "known until the next one");
        assert!(!lifetimes.are_short(start + WINDOW * 2, 10, 1010), "ten ends of ten tasks");
    }

    #[test]
    fn ends_count_by_the_time_they_took() {
        let start = Instant::now();
        let lifetimes = Lifetimes::new(start);
        assert!(!lifetimes.are_short(start + WINDOW * 100, 10, 1000), "a second for 1000 ends");
        assert!(lifetimes.are_short(start + WINDOW * 101, 10, 1011));
    }
}
