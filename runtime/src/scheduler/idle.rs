//! Which workers sleep: a set that a spawn looks at, to have its task stolen.
//!
//! See `SLEEP.md`.

use std::sync::atomic::Ordering::{AcqRel, Relaxed, SeqCst};

use crate::loom::{AtomicUsize, fence};

/// The workers of one runtime that sleep, or are about to; and how many are looking for work.
///
/// Sets hold the first `usize::BITS` workers; those beyond share the last bit's place in turn, which
/// costs a wake that finds nothing, never a lost one.
#[derive(Debug)]
pub(crate) struct Idle {
    sleeping: AtomicUsize,
    searching: AtomicUsize,
}

fn bit(worker: usize) -> usize {
    1 << (worker % usize::BITS as usize)
}

impl Idle {
    pub(crate) fn new() -> Idle {
        Idle {
            sleeping: AtomicUsize::new(0),
            searching: AtomicUsize::new(0),
        }
    }

    /// The worker will look once more and then sleep.
    pub(crate) fn announce(&self, worker: usize) {
        self.sleeping.fetch_or(bit(worker), AcqRel);
        // Pairs with the fence in `wake_one`: either the look that follows finds the task, or the
        // spawner finds the announcement.
        fence(SeqCst);
    }

    /// The worker is awake.
    pub(crate) fn retract(&self, worker: usize) {
        if self.sleeping.load(Relaxed) & bit(worker) != 0 {
            self.sleeping.fetch_and(!bit(worker), AcqRel);
        }
    }

    /// After making a task stealable: the sleeping worker to wake, if there is one and none is
    /// looking already.
    pub(crate) fn wake_one(&self) -> Option<usize> {
        fence(SeqCst);
        if self.searching.load(Relaxed) != 0 {
            return None;
        }
        loop {
            let sleeping = self.sleeping.load(Relaxed);
            if sleeping == 0 {
                return None;
            }
            let worker = sleeping.trailing_zeros() as usize;
            if self.sleeping.fetch_and(!bit(worker), AcqRel) & bit(worker) != 0 {
                return Some(worker);
            }
        }
    }

    /// The worker looks for work in others' queues.
    pub(crate) fn start_search(&self) {
        self.searching.fetch_add(1, AcqRel);
    }

    /// It found some, or gave up. `true`: it was the last that looked, so somebody has to look
    /// again after the announcement, or be woken for the rest.
    pub(crate) fn end_search(&self) -> bool {
        let last = self.searching.fetch_sub(1, AcqRel) == 1;
        fence(SeqCst);
        last
    }
}
