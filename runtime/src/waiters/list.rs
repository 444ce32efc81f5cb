//! A list of waits that the primitive's lock guards, for waits of many threads.
//!
//! This protocol makes it safe to write to a node that lies on another thread's stack:
//!
//! - A list and all nodes in it are touched only under the primitive's lock.
//! - Whoever ends a wait does all of this under the lock: claim the wait, write the grant to the
//!   node, unlink the node, make the wake. The wake is given after the lock is released.
//! - A waiter that finds itself claimed takes the lock of the arm that claimed it before it reads
//!   the grant or leaves. So whoever granted it has finished with the node. The waiter unlinks its
//!   other nodes, each under the lock of its list.
//! - A waiter that leaves unclaimed (for its deadline, or to unwind) first unlinks its node under
//!   the lock. If the node was unlinked already, the wait was claimed meanwhile: the grant is the
//!   waiter's, to use or to undo.

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::marker::PhantomPinned;

use super::Waiter;
use crate::park::Left;
use crate::task::{Header, Wake};

/// Waits, oldest first. The list is part of the state that the primitive's lock guards.
pub(crate) struct List<P> {
    first: *const Node<P>,
    last: *const Node<P>,
}

// SAFETY: the list and the nodes that it points to are touched only under the primitive's lock.
unsafe impl<P: Send> Send for List<P> {}

/// A place in a [`List`], with room for what the wait is granted. The node lies on the waiter's
/// stack, or in an arm of a `select!`.
pub(crate) struct Node<P> {
    waiter: *const Waiter,
    arm: u32,
    linked: Cell<bool>,
    prev: Cell<*const Node<P>>,
    next: Cell<*const Node<P>>,
    payload: UnsafeCell<P>,
    _pinned: PhantomPinned,
}

impl<P> Node<P> {
    pub(crate) fn new(waiter: &Waiter, arm: u32, payload: P) -> Node<P> {
        Node {
            waiter,
            arm,
            linked: Cell::new(false),
            prev: Cell::new(std::ptr::null()),
            next: Cell::new(std::ptr::null()),
            payload: UnsafeCell::new(payload),
            _pinned: PhantomPinned,
        }
    }

    /// The node's payload, for the waiter.
    ///
    /// # Safety
    ///
    /// The caller holds the lock of the list that the node is or was linked to, or the node was
    /// never linked; and no other reference to the payload is alive.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn payload(&self) -> &mut P {
        // SAFETY: the caller sees to it that nobody else refers to the payload.
        unsafe { &mut *self.payload.get() }
    }

    /// The node's payload, if its type may be shared: its fields are atomics, say.
    ///
    /// # Safety
    ///
    /// Nobody calls [`Node::payload`] or [`List::claim_first`] while the reference is alive.
    #[inline(always)]
    pub(crate) unsafe fn shared(&self) -> &P {
        // SAFETY: the caller sees to it that there is no exclusive reference to the payload.
        unsafe { &*self.payload.get() }
    }

    /// The wait that this node belongs to.
    ///
    /// # Safety
    ///
    /// The waiter does not leave while the reference is alive.
    pub(crate) unsafe fn waiter(&self) -> &Waiter {
        // SAFETY: the caller keeps the waiter from leaving.
        unsafe { &*self.waiter }
    }

    /// Whether this node's arm ended the wait.
    ///
    /// # Safety
    ///
    /// The waiter has not left.
    pub(crate) unsafe fn is_chosen(&self) -> bool {
        // SAFETY: the waiter has not left, as the caller promises, so the pointer to it is valid.
        unsafe { (*self.waiter).claimed() == Some(self.arm) }
    }

    /// Makes the wake of this node's waiter.
    ///
    /// # Safety
    ///
    /// The waiter cannot leave before this returns.
    #[inline(always)]
    pub(crate) unsafe fn wake(&self, here: Option<u16>) -> Wake {
        // SAFETY: the caller keeps the waiter from leaving.
        unsafe { (*self.waiter).wake(here) }
    }

    /// The task that waits by this node, for lists in which only tasks wait.
    ///
    /// # Safety
    ///
    /// The waiter has not left.
    #[inline(always)]
    pub(crate) unsafe fn task(&self) -> *const Header {
        // SAFETY: the waiter has not left, as the caller promises, so the pointer to it is valid.
        unsafe { (*self.waiter).task() }
    }
}

impl<P> List<P> {
    pub(crate) const fn new() -> List<P> {
        List { first: std::ptr::null(), last: std::ptr::null() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_null()
    }

    /// The payload of the oldest node.
    pub(crate) fn first(&self) -> Option<&P> {
        // SAFETY: linked nodes are valid. Whoever has a reference to the list holds its lock, and
        // payloads are touched only under the lock.
        unsafe { self.first.as_ref().map(|node| &*node.payload.get()) }
    }

    /// Links a node at the list's end.
    ///
    /// # Safety
    ///
    /// Node and waiter stay valid, and in their place, until the node is unlinked: by the waiter's
    /// [`List::remove`], or by a claim.
    pub(crate) unsafe fn push_back(&mut self, node: &Node<P>) {
        node.linked.set(true);
        node.next.set(std::ptr::null());
        node.prev.set(self.last);
        // SAFETY: a node is unlinked before it goes, so `last` is valid.
        match unsafe { self.last.as_ref() } {
            Some(last) => last.next.set(node),
            None => self.first = node,
        }
        self.last = node;
    }

    /// Unlinks a node. `false`: the node was not linked any more, because its wait was claimed.
    ///
    /// # Safety
    ///
    /// The node is linked to this list, or to none.
    pub(crate) unsafe fn remove(&mut self, node: &Node<P>) -> bool {
        if !node.linked.replace(false) {
            return false;
        }
        let (prev, next) = (node.prev.get(), node.next.get());
        // SAFETY: a node is unlinked before it goes, so the linked neighbour `prev` is valid.
        match unsafe { prev.as_ref() } {
            Some(prev) => prev.next.set(next),
            None => self.first = next,
        }
        // SAFETY: a node is unlinked before it goes, so the linked neighbour `next` is valid.
        match unsafe { next.as_ref() } {
            Some(next) => next.prev.set(prev),
            None => self.last = prev,
        }
        true
    }

    /// Ends the oldest wait that has not ended, and writes its grant. `None`: there is no such
    /// wait.
    ///
    /// Nodes whose waits another arm has ended are unlinked on the way.
    pub(crate) fn claim_first(
        &mut self,
        here: Option<u16>,
        grant: impl FnOnce(&mut P),
    ) -> Option<Wake> {
        let node = self.claim_node()?;
        // SAFETY: the list's lock is held, and without it the waiter neither looks at the payload
        // nor leaves.
        unsafe {
            grant(&mut *node.payload.get());
            Some(node.wake(here))
        }
    }

    /// Ends the oldest wait that has not ended, if `such` accepts the payload of its node.
    pub(crate) fn claim_first_if(
        &mut self,
        here: Option<u16>,
        mut such: impl FnMut(&P) -> bool,
    ) -> Option<Wake> {
        let node = self.claim_node_if(|payload| such(payload))?;
        // SAFETY: the list's lock is held, and without it the waiter does not leave.
        Some(unsafe { node.wake(here) })
    }

    /// Ends the oldest wait that has not ended. `None`: there is no such wait.
    ///
    /// Node and waiter are valid until the list's lock is released, or until the payload tells the
    /// waiter that it may leave.
    #[inline(always)]
    pub(crate) fn claim_node<'a>(&mut self) -> Option<&'a Node<P>> {
        self.claim_node_if(|_| true)
    }

    #[inline(always)]
    fn claim_node_if<'a>(&mut self, mut such: impl FnMut(&P) -> bool) -> Option<&'a Node<P>> {
        loop {
            // SAFETY: linked nodes are valid, and so are their waiters: a waiter leaves only after
            // its nodes are unlinked under the lock, which the caller holds, or after it has taken
            // the lock of the arm that claimed it.
            let (node, waiter) = unsafe {
                let node = self.first.as_ref()?;
                (node, &*node.waiter)
            };
            // SAFETY: payloads are touched only under the lock, which the caller holds.
            if !such(unsafe { &*node.payload.get() }) && waiter.claimed().is_none() {
                return None;
            }
            self.unlink_first(node);
            if waiter.claim(node.arm) {
                return Some(node);
            }
        }
    }

    /// Unlinks the first node, which has none before it.
    #[inline(always)]
    fn unlink_first(&mut self, node: &Node<P>) {
        node.linked.set(false);
        self.first = node.next.get();
        // SAFETY: a node is unlinked before it goes, so the second one is valid.
        match unsafe { self.first.as_ref() } {
            Some(second) => second.prev.set(std::ptr::null()),
            None => self.last = std::ptr::null(),
        }
    }

    /// Whether another wait than `own` has not ended and has a payload that `such` accepts.
    pub(crate) fn has_other(&self, own: Option<&Waiter>, such: impl Fn(&P) -> bool) -> bool {
        let mut next = self.first;
        // SAFETY: linked nodes are valid.
        while let Some(node) = unsafe { next.as_ref() } {
            // SAFETY: the waiter of a linked node is valid.
            let waiter = unsafe { &*node.waiter };
            let other = !own.is_some_and(|own| std::ptr::eq(waiter, own));
            // SAFETY: payloads are touched only under the lock, which the caller holds, or are of a
            // type that may be shared.
            if other && waiter.claimed().is_none() && such(unsafe { &*node.payload.get() }) {
                return true;
            }
            next = node.next.get();
        }
        false
    }
}

impl<P> Default for List<P> {
    fn default() -> List<P> {
        List::new()
    }
}

/// Where a list is, and how nodes are taken out of it under the lock that guards it.
pub(crate) trait Listed<P> {
    /// Unlinks a node of this list. `false`: the node's wait was claimed, or the node was unlinked
    /// before.
    fn remove(&self, node: &Node<P>) -> bool;
}

/// Unlinks the node when dropped, so that an unwinding waiter leaves no node behind.
pub(crate) struct Stay<'a, P, L: Listed<P>> {
    list: L,
    node: &'a Node<P>,
}

impl<'a, P, L: Listed<P>> Stay<'a, P, L> {
    /// For a node that has just been linked to `list`.
    #[inline(always)]
    pub(crate) fn new(list: L, node: &'a Node<P>) -> Stay<'a, P, L> {
        Stay { list, node }
    }

    /// Unlinks the node, unless its wait was claimed: then the waiter has to look at the grant.
    #[cold]
    pub(crate) fn leave(&self) -> Left {
        Left::if_withdrawn(self.list.remove(self.node))
    }

    /// Forgets the guard, for a node that is unlinked: its wait was claimed or withdrawn.
    #[inline(always)]
    pub(crate) fn end(self) {
        std::mem::forget(self);
    }
}

impl<P, L: Listed<P>> Drop for Stay<'_, P, L> {
    fn drop(&mut self) {
        self.list.remove(self.node);
    }
}

impl<P> fmt::Debug for List<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").field("is_empty", &self.is_empty()).finish()
    }
}

impl<P> fmt::Debug for Node<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("arm", &self.arm).finish_non_exhaustive()
    }
}
