//! The unstarted tasks of a worker: newest first for itself, oldest first for others.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use crossbeam_deque::Worker as Deque;

use super::Seat;
use crate::task::TaskRef;

/// The queue of one worker.
pub(super) struct Unstarted {
    /// Those that other workers may take.
    deque: Deque<TaskRef>,
    /// Those that only this worker may start, or that no other is there to start.
    local: RefCell<VecDeque<TaskRef>>,
    /// Not fewer than there are: thieves do not count what they take.
    count: Cell<usize>,
    /// No other worker is there.
    alone: bool,
    /// Of which kind the next oldest one is.
    locals_turn: Cell<bool>,
}

impl Unstarted {
    pub(super) fn new(deque: Deque<TaskRef>, alone: bool) -> Unstarted {
        Unstarted {
            deque,
            local: RefCell::default(),
            count: Cell::new(0),
            alone,
            locals_turn: Cell::new(true),
        }
    }

    #[inline]
    pub(super) fn push(&self, task: TaskRef) {
        self.count.set(self.count.get() + 1);
        if self.alone || task.kind.local {
            self.local.borrow_mut().push_back(task);
        } else {
            self.deque.push(task);
        }
    }

    /// Takes the newest.
    #[inline]
    pub(super) fn pop(&self) -> Option<TaskRef> {
        if self.count.get() == 0 {
            return None;
        }
        let local = self.local.borrow_mut().pop_back();
        let task = local.or_else(|| self.deque.pop());
        self.count.set(if task.is_some() { self.count.get() - 1 } else { 0 });
        task
    }

    /// Takes the oldest; `seat` is this worker's own.
    pub(super) fn pop_oldest(&self, seat: &Seat) -> Option<TaskRef> {
        if self.count.get() == 0 {
            return None;
        }
        let local = || self.local.borrow_mut().pop_front();
        // In turn, so that neither kind keeps the other from starting.
        let task = if self.locals_turn.replace(!self.locals_turn.get()) {
            local().or_else(|| seat.steal_oldest())
        } else {
            seat.steal_oldest().or_else(local)
        }?;
        self.count.set(self.count.get() - 1);
        Some(task)
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.count.get() == 0 || (self.deque.is_empty() && self.local.borrow().is_empty())
    }
}
