//! What becomes of a task's panic, besides its report and its joiner.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::{Shared, current_worker};
use crate::{current, park};

/// What a panic does in a task whose join handle is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum OnPanic {
    /// Nothing else.
    #[default]
    Report,
    /// The process aborts.
    Abort,
    /// All tasks are cancelled, and the program fails.
    Cancel,
}

impl Shared {
    /// Counts a panic, and does with it what was asked for if nobody can join the task.
    #[cold]
    pub(super) fn task_panicked(self: &Arc<Self>, detached: bool) {
        self.panics.fetch_add(1, Relaxed);
        if !detached {
            return;
        }
        match self.on_panic.get().copied().unwrap_or_default() {
            OnPanic::Report => {}
            OnPanic::Abort => {
                // Not `eprintln`, which panics when stderr is closed.
                let _ = writeln!(
                    std::io::stderr(),
                    "gocoro: nobody joins that task, and on_panic is \"abort\"; aborting"
                );
                std::process::abort();
            }
            OnPanic::Cancel => {
                self.failed.store(true, Release);
                self.close();
            }
        }
    }

    /// Whether a panic ended the program.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Acquire)
    }
}

/// Counts a panic that somebody else than the running task's joiner is told of.
pub(crate) fn count_panic() {
    if let Some(worker) = current_worker() {
        worker.shared().task_panicked(false);
    }
}

/// In a task of a runtime that is ending: waits until the task has been told.
pub(crate) fn await_cancel_of_closed() {
    while let (Some(worker), Some((_, task))) = (current_worker(), current::task())
        && worker.shared().is_closed()
        && !task.word.is_cancelled()
    {
        park::yield_now();
    }
}
