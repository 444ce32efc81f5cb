//! What others leave for a worker: a stack of links that any thread pushes to and the owner empties
//! whole, in one word with "the owner sleeps" and "there is a message elsewhere".
//!
//! Because both live in one word, a push and the owner's going to sleep are ordered by that word
//! alone: either the owner's compare-exchange fails, or the push finds the flag and must notify.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use crate::loom::AtomicPtr;

/// The owner sleeps, and the list is empty.
const SLEEPING: usize = 1;
/// A message lies elsewhere.
const POKED: usize = 2;
const FLAGS: usize = SLEEPING | POKED;

/// A thing with one link, aligned to at least four bytes.
pub(crate) trait Linked: Sized {
    /// The link. Whoever holds the right to push is alone in touching it, until the owner drains.
    fn link(&self) -> &AtomicPtr<Self>;
}

/// A stack of links with flags.
#[derive(Debug)]
pub(crate) struct Inbox<N> {
    head: AtomicPtr<N>,
}

/// Whether the owner has to be notified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Notify {
    Yes,
    No,
}

fn flags<N>(head: *mut N) -> usize {
    head.addr() & FLAGS
}

fn node<N>(head: *mut N) -> *mut N {
    head.map_addr(|addr| addr & !FLAGS)
}

impl<N: Linked> Inbox<N> {
    pub(crate) fn new() -> Inbox<N> {
        Inbox { head: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// Pushes a link, from any thread.
    ///
    /// After this the node belongs to the owner.
    ///
    /// # Safety
    ///
    /// `new` is valid until the owner has drained it, and the caller holds the right to push it.
    pub(crate) unsafe fn push(&self, new: *const N) -> Notify {
        let mut head = self.head.load(Relaxed);
        loop {
            // SAFETY: the node is valid, and only this push touches its link now.
            unsafe { (*new).link().store(node(head), Relaxed) };
            let next = new.cast_mut().map_addr(|addr| addr | (flags(head) & POKED));
            match self.head.compare_exchange_weak(head, next, AcqRel, Relaxed) {
                Ok(_) if flags(head) & SLEEPING != 0 => return Notify::Yes,
                Ok(_) => return Notify::No,
                Err(seen) => head = seen,
            }
        }
    }

    /// Says that a message lies elsewhere: it was put there before.
    pub(crate) fn poke(&self) -> Notify {
        let mut head = self.head.load(Relaxed);
        loop {
            let next = head.map_addr(|addr| (addr & !SLEEPING) | POKED);
            match self.head.compare_exchange_weak(head, next, AcqRel, Relaxed) {
                Ok(_) if flags(head) & SLEEPING != 0 => return Notify::Yes,
                Ok(_) => return Notify::No,
                Err(seen) => head = seen,
            }
        }
    }

    /// Whether a drain would find anything. By the owner.
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.load(Relaxed).is_null()
    }

    /// Announces that the owner sleeps. `false`: something has come, drain it. By the owner.
    pub(crate) fn announce_sleep(&self) -> bool {
        let sleeping = std::ptr::without_provenance_mut(SLEEPING);
        self.head.compare_exchange(std::ptr::null_mut(), sleeping, AcqRel, Acquire).is_ok()
    }

    /// Empties the inbox and takes the announcement back. By the owner.
    pub(crate) fn drain(&self) -> Drained<N> {
        let head = self.head.swap(std::ptr::null_mut(), AcqRel);
        // The stack holds the newest on top; turned over, the oldest comes first.
        let mut rest = node(head);
        let mut first: *mut N = std::ptr::null_mut();
        while !rest.is_null() {
            // SAFETY: pushed nodes are valid, and since the swap they are the owner's.
            let link = unsafe { (*rest).link() };
            let next = link.load(Relaxed);
            link.store(first, Relaxed);
            first = rest;
            rest = next;
        }
        Drained { first, poked: flags(head) & POKED != 0 }
    }
}

/// What a drain found, oldest first.
#[derive(Debug)]
pub(crate) struct Drained<N> {
    first: *mut N,
    /// A message lies elsewhere.
    pub(crate) poked: bool,
}

impl<N: Linked> Iterator for Drained<N> {
    type Item = *const N;

    fn next(&mut self) -> Option<*const N> {
        let node = self.first;
        if node.is_null() {
            return None;
        }
        // SAFETY: a drained node is the owner's and valid; the link is read before the caller can
        // let go of the node.
        self.first = unsafe { (*node).link().load(Relaxed) };
        Some(node)
    }
}
