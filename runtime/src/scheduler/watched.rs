//! A worker's batch of tasks while somebody watches: a `tracing` subscriber, which is told when
//! tasks had to wait for long.
//!
//! What is watched is learned between two tasks. So this is a loop of its own, which a turn chooses
//! once, and the usual loop pays nothing for it.

use super::worker::Worker;
use crate::clock::Coarse;
use crate::limits::RESUMED_LATE;
use crate::task::{Header, Run};
use crate::trace::{self, Late};

impl Worker {
    /// Whether the next batch is run by [`Worker::run_watched`].
    #[inline(always)]
    pub(super) fn is_watched(&self) -> bool {
        trace::is_on()
    }

    /// Runs a batch of tasks, as a turn does. Whether it has run any.
    #[cold]
    #[inline(never)]
    pub(super) fn run_watched(&self) -> bool {
        let pace = &self.core.pace;
        let mut ran = false;
        loop {
            let Some(task) = self.pick() else {
                self.core.picked.set(self.core.picked.get().wrapping_sub(1));
                pace.pause();
                return ran;
            };
            // SAFETY: a picked task is alive, and belongs to this worker.
            let task = unsafe { &*task };
            self.run_one_watched(task);
            super::check_not_forked();
            ran = true;
            if !pace.goes_on() {
                return true;
            }
        }
    }

    /// Runs a task that was picked until it suspends or ends, and lets go of it if it has ended.
    fn run_one_watched(&self, task: &Header) {
        let begun = Coarse::now();
        self.switch_to(task);
        let waited = begun.elapsed();
        if waited >= RESUMED_LATE {
            let ready = self.core.ready.len() + usize::from(!self.core.next.get().is_null());
            let tasks = ready + self.unstarted.own() + self.seat().unstarted();
            if tasks > 0 {
                let (runtime, worker) = (self.shared.id, self.index);
                trace::resumed_late(&Late { runtime, worker, tasks, behind: task, waited });
            }
        }
        if task.run.get() == Run::Done {
            self.finish(task);
        }
    }
}
