//! What a group and its members share: who has ended.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::clock;
use crate::park;
use crate::task::{Reason, Unparker};

#[derive(Default)]
pub(super) struct Shared(Mutex<State>);

#[derive(Default)]
pub(super) struct State {
    /// Members that have ended, and whose results were not taken.
    pub(super) ended: VecDeque<usize>,
    /// How many have ended, ever.
    pub(super) ended_count: usize,
    waiter: Option<Unparker>,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `look` finds something; `None` if the deadline comes first.
    pub(super) fn wait<R>(
        &self,
        reason: Reason,
        deadline: Option<Instant>,
        mut look: impl FnMut(&mut State) -> Option<R>,
    ) -> Option<R> {
        loop {
            let (target, unparker) = park::waiter();
            {
                let mut state = self.lock();
                if let Some(found) = look(&mut state) {
                    return Some(found);
                }
                state.waiter = Some(unparker);
            }
            if deadline.is_some_and(|at| clock::now() >= at) {
                return None;
            }
            park::park_record(&target, reason, deadline, || false);
        }
    }
}

/// In a member's closure: says that it has ended, however it has.
pub(super) struct Ending {
    pub(super) shared: Arc<Shared>,
    pub(super) index: usize,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let waiter = {
            let mut state = self.shared.lock();
            state.ended.push_back(self.index);
            state.ended_count += 1;
            state.waiter.take()
        };
        if let Some(waiter) = waiter {
            waiter.unpark();
        }
    }
}
