//! Unstarted tasks that go before newer ones, so that those cannot keep them from starting.
//!
//! In a tree of tasks that wait for their children, the oldest is the root of a whole subtree, which would have come
//! later by itself: each one that is started early is another branch under way, with its stacks. So there is one at
//! a time: the next may go when the last has ended, or waits for what no task brings. One that waits for tasks
//! for long holds the others up for a while only, each time for longer than the time before.

use std::cell::{Cell, RefCell};
use std::time::Instant;

use crate::clock;
use crate::limits::{EARLY_PAUSE, EARLY_PAUSE_MAX};
use crate::task::{Run, TaskRef};

/// The task of a worker that was started early last.
#[derive(Debug)]
pub(super) struct Early {
    last: RefCell<Option<TaskRef>>,
    /// Until when it holds the next one up, since that was first asked for.
    until: Cell<Option<Instant>>,
    /// For how long it does.
    pause: Cell<std::time::Duration>,
}

impl Early {
    pub(super) fn new() -> Early {
        Early { last: RefCell::default(), until: Cell::new(None), pause: Cell::new(EARLY_PAUSE) }
    }

    /// Whether another task may be started early, by the worker with this number.
    pub(super) fn is_free(&self, worker: u16) -> bool {
        if !self.last.borrow().as_ref().is_some_and(|last| is_branch(last, worker)) {
            self.pause.set(EARLY_PAUSE);
            return true;
        }
        let now = clock::now();
        let until = self.until.get().unwrap_or(now + self.pause.get());
        self.until.set(Some(until));
        if now < until {
            return false;
        }
        self.pause.set((2 * self.pause.get()).min(EARLY_PAUSE_MAX));
        true
    }

    /// This one is started early.
    pub(super) fn start(&self, task: &TaskRef) {
        self.until.set(None);
        self.last.replace(Some(task.clone()));
    }
}

/// Whether a task is under way on this worker, and does not wait for the outside.
fn is_branch(task: &TaskRef, worker: u16) -> bool {
    // One that got no stack may be another worker's by now, and its state with it.
    task.word.is_owned_by(worker)
        && (task.run.get() != Run::Parked || !task.reason.get().is_external())
}
