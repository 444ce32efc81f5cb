//! One worker's queue of tasks that are ready to go on.

use std::cell::{Cell, UnsafeCell};
use std::collections::VecDeque;

use super::Header;

/// A first-in, first-out queue, for one thread. Entries are bare pointers, for a worker holds a
/// reference to each of its started tasks anyway.
#[derive(Debug, Default)]
pub(crate) struct ReadyQueue {
    entries: UnsafeCell<VecDeque<*const Header>>,
    /// How many entries have been taken out, modulo the range of `usize`.
    taken: Cell<usize>,
}

impl ReadyQueue {
    #[inline(always)]
    pub(crate) fn push(&self, task: *const Header) {
        // SAFETY: `ReadyQueue` is not `Sync`, and nothing in these methods runs foreign code, so no
        // second borrow can exist.
        unsafe { (*self.entries.get()).push_back(task) };
    }

    /// Takes the entry out that was pushed last.
    pub(crate) fn unpush(&self) {
        // SAFETY: no second borrow of the entries exists, as `push` says.
        unsafe { (*self.entries.get()).pop_back() };
    }

    #[inline(always)]
    pub(crate) fn pop(&self) -> Option<*const Header> {
        // SAFETY: no second borrow of the entries exists, as `push` says.
        let task = unsafe { (*self.entries.get()).pop_front() };
        self.taken.set(self.taken.get().wrapping_add(usize::from(task.is_some())));
        task
    }

    /// The place of the entry that is pushed next. Places are numbered in the order of pushes,
    /// modulo the range of `usize`.
    pub(crate) fn end(&self) -> usize {
        self.taken.get().wrapping_add(self.len())
    }

    /// How many entries stand before the one at this place; negative once that has been taken out.
    pub(crate) fn distance(&self, place: usize) -> isize {
        place.wrapping_sub(self.taken.get()) as isize
    }

    /// The entry that has `distance` others before it.
    #[inline(always)]
    pub(crate) fn peek(&self, distance: usize) -> Option<*const Header> {
        // SAFETY: no second borrow of the entries exists, as `push` says.
        unsafe { (*self.entries.get()).get(distance).copied() }
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        // SAFETY: no second borrow of the entries exists, as `push` says.
        unsafe { (*self.entries.get()).len() }
    }
}
