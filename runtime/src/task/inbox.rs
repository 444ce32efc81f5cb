//! What others leave for a worker: a stack of links that any thread pushes to and the owner empties
//! whole, in one word with the flags "the owner sleeps" and "there is a message elsewhere".
//!
//! Because the stack and the flags are one word, that word alone orders a push and the owner's
//! going to sleep: either the owner's compare-exchange fails, or the push finds SLEEPING and must
//! notify.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use crate::loom::AtomicPtr;

/// The owner sleeps or is about to, and the stack is empty. Whoever takes this flag away notifies.
const SLEEPING: usize = 1;
/// A message for the owner lies elsewhere.
const POKED: usize = 2;
const FLAGS: usize = SLEEPING | POKED;

/// What an inbox can hold: it has one link, and is aligned to at least four bytes, so that the two
/// lowest bits of its address are free for the flags.
pub(crate) trait Linked: Sized {
    /// The link to the next node. Whoever holds the right to push this node is alone in touching
    /// the link, until the owner drains the inbox; from then on the owner is.
    fn link(&self) -> &AtomicPtr<Self>;
}

/// A stack of linked nodes, and the flags.
#[derive(Debug)]
pub(crate) struct Inbox<N> {
    head: AtomicPtr<N>,
}

/// Whether the caller has to notify the owner, which sleeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Notify {
    Yes,
    No,
}

/// The flags of an inbox's word.
fn flags<N>(head: *mut N) -> usize {
    head.addr() & FLAGS
}

/// The newest node of an inbox's word, or null.
fn node<N>(head: *mut N) -> *mut N {
    head.map_addr(|addr| addr & !FLAGS)
}

impl<N: Linked> Inbox<N> {
    pub(crate) fn new() -> Inbox<N> {
        Inbox { head: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// Pushes a node, from any thread. After this the node belongs to the owner of the inbox.
    ///
    /// # Safety
    ///
    /// `new` stays valid until the owner has drained it, and the caller holds the right to push it:
    /// nobody else pushes it, and it is in no inbox.
    pub(crate) unsafe fn push(&self, new: *const N) -> Notify {
        let mut head = self.head.load(Relaxed);
        loop {
            // SAFETY: `new` is valid, and the caller alone has the right to push it, so nobody else
            // touches its link.
            unsafe { (*new).link().store(node(head), Relaxed) };
            let next = new.cast_mut().map_addr(|addr| addr | (flags(head) & POKED));
            match self.head.compare_exchange_weak(head, next, AcqRel, Relaxed) {
                Ok(_) if flags(head) & SLEEPING != 0 => return Notify::Yes,
                Ok(_) => return Notify::No,
                Err(seen) => head = seen,
            }
        }
    }

    /// Tells the owner that a message lies elsewhere. The message was put there before this call.
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

    /// Announces that the owner sleeps. `false`: something has come, and has to be drained first.
    /// By the owner.
    pub(crate) fn announce_sleep(&self) -> bool {
        let sleeping = std::ptr::without_provenance_mut(SLEEPING);
        self.head.compare_exchange(std::ptr::null_mut(), sleeping, AcqRel, Acquire).is_ok()
    }

    /// Empties the inbox, and takes the announcement back that the owner sleeps. By the owner.
    pub(crate) fn drain(&self) -> Drained<N> {
        let head = self.head.swap(std::ptr::null_mut(), AcqRel);
        // The stack has the newest node on top. It is turned over, so that the oldest comes first.
        let mut rest = node(head);
        let mut first: *mut N = std::ptr::null_mut();
        while !rest.is_null() {
            // SAFETY: a node that was pushed stays valid until it is drained, and since the swap
            // the owner, which is the caller, is alone in touching its link.
            let link = unsafe { (*rest).link() };
            let next = link.load(Relaxed);
            link.store(first, Relaxed);
            first = rest;
            rest = next;
        }
        Drained { first, poked: flags(head) & POKED != 0 }
    }
}

/// The nodes that a drain found, oldest first.
#[derive(Debug)]
pub(crate) struct Drained<N> {
    first: *mut N,
    /// Whether a message lies elsewhere.
    pub(crate) poked: bool,
}

impl<N: Linked> Iterator for Drained<N> {
    type Item = *const N;

    fn next(&mut self) -> Option<*const N> {
        let node = self.first;
        if node.is_null() {
            return None;
        }
        // SAFETY: the node was drained and not yet returned, so it is valid, and its link is the
        // owner's. The link is read before the caller can let go of the node.
        self.first = unsafe { (*node).link().load(Relaxed) };
        Some(node)
    }
}
