//! The unstarted tasks of a worker, which itself takes the newest, while others take the oldest.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use crossbeam_deque::Worker as Deque;

use super::Seat;
use crate::current::Core;
use crate::limits::UNSTARTED_KEPT;
use crate::task::TaskRef;

/// The unstarted tasks of one worker. The worker's core has an upper bound of their number, and the
/// newest of those that only this worker may start, so that a task which is joined right after its
/// spawn comes no further than there.
pub(super) struct Unstarted {
    /// Tasks that any worker of the runtime may start.
    deque: Deque<TaskRef>,
    /// Tasks that only this worker may start: local ones, or all, if there is no other worker. They
    /// are older than the one that the core has.
    local: RefCell<VecDeque<TaskRef>>,
    /// Whether this is the runtime's only worker.
    alone: bool,
    /// Whether the next oldest task comes from `local`, not from `deque`.
    locals_turn: Cell<bool>,
}

impl Unstarted {
    pub(super) fn new(deque: Deque<TaskRef>, alone: bool) -> Unstarted {
        Unstarted { deque, local: RefCell::default(), alone, locals_turn: Cell::new(true) }
    }

    /// Whether this is the runtime's only worker.
    #[inline(always)]
    pub(super) fn is_alone(&self) -> bool {
        self.alone
    }

    /// How many tasks only this worker may start.
    pub(super) fn own(&self, core: &Core) -> usize {
        self.local.borrow().len() + core.newest.len()
    }

    #[inline(always)]
    pub(super) fn push(&self, core: &Core, task: TaskRef) {
        core.unstarted.set(core.unstarted.get() + 1);
        if !self.alone && !task.kind.local {
            return self.deque.push(task);
        }
        if let Some(older) = core.newest.replace(task) {
            self.push_older(older);
        }
    }

    #[inline(never)]
    fn push_older(&self, task: TaskRef) {
        self.local.borrow_mut().push_back(task);
    }

    /// Takes the newest task.
    #[inline(always)]
    pub(super) fn pop(&self, core: &Core) -> Option<TaskRef> {
        if let Some(task) = core.newest.take() {
            core.unstarted.set(core.unstarted.get() - 1);
            return Some(task);
        }
        if core.unstarted.get() == 0 {
            return None;
        }
        self.pop_older(core)
    }

    #[inline(never)]
    fn pop_older(&self, core: &Core) -> Option<TaskRef> {
        let local = self.local.borrow_mut().pop_back();
        let task = local.or_else(|| self.deque.pop());
        core.unstarted.set(if task.is_some() { core.unstarted.get() - 1 } else { 0 });
        task
    }

    /// Takes the oldest task. `seat` is that of this worker.
    pub(super) fn pop_oldest(&self, core: &Core, seat: &Seat) -> Option<TaskRef> {
        if core.unstarted.get() == 0 {
            return None;
        }
        let older = || self.local.borrow_mut().pop_front();
        let local = || older().or_else(|| core.newest.take());
        if self.alone {
            let task = local()?;
            core.unstarted.set(core.unstarted.get() - 1);
            return Some(task);
        }
        // The two kinds take turns, so that neither keeps the other from starting.
        let task = if self.locals_turn.replace(!self.locals_turn.get()) {
            local().or_else(|| seat.steal_oldest())
        } else {
            seat.steal_oldest().or_else(local)
        }?;
        core.unstarted.set(core.unstarted.get() - 1);
        Some(task)
    }

    /// Gives memory back that a burst of tasks took. The other queue does that by itself.
    #[inline]
    pub(super) fn tidy(&self) {
        shrink(&mut self.local.borrow_mut());
    }

    #[inline]
    pub(super) fn is_empty(&self, core: &Core) -> bool {
        if core.unstarted.get() == 0 {
            return true;
        }
        // Nobody takes tasks of a worker that has no others beside it, so its count is exact.
        let empty = !self.alone && self.own(core) == 0 && self.deque.is_empty();
        if empty {
            // The count may be set to zero, since nobody but this worker adds tasks.
            core.unstarted.set(0);
        }
        empty
    }

    /// The exact number of unstarted tasks here, which thieves may lower at any time.
    pub(super) fn len(&self, core: &Core) -> usize {
        self.deque.len() + self.own(core)
    }
}

/// Halves the memory of a queue that uses less than a quarter, so that each task has paid for what
/// is moved.
#[inline]
fn shrink<T>(queue: &mut VecDeque<T>) {
    let capacity = queue.capacity();
    if capacity > UNSTARTED_KEPT && queue.len() < capacity / 4 {
        queue.shrink_to((capacity / 2).max(UNSTARTED_KEPT));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_queue_gives_the_memory_of_a_burst_back() {
        let mut queue: VecDeque<usize> = (0..16 * UNSTARTED_KEPT).collect();
        while queue.len() > 1 {
            queue.pop_back();
            shrink(&mut queue);
            assert!(queue.capacity() <= (4 * queue.len() + 4).max(UNSTARTED_KEPT));
        }
        assert_eq!((queue.capacity(), queue.pop_front()), (UNSTARTED_KEPT, Some(0)));
    }
}
