//! A queue of waits with its lock, and the wait itself: what most primitives are made of.

use std::ops::{Deref, DerefMut};
use std::time::Instant;

use super::{ArmNode, List, Listed, Node, Place, Stay, Waiter};
use crate::current;
use crate::lock::{Guard, Lock};
use crate::loom::const_fn;
use crate::park::Woken;
use crate::task::{Wake, Wanted};

/// Waits of tasks and threads, oldest first, and the state of the primitive, under one lock. Each
/// wait carries a `P`: first what it asks for, then what it was granted.
pub(crate) struct Queue<P, S = ()>(Lock<Inner<P, S>>);

struct Inner<P, S> {
    list: List<P>,
    state: S,
}

/// A locked [`Queue`], which gives access to the primitive's state. No task parks while it holds
/// one.
pub(crate) struct Locked<'a, P, S = ()>(Guard<'a, Inner<P, S>>);

impl<P: Copy> Queue<P> {
    const_fn! {
        pub(crate) fn new() -> Queue<P> {
            Queue::with(())
        }
    }
}

impl<P: Copy, S> Queue<P, S> {
    const_fn! {
        pub(crate) fn with(state: S) -> Queue<P, S> {
            Queue(Lock::new(Inner { list: List::new(), state }))
        }
    }

    pub(crate) fn lock(&self) -> Locked<'_, P, S> {
        Locked(self.0.lock())
    }

    /// Links the node of a `select!` arm at the queue's end, until [`Queue::unlink`].
    pub(crate) fn link(
        &self,
        mut locked: Locked<'_, P, S>,
        arm: &ArmNode<Node<P>>,
        place: Place<'_>,
        asked: P,
    ) {
        // SAFETY: the caller links the arm, so the arm is linked nowhere now.
        let node = unsafe { arm.make(Node::new(place.waiter, place.arm, asked)) };
        // SAFETY: whoever links an arm unlinks it before arm and waiter go, and does not move the
        // arm meanwhile.
        unsafe { locked.0.list.push_back(node) };
    }

    /// Unlinks the node of a `select!` arm, if the arm is linked. Returns what the arm was granted,
    /// if this arm ended the wait.
    pub(crate) fn unlink(&self, arm: &ArmNode<Node<P>>) -> Option<P> {
        let node = arm.get()?;
        let mut locked = self.lock();
        // SAFETY: the node was linked to this list, the queue is locked, and a waiter outlives its
        // links.
        let granted = unsafe {
            locked.0.list.remove(node);
            node.is_chosen().then(|| *node.payload())
        };
        drop(locked);
        // SAFETY: the node is in no list, and whoever granted it has released the lock. The node is
        // cleared so that a later `unlink`, when the waiter may be gone, finds none.
        unsafe { arm.clear() };
        granted
    }

    /// Waits at the queue's end until the wait is claimed, and returns what the wait was granted.
    /// `None`: the deadline came first, or, if the wait is for I/O, it is refused to a cancelled
    /// task that unwinds.
    #[inline]
    pub(crate) fn wait<'a>(
        &self,
        locked: Locked<'_, P, S>,
        asked: P,
        wanted: impl Into<Wanted<'a>>,
        deadline: Option<Instant>,
    ) -> Option<P> {
        self.wait_with(locked, asked, wanted, deadline, || (), |_| ())
    }

    /// Waits as [`Queue::wait`] does. `linked` runs after the queue is released and before the
    /// first park. `left` runs, with the queue locked, if the wait is withdrawn for its deadline or
    /// an unwinding: then nothing was granted, and nothing will be.
    #[inline]
    pub(crate) fn wait_with<'a>(
        &self,
        mut locked: Locked<'_, P, S>,
        asked: P,
        wanted: impl Into<Wanted<'a>>,
        deadline: Option<Instant>,
        linked: impl FnOnce(),
        left: impl Fn(Locked<'_, P, S>),
    ) -> Option<P> {
        let wanted = wanted.into();
        let waiter = Waiter::solo();
        let node = Node::new(&waiter, 0, asked);
        // SAFETY: node and waiter stay in this frame, which is not left before the node is
        // unlinked, by a claim or by `stay`.
        unsafe { locked.0.list.push_back(&node) };
        drop(locked);
        let stay = Stay::new(Queueing { queue: self, left }, &node);
        linked();
        while waiter.claimed().is_none() {
            match waiter.park(wanted, deadline, || stay.leave()) {
                Woken::Perhaps => {}
                Woken::TimedOut | Woken::Refused => {
                    stay.end();
                    return None;
                }
            }
        }
        stay.end();
        // Whoever granted the wait writes the node until it releases the lock.
        let _locked = self.lock();
        // SAFETY: the queue is locked, and this function has no other reference to the payload.
        Some(*unsafe { node.payload() })
    }
}

/// The queue of one wait, and what is to be done if the wait is withdrawn.
struct Queueing<'a, P: Copy, S, L: Fn(Locked<'_, P, S>)> {
    queue: &'a Queue<P, S>,
    left: L,
}

impl<P: Copy, S, L: Fn(Locked<'_, P, S>)> Listed<P> for Queueing<'_, P, S, L> {
    fn remove(&self, node: &Node<P>) -> bool {
        let mut locked = self.queue.lock();
        // SAFETY: the node of a [`Queue::wait_with`] was linked to this list and to no other.
        let waited = unsafe { locked.0.list.remove(node) };
        if waited {
            (self.left)(locked);
        }
        waited
    }
}

impl<P: Copy, S> Locked<'_, P, S> {
    /// What the oldest wait asks for.
    pub(crate) fn first(&self) -> Option<P> {
        self.0.list.first().copied()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.list.is_empty()
    }

    /// Ends the oldest wait. `grant` may grant something else than the wait asked for.
    #[inline]
    pub(crate) fn claim_first(&mut self, grant: impl FnOnce(&mut P)) -> Option<Wake> {
        self.0.list.claim_first(current::here(), grant)
    }

    /// Ends the oldest wait, if `such` accepts what it asked for, and grants just that.
    pub(crate) fn claim_first_if(&mut self, such: impl FnMut(&P) -> bool) -> Option<Wake> {
        self.0.list.claim_first_if(current::here(), such)
    }

    /// Ends all waits; `grant` writes what each was granted.
    pub(crate) fn claim_all(&mut self, mut grant: impl FnMut(&mut P)) -> Wakes {
        let mut wakes = Wakes::default();
        while let Some(wake) = self.claim_first(&mut grant) {
            wakes.push(wake);
        }
        wakes
    }
}

impl<P, S> Deref for Locked<'_, P, S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0.state
    }
}

impl<P, S> DerefMut for Locked<'_, P, S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.0.state
    }
}

/// Wakes that are given after the queue is released, so that a woken waiter does not find it
/// locked.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Wakes {
    first: Option<Wake>,
    others: Vec<Wake>,
}

impl Wakes {
    pub(crate) fn push(&mut self, wake: Wake) {
        if self.first.is_none() {
            self.first = Some(wake);
        } else {
            self.others.push(wake);
        }
    }

    /// Gives the wakes, the oldest first. A single one is given to run next, several go to the end
    /// of the run queue.
    pub(crate) fn give(self) {
        let Some(first) = self.first else { return };
        match current::core() {
            Some(core) if !self.others.is_empty() => {
                first.give_last(core);
                self.others.into_iter().for_each(|wake| wake.give_last(core));
            }
            _ => {
                first.give();
                self.others.into_iter().for_each(Wake::give);
            }
        }
    }
}
