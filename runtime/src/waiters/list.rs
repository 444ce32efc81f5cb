//! A list of waits under its primitive's lock, for waits of many threads.
//!
//! The protocol, which makes a node on the waiting stack safe to write to:
//!
//! - All of a list and of its nodes is touched only under the primitive's lock.
//! - Whoever ends a wait does all of this under the lock: claim, write the grant to the node, unlink
//!   it, make the wake. It gives the wake after it has let go of the lock.
//! - A waiter that finds itself claimed takes the lock of the arm that claimed it before it reads the
//!   grant or leaves, so that whoever granted it is through with the node; and it unlinks its other
//!   nodes, each under its lock. One that leaves unclaimed (deadline, unwinding) first unlinks its
//!   node under the lock, and looks once more whether it was claimed: if so the grant is its own, to
//!   use or to undo.

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::marker::PhantomPinned;

use super::Waiter;
use crate::park::Left;
use crate::task::{Header, Wake};

/// Waits, oldest first. It lies in the state that the primitive's lock guards.
pub(crate) struct List<P> {
    first: *const Node<P>,
    last: *const Node<P>,
}

// SAFETY: the list is touched under its primitive's lock only, and so are the nodes it points to.
unsafe impl<P: Send> Send for List<P> {}

/// A place in a [`List`], with room for what the wait is granted. It lies beside its waiter.
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

    /// What the node carries, for the waiter.
    ///
    /// # Safety
    ///
    /// The lock of the list that the node was linked to is held, or the node was never linked; and
    /// no other reference to the payload is alive.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn payload(&self) -> &mut P {
        // SAFETY: the caller's promise.
        unsafe { &mut *self.payload.get() }
    }

    /// What the node carries, of a type that has its own way to be shared.
    ///
    /// # Safety
    ///
    /// Nobody asks for [`Node::payload`] or grants by [`List::claim_first`] meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn shared(&self) -> &P {
        // SAFETY: the caller's promise.
        unsafe { &*self.payload.get() }
    }

    /// The wait that the node is a place of.
    ///
    /// # Safety
    ///
    /// The waiter is still there, as long as the answer is used.
    pub(crate) unsafe fn waiter(&self) -> &Waiter {
        // SAFETY: the caller's promise.
        unsafe { &*self.waiter }
    }

    /// Whether it was by this node that the wait ended.
    ///
    /// # Safety
    ///
    /// The waiter is still there.
    pub(crate) unsafe fn is_chosen(&self) -> bool {
        // SAFETY: the caller's promise.
        unsafe { (*self.waiter).claimed() == Some(self.arm) }
    }

    /// The wake of this node's waiter.
    ///
    /// # Safety
    ///
    /// The waiter cannot leave before this returns.
    #[inline(always)]
    pub(crate) unsafe fn wake(&self, here: Option<u16>) -> Wake {
        // SAFETY: the waiter lives as long as the node does.
        unsafe { (*self.waiter).wake(here) }
    }

    /// The task that waits by this node, in a list of tasks alone.
    ///
    /// # Safety
    ///
    /// The waiter is still there.
    #[inline(always)]
    pub(crate) unsafe fn task(&self) -> *const Header {
        // SAFETY: the caller's promise.
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

    /// What the oldest node carries.
    pub(crate) fn first(&self) -> Option<&P> {
        // SAFETY: linked nodes are valid, and touched under the lock only, which the caller holds.
        unsafe { self.first.as_ref().map(|node| &*node.payload.get()) }
    }

    /// Links a node at the end.
    ///
    /// # Safety
    ///
    /// The node and its waiter stay where they are until the node is unlinked: by [`List::remove`] by
    /// the waiter, or by a claim.
    pub(crate) unsafe fn push_back(&mut self, node: &Node<P>) {
        node.linked.set(true);
        node.next.set(std::ptr::null());
        node.prev.set(self.last);
        // SAFETY: linked nodes are valid.
        match unsafe { self.last.as_ref() } {
            Some(last) => last.next.set(node),
            None => self.first = node,
        }
        self.last = node;
    }

    /// Unlinks a node; `false` if it was not linked any more, because its wait was claimed.
    ///
    /// # Safety
    ///
    /// The node was linked to this list, or to none.
    pub(crate) unsafe fn remove(&mut self, node: &Node<P>) -> bool {
        if !node.linked.replace(false) {
            return false;
        }
        let (prev, next) = (node.prev.get(), node.next.get());
        // SAFETY: linked nodes are valid.
        match unsafe { prev.as_ref() } {
            Some(prev) => prev.next.set(next),
            None => self.first = next,
        }
        // SAFETY: as above.
        match unsafe { next.as_ref() } {
            Some(next) => next.prev.set(prev),
            None => self.last = prev,
        }
        true
    }

    /// Ends the oldest wait that nothing else has ended, and writes its grant; `None`: there is none.
    ///
    /// Nodes whose waits ended otherwise are unlinked on the way.
    pub(crate) fn claim_first(
        &mut self,
        here: Option<u16>,
        grant: impl FnOnce(&mut P),
    ) -> Option<Wake> {
        let node = self.claim_node()?;
        // SAFETY: the list's lock is held, without which the waiter neither looks at the payload nor
        // leaves.
        unsafe {
            grant(&mut *node.payload.get());
            Some(node.wake(here))
        }
    }

    /// Ends the oldest wait that nothing else has ended, if its node carries `such` a payload.
    pub(crate) fn claim_first_if(
        &mut self,
        here: Option<u16>,
        mut such: impl FnMut(&P) -> bool,
    ) -> Option<Wake> {
        let node = self.claim_node_if(|payload| such(payload))?;
        // SAFETY: the list's lock is held, without which the waiter does not leave.
        Some(unsafe { node.wake(here) })
    }

    /// Ends the oldest wait that nothing else has ended; `None`: there is none.
    ///
    /// Node and waiter are valid until the lock is let go of, or until the waiter learns by the
    /// payload that it may leave.
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
            // SAFETY: payloads are touched under the lock, which the caller holds.
            if waiter.claimed().is_none() && !such(unsafe { &*node.payload.get() }) {
                return None;
            }
            // SAFETY: the node is the first of this list.
            unsafe { self.remove(node) };
            if waiter.claim(node.arm) {
                return Some(node);
            }
        }
    }

    /// Whether there is a wait that nothing has ended, other than this one, whose node carries such a
    /// payload.
    pub(crate) fn has_other(&self, own: Option<&Waiter>, such: impl Fn(&P) -> bool) -> bool {
        let mut next = self.first;
        // SAFETY: linked nodes are valid, and so are their waiters.
        while let Some(node) = unsafe { next.as_ref() } {
            // SAFETY: as above.
            let waiter = unsafe { &*node.waiter };
            let other = !own.is_some_and(|own| std::ptr::eq(waiter, own));
            // SAFETY: under the lock, or of a type that has its own way to be shared.
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

/// Where a list lies, for the nodes in it: how they are taken out, under the list's lock.
pub(crate) trait Listed<P> {
    /// Takes a node out that was linked to the list; `false`: its wait was claimed, or it was taken
    /// out before.
    fn remove(&self, node: &Node<P>) -> bool;
}

/// A node's stay in its list, which ends at the latest when this is dropped, by an unwinding too.
pub(crate) struct Stay<'a, P, L: Listed<P>> {
    list: L,
    node: &'a Node<P>,
}

impl<'a, P, L: Listed<P>> Stay<'a, P, L> {
    /// Of a node that has just been linked to that list.
    #[inline(always)]
    pub(crate) fn new(list: L, node: &'a Node<P>) -> Stay<'a, P, L> {
        Stay { list, node }
    }

    /// Takes the wait back, unless it was claimed before: then the node's grant tells more.
    #[cold]
    pub(crate) fn leave(&self) -> Left {
        Left::if_withdrawn(self.list.remove(self.node))
    }

    /// The node is in the list no longer: its wait was claimed, or taken back.
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
