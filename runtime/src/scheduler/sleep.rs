//! A worker with nothing to run: it looks at the others' queues, then sleeps. The protocol is in
//! `SLEEP.md`.

use std::time::Duration;

use super::worker::{Wait, Worker};
use crate::clock;

/// Idle stacks that give pages back before one sleep.
const TRIM_MOST: usize = 64;

impl Worker {
    /// Looks for unstarted tasks of other workers.
    pub(super) fn search(&self) -> bool {
        if self.shared.seats.len() == 1 || self.starved.get() {
            return false;
        }
        self.shared.idle.start_search();
        let found = self.steal();
        let last = self.shared.idle.end_search();
        if !found {
            return false;
        }
        if last {
            // While this one was looking, spawns woke nobody.
            self.shared.wake_thief();
        }
        true
    }

    pub(super) fn steal(&self) -> bool {
        let Some(task) = self.shared.steal(self.index) else {
            return false;
        };
        self.unstarted.push(task);
        true
    }

    /// Waits until something comes. The protocol is in SLEEP.md.
    pub(super) fn sleep(&self, wait: Wait) -> bool {
        let alone = self.shared.seats.len() == 1;
        if !alone {
            self.shared.idle.announce(self.index);
            // Not counted as a search: a spawn that sees one going on does not look for sleepers.
            if !self.starved.get() && self.steal() {
                self.shared.idle.retract(self.index);
                return true;
            }
        }
        let mut came = true;
        if self.core.mailbox.announce_sleep() {
            let now = clock::now();
            let timer = self.core.timers.borrow_mut().until_next(now);
            let limit = match wait {
                Wait::Until(at) => Some(at.saturating_duration_since(now)),
                Wait::Yes | Wait::No => None,
            };
            let timeout = timer.into_iter().chain(limit).min();
            if timeout.is_none_or(|t| t > Duration::from_millis(1)) {
                self.core.stacks.borrow_mut().trim(TRIM_MOST);
            }
            self.poll(timeout);
            came = self.has_work() || timer.is_some();
        }
        // Also takes the announcement back.
        self.drain();
        if !alone {
            self.shared.idle.retract(self.index);
        }
        came | self.has_work()
    }
}
