//! Tasks that are ready to go on, of one worker.

use std::cell::{Cell, UnsafeCell};
use std::collections::VecDeque;

use super::Header;

/// A first-in, first-out queue of one thread. The entries stand for a reference that the worker
/// holds anyway, so they are bare pointers.
#[derive(Debug, Default)]
pub(crate) struct ReadyQueue {
    entries: UnsafeCell<VecDeque<*const Header>>,
    /// How many have been taken out, as far as a number goes.
    taken: Cell<usize>,
}

impl ReadyQueue {
    #[inline(always)]
    pub(crate) fn push(&self, task: *const Header) {
        // SAFETY: `ReadyQueue` is not `Sync`, and nothing in these methods runs foreign code, so no
        // second borrow can exist.
        unsafe { (*self.entries.get()).push_back(task) };
    }

    /// Takes the entry back that was pushed last.
    pub(crate) fn unpush(&self) {
        // SAFETY: as in `push`.
        unsafe { (*self.entries.get()).pop_back() };
    }

    #[inline(always)]
    pub(crate) fn pop(&self) -> Option<*const Header> {
        // SAFETY: as in `push`.
        let task = unsafe { (*self.entries.get()).pop_front() };
        self.taken.set(self.taken.get().wrapping_add(usize::from(task.is_some())));
        task
    }

    /// The place of the entry that is pushed next: places are numbered for ever, and begin again
    /// after the last.
    pub(crate) fn end(&self) -> usize {
        self.taken.get().wrapping_add(self.len())
    }

    /// How many pops there are before the entry at this place comes first; negative once it has
    /// been taken.
    pub(crate) fn distance(&self, place: usize) -> isize {
        place.wrapping_sub(self.taken.get()) as isize
    }

    /// The entry that is `distance` pops away.
    #[inline(always)]
    pub(crate) fn peek(&self, distance: usize) -> Option<*const Header> {
        // SAFETY: as in `push`.
        unsafe { (*self.entries.get()).get(distance).copied() }
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        // SAFETY: as in `push`.
        unsafe { (*self.entries.get()).len() }
    }
}
