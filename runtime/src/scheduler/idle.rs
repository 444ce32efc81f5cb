//! Which workers sleep: a set that a spawn looks at, to have its task stolen.
//!
//! See `SLEEP.md`.

use std::sync::atomic::Ordering::{AcqRel, Relaxed, SeqCst};

use crate::loom::{AtomicUsize, fence};

/// The workers of one runtime that sleep, or are about to; and how many are looking for work.
#[derive(Debug)]
pub(crate) struct Idle {
    /// A bit for each worker.
    sleeping: Box<[AtomicUsize]>,
    searching: AtomicUsize,
}

const WIDTH: usize = usize::BITS as usize;

fn bit(worker: usize) -> usize {
    1 << (worker % WIDTH)
}

impl Idle {
    pub(crate) fn new(workers: usize) -> Idle {
        let words = (0..workers.div_ceil(WIDTH)).map(|_| AtomicUsize::new(0));
        Idle { sleeping: words.collect(), searching: AtomicUsize::new(0) }
    }

    /// The worker will look once more and then sleep.
    pub(crate) fn announce(&self, worker: usize) {
        self.sleeping[worker / WIDTH].fetch_or(bit(worker), AcqRel);
        // Pairs with the fence in `wake_one`: either the look that follows finds the task, or the
        // spawner finds the announcement.
        fence(SeqCst);
    }

    /// The worker is awake. `true`: somebody took it out of the set, and counts on it to look.
    pub(crate) fn retract(&self, worker: usize) -> bool {
        let word = &self.sleeping[worker / WIDTH];
        word.load(Relaxed) & bit(worker) == 0
            || word.fetch_and(!bit(worker), AcqRel) & bit(worker) == 0
    }

    /// After making a task stealable: the sleeping worker to wake, if there is one and none is
    /// looking already.
    pub(crate) fn wake_one(&self) -> Option<usize> {
        fence(SeqCst);
        if self.searching.load(Relaxed) != 0 {
            return None;
        }
        for (at, word) in self.sleeping.iter().enumerate() {
            let mut sleeping = word.load(Relaxed);
            while sleeping != 0 {
                let first = sleeping.trailing_zeros() as usize;
                sleeping = word.fetch_and(!bit(first), AcqRel);
                if sleeping & bit(first) != 0 {
                    return Some(at * WIDTH + first);
                }
            }
        }
        None
    }

    /// The worker looks for work in others' queues.
    pub(crate) fn start_search(&self) {
        self.searching.fetch_add(1, AcqRel);
    }

    /// It found some, or gave up. `true`: it was the last that looked, so while it did, spawns may
    /// have counted on it: one that gave up looks again after it has announced that it sleeps, and
    /// one that found some has another worker woken for the rest. Either has its fence.
    pub(crate) fn end_search(&self) -> bool {
        self.searching.fetch_sub(1, AcqRel) == 1
    }
}
