//! What becomes of a task's panic, besides its report and its joiner.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::{Shared, current_worker};

impl Shared {
    #[cold]
    pub(super) fn count_panic(&self) {
        self.panics.fetch_add(1, Relaxed);
    }

    /// Ends the runtime because of a panic.
    pub(crate) fn fail(self: &Arc<Self>) {
        self.failed.store(true, Release);
        self.close();
    }

    /// Whether a panic ended the runtime.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Acquire)
    }
}

/// Counts a panic that somebody else than the running task's joiner is told of.
pub(crate) fn count_panic() {
    if let Some(worker) = current_worker() {
        worker.shared().count_panic();
    }
}
