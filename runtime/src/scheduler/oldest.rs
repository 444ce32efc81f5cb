//! Unstarted tasks that go before newer ones, so that newer ones cannot keep them from starting.
//!
//! Starting the oldest task of a fork-join tree opens another subtree, which needs stacks of its
//! own. So the next old task is started when the earlier ones have ended or wait for something that
//! no task brings. Otherwise it is started after a pause, which is longer the more subtrees are
//! open.

use std::cell::{Cell, RefCell};
use std::time::Instant;

use super::worker::Worker;
use crate::clock;
use crate::limits::{OLDEST_BRANCHES_MAX, OLDEST_PAUSE};
use crate::task::{Header, Run, TaskRef};

/// The tasks that a worker has started before newer ones.
#[derive(Debug)]
pub(super) struct OldestFirst {
    /// The started old tasks that may still hold the next one up, the newest last. If they are more
    /// than [`OLDEST_BRANCHES_MAX`], the oldest are forgotten.
    branches: RefCell<Vec<TaskRef>>,
    /// When the start of the next old task was first asked for.
    since: Cell<Option<Instant>>,
}

impl OldestFirst {
    pub(super) fn new() -> OldestFirst {
        OldestFirst {
            branches: RefCell::new(Vec::with_capacity(OLDEST_BRANCHES_MAX)),
            since: Cell::new(None),
        }
    }

    /// Whether `worker`, to which this belongs, may start its oldest task now.
    pub(super) fn is_free(&self, worker: u16) -> bool {
        let mut branches = self.branches.take();
        branches.retain(|task| is_branch(task, worker));
        let count = branches.len();
        self.branches.replace(branches);
        if count == 0 {
            return true;
        }
        let now = clock::now();
        let since = self.since.get().unwrap_or(now);
        self.since.set(Some(since));
        now - since >= OLDEST_PAUSE * (1 << (count - 1))
    }

    /// Notes that `task` is started before newer ones.
    pub(super) fn start(&self, task: &TaskRef) {
        self.since.set(None);
        let mut branches = self.branches.take();
        if branches.len() == OLDEST_BRANCHES_MAX {
            drop(branches.remove(0));
        }
        branches.push(task.clone());
        self.branches.replace(branches);
    }
}

impl Worker {
    /// Starts the oldest unstarted task, unless earlier old tasks hold it up.
    #[cold]
    pub(super) fn start_oldest(&self) -> Option<*const Header> {
        if self.unstarted.is_empty(&self.core) || !self.oldest_first.is_free(self.core.mailbox.id())
        {
            return None;
        }
        let task = self.unstarted.pop_oldest(&self.core, self.seat())?;
        self.oldest_first.start(&task);
        self.start(task)
    }
}

/// Whether a task is under way on `worker` and does not wait for the outside, so that it may hold
/// the next old task up.
fn is_branch(task: &TaskRef, worker: u16) -> bool {
    // A task that got no stack here may have another owner by now, and only its owner may read its
    // state.
    task.word.is_owned_by(worker)
        && (task.run.get() != Run::Parked || !task.reason.get().is_external())
}
