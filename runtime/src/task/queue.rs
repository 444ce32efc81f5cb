//! Tasks that are ready to go on, of one worker.

use std::cell::UnsafeCell;
use std::collections::VecDeque;

use super::Header;

/// A first-in, first-out queue of one thread. The entries stand for a reference that the worker
/// holds anyway, so they are bare pointers.
#[derive(Debug, Default)]
pub(crate) struct ReadyQueue(UnsafeCell<VecDeque<*const Header>>);

impl ReadyQueue {
    #[inline(always)]
    pub(crate) fn push(&self, task: *const Header) {
        // SAFETY: `ReadyQueue` is not `Sync`, and nothing in these methods runs foreign code, so no
        // second borrow can exist.
        unsafe { (*self.0.get()).push_back(task) };
    }

    /// Takes the entry back that was pushed last.
    pub(crate) fn unpush(&self) {
        // SAFETY: as in `push`.
        unsafe { (*self.0.get()).pop_back() };
    }

    #[inline(always)]
    pub(crate) fn pop(&self) -> Option<*const Header> {
        // SAFETY: as in `push`.
        unsafe { (*self.0.get()).pop_front() }
    }

    /// The entry that is `distance` pops away.
    #[inline(always)]
    pub(crate) fn peek(&self, distance: usize) -> Option<*const Header> {
        // SAFETY: as in `push`.
        unsafe { (*self.0.get()).get(distance).copied() }
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        // SAFETY: as in `push`.
        unsafe { (*self.0.get()).len() }
    }
}
