//! Which workers sleep: the set in which a spawn finds a thief to wake. The protocol is in
//! `SLEEP.md`.

use std::sync::atomic::Ordering::{AcqRel, Relaxed, SeqCst};

use crate::loom::{AtomicUsize, fence};

/// Which workers of one runtime sleep or are about to, and how many look for work.
#[derive(Debug)]
pub(crate) struct Idle {
    /// A bit for each worker, which is set while the worker sleeps.
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

    /// Announces that the worker will look once more and then sleep.
    pub(crate) fn announce(&self, worker: usize) {
        self.sleeping[worker / WIDTH].fetch_or(bit(worker), AcqRel);
        // The fence pairs with that of `wake_one`: either the worker's next look finds the task, or
        // the spawner finds the announcement.
        fence(SeqCst);
    }

    /// Notes that the worker is awake. `true`: a spawner took the worker out of the set, and counts
    /// on it to look.
    pub(crate) fn retract(&self, worker: usize) -> bool {
        let word = &self.sleeping[worker / WIDTH];
        word.load(Relaxed) & bit(worker) == 0
            || word.fetch_and(!bit(worker), AcqRel) & bit(worker) == 0
    }

    /// Called after a task was made stealable. Returns the sleeping worker to wake, unless none
    /// sleeps or another worker is looking already.
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

    /// Notes that a worker begins to look for work in others' queues.
    pub(crate) fn start_search(&self) {
        self.searching.fetch_add(1, AcqRel);
    }

    /// Notes that a worker has found work, or has given up. `true`: no other worker is looking, so
    /// spawns may have counted on this one. A worker that gave up then looks again after it has
    /// announced that it sleeps; a worker that found work has another one woken for the rest. Both
    /// ways pass a fence.
    pub(crate) fn end_search(&self) -> bool {
        self.searching.fetch_sub(1, AcqRel) == 1
    }
}
