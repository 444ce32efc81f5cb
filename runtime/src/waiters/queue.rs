//! The queue of those who wait, and the wait itself: what most primitives are made of.

use std::ops::{Deref, DerefMut};
use std::time::Instant;

use super::{ArmNode, List, Listed, Node, Place, Stay, Waiter};
use crate::current;
use crate::lock::{Guard, Lock};
use crate::loom::const_fn;
use crate::park::Woken;
use crate::task::{Reason, Wake};

/// Waits of tasks and threads, oldest first, beside a state of their primitive's. Each carries a `P`:
/// what it asks for, later what it was granted.
pub(crate) struct Queue<P, S = ()>(Lock<Inner<P, S>>);

struct Inner<P, S> {
    list: List<P>,
    state: S,
}

/// A queue that is locked: never across a park. It stands for the primitive's state.
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

    /// Links an arm of a `select!` at the queue's end, until [`Queue::unlink`].
    pub(crate) fn link(
        &self,
        mut locked: Locked<'_, P, S>,
        arm: &ArmNode<Node<P>>,
        place: Place<'_>,
        asked: P,
    ) {
        // SAFETY: an arm that is to be linked is linked nowhere.
        let node = unsafe { arm.make(Node::new(place.waiter, place.arm, asked)) };
        // SAFETY: whoever links an arm unlinks it before arm and waiter go, and does not move it
        // meanwhile.
        unsafe { locked.0.list.push_back(node) };
    }

    /// Takes an arm's link back, if there is one; what the arm was granted, if it was by this arm that
    /// the wait ended.
    pub(crate) fn unlink(&self, arm: &ArmNode<Node<P>>) -> Option<P> {
        let node = arm.get()?;
        let mut locked = self.lock();
        // SAFETY: the node was linked to this list; the queue is locked, and the waiter still there.
        let granted = unsafe {
            locked.0.list.remove(node);
            node.is_chosen().then(|| *node.payload())
        };
        drop(locked);
        // A later `unlink` finds no node, whose waiter may be gone by then.
        // SAFETY: the node is in no list, and whoever granted it has let go of the lock.
        unsafe { arm.clear() };
        granted
    }

    /// Waits at the queue's end until the wait is claimed, and returns what it was granted; `None` if
    /// the deadline came first.
    #[inline]
    pub(crate) fn wait(
        &self,
        locked: Locked<'_, P, S>,
        asked: P,
        reason: Reason,
        deadline: Option<Instant>,
    ) -> Option<P> {
        self.wait_with(locked, asked, reason, deadline, || (), |_| ())
    }

    /// As [`Queue::wait`]. `linked` runs once the queue is let go of, before anything is waited for.
    /// `left` runs, with the queue locked, if the wait is taken back, for the deadline or an unwinding:
    /// it was not granted anything then, and will not be.
    #[inline]
    pub(crate) fn wait_with(
        &self,
        mut locked: Locked<'_, P, S>,
        asked: P,
        reason: Reason,
        deadline: Option<Instant>,
        linked: impl FnOnce(),
        left: impl Fn(Locked<'_, P, S>),
    ) -> Option<P> {
        let waiter = Waiter::solo();
        let node = Node::new(&waiter, 0, asked);
        // SAFETY: node and waiter stay in this frame, which is not left before the node was claimed or
        // `stay` has unlinked it.
        unsafe { locked.0.list.push_back(&node) };
        drop(locked);
        let stay = Stay::new(Queueing { queue: self, left }, &node);
        linked();
        while waiter.claimed().is_none() {
            if waiter.park(reason, deadline, || stay.leave()) == Woken::TimedOut {
                stay.end();
                return None;
            }
        }
        stay.end();
        // Whoever granted it is through with the node when it lets go of the lock.
        let _locked = self.lock();
        // SAFETY: the queue is locked.
        Some(*unsafe { node.payload() })
    }
}

/// The queue of a wait, and what is to be done if that is taken back.
struct Queueing<'a, P: Copy, S, L: Fn(Locked<'_, P, S>)> {
    queue: &'a Queue<P, S>,
    left: L,
}

impl<P: Copy, S, L: Fn(Locked<'_, P, S>)> Listed<P> for Queueing<'_, P, S, L> {
    fn remove(&self, node: &Node<P>) -> bool {
        let mut locked = self.queue.lock();
        // SAFETY: the node was linked to this list.
        let waited = unsafe { locked.0.list.remove(node) };
        if waited {
            (self.left)(locked);
        }
        waited
    }
}

impl<P: Copy, S> Locked<'_, P, S> {
    /// What the oldest waits for.
    pub(crate) fn first(&self) -> Option<P> {
        self.0.list.first().copied()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.list.is_empty()
    }

    /// Ends the oldest wait, which may be granted something else than it asked for.
    #[inline]
    pub(crate) fn claim_first(&mut self, grant: impl FnOnce(&mut P)) -> Option<Wake> {
        self.0.list.claim_first(current::here(), grant)
    }

    /// Ends the oldest wait if what it asked for is `such`, and grants it that.
    pub(crate) fn claim_first_if(&mut self, such: impl FnMut(&P) -> bool) -> Option<Wake> {
        self.0.list.claim_first_if(current::here(), such)
    }

    /// Ends all waits.
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

/// Wakes to be given once the queue is let go of.
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

    /// Wakes them all, the oldest first; one alone runs next.
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
