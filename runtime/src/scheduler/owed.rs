//! What a yield is owed: all tasks that were queued before it go first, unstarted ones included.
//!
//! A worker starts its newest task first, so the order of its queue does not tell which tasks were
//! there before the yield. But their number does. The worker owes that many starts of its oldest
//! unstarted task, and makes them before the task that yielded goes on. Tasks that are spawned
//! later are owed nothing.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use super::worker::Worker;
use crate::task::{Header, ReadyQueue};

/// The starts that a worker owes, in the order of the yields.
#[derive(Debug, Default)]
pub(super) struct Owed {
    before: RefCell<VecDeque<Starts>>,
    /// The sum of all `count`s in `before`.
    total: Cell<usize>,
}

/// `count` starts of the oldest unstarted task, due before the ready task at `place` goes on.
#[derive(Debug)]
struct Starts {
    place: usize,
    count: usize,
}

impl Owed {
    /// Notes that the tasks which yielded at `places` are owed the start of all `unstarted` tasks.
    fn add(&self, places: impl Iterator<Item = usize>, unstarted: usize, ready: &ReadyQueue) {
        for place in places {
            // Starts that are owed to earlier yields are made before this task goes on, so they
            // count for it too.
            let Some(count) = unstarted.checked_sub(self.total.get()).filter(|&count| count > 0)
            else {
                return;
            };
            if ready.distance(place) >= 0 {
                self.total.set(self.total.get() + count);
                self.before.borrow_mut().push_back(Starts { place, count });
            }
        }
    }

    /// Takes off one start that is due now. `false`: none is due.
    #[inline]
    fn take(&self, ready: &ReadyQueue) -> bool {
        let mut before = self.before.borrow_mut();
        let Some(first) = before.front_mut() else { return false };
        let distance = ready.distance(first.place);
        if distance < 0 {
            drop(before);
            self.forget_late(ready);
            return self.take(ready);
        }
        if distance > 0 {
            return false;
        }
        self.total.set(self.total.get() - 1);
        first.count -= 1;
        if first.count == 0 {
            before.pop_front();
        }
        true
    }

    /// Forgets starts that were owed to tasks which have gone on meanwhile, while there was nothing
    /// to start.
    #[cold]
    fn forget_late(&self, ready: &ReadyQueue) {
        let mut before = self.before.borrow_mut();
        while before.front().is_some_and(|first| ready.distance(first.place) < 0) {
            let late = before.pop_front().map_or(0, |late| late.count);
            self.total.set(self.total.get() - late);
        }
    }
}

impl Worker {
    /// Whether starts are owed. While they are, no other starts are made: one more for each yield
    /// would let the number of tasks that spawn and yield grow without end.
    ///
    /// Asked only while there are unstarted tasks, since without any nothing is owed.
    #[inline(always)]
    pub(super) fn owes_starts(&self) -> bool {
        if !self.core.yielded.borrow().is_empty() {
            self.note_yields();
        }
        self.owed.total.get() > 0
    }

    #[cold]
    fn note_yields(&self) {
        // Tasks that yielded earlier may have gone on while there was no unstarted task.
        self.owed.forget_late(&self.core.ready);
        let mut places = self.core.yielded.borrow_mut();
        self.owed.add(places.drain(..), self.unstarted.len(&self.core), &self.core.ready);
    }

    /// Starts a task that is due to start before the next ready task goes on.
    pub(super) fn start_owed(&self) -> Option<*const Header> {
        while self.owed.take(&self.core.ready) {
            let Some(task) = self.unstarted.pop_oldest(&self.core, self.seat()) else { continue };
            if let Some(task) = self.start(task) {
                return Some(task);
            }
        }
        None
    }
}
