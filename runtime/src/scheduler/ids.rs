//! Numbers of tasks, each given once in the process.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits::ID_BLOCK;

/// Numbers that a worker has taken in advance for its tasks, so that not every spawn writes to the
/// counter that all threads share.
#[derive(Debug, Default)]
pub(super) struct Ids {
    next: Cell<u64>,
    /// The first number that does not belong to this worker.
    end: Cell<u64>,
}

impl Ids {
    #[inline(always)]
    pub(super) fn next(&self) -> u64 {
        if self.next.get() == self.end.get() {
            self.next.set(take(ID_BLOCK));
            self.end.set(self.next.get() + ID_BLOCK);
        }
        self.next.replace(self.next.get() + 1)
    }
}

/// A number for a task that is spawned outside of the workers.
pub(crate) fn take_id() -> u64 {
    take(1)
}

fn take(count: u64) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(count, Ordering::Relaxed)
}
