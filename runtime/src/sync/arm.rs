//! The primitives as arms of `select!`: what `wait(…)` takes.

use std::cell::Cell;
use std::fmt;

use crate::task::{Described, Reason, Words};
use crate::waiters::{Arm, ArmNode, Choice, Locked, Node, Place, Queue};

/// What a wait for a primitive was granted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Grant {
    /// The one thing that the wait was for.
    Granted,
    /// As many permits as the wait was for.
    Many(usize),
    /// Nothing, and nothing will ever come: the semaphore was closed, or the group's last task has
    /// ended.
    Closed,
}

impl Grant {
    /// How many permits this is.
    pub(super) fn count(self) -> usize {
        match self {
            Grant::Granted => 1,
            Grant::Many(count) => count,
            Grant::Closed => 0,
        }
    }
}

/// A primitive that gives a `T` at once, or to those who wait in its queue. The queue's lock may
/// guard a state `S` as well.
pub(crate) trait Queued<'a, T, S = ()>: Described {
    fn queue(&self) -> &Queue<Grant, S>;

    /// Takes a `T`, if that needs no waiting.
    fn attempt(&'a self) -> Option<T>;

    /// Whether a `T` can be had now, with the queue locked. Whoever made it so has claimed waits
    /// before it released the lock.
    fn is_ready(&self, queue: &Locked<'_, Grant, S>) -> bool;

    /// Notes, with the queue locked, that somebody is going to wait. `false`: there is no need to
    /// wait.
    fn announce(&self, queue: &Locked<'_, Grant, S>) -> bool;

    /// The `T` that this grant stands for.
    fn granted(&'a self, grant: Grant) -> T;

    /// Passes on what was granted to a wait that has no use for it.
    fn undo(&self, grant: Grant);
}

/// A wait for a primitive as an arm of `select!`.
#[doc(hidden)]
pub struct QueueArm<'a, T, S = ()> {
    source: &'a dyn Queued<'a, T, S>,
    node: ArmNode<Node<Grant>>,
    found: Cell<Option<T>>,
}

impl<'a, T, S> QueueArm<'a, T, S> {
    pub(crate) fn new(source: &'a dyn Queued<'a, T, S>) -> QueueArm<'a, T, S> {
        QueueArm { source, node: ArmNode::new(), found: Cell::new(None) }
    }
}

// SAFETY: `unlink` and `settle` take the node out under the queue's lock, so whoever granted it has
// finished with it. `link` puts the node into the queue, and does not unwind.
unsafe impl<T, S> Choice for QueueArm<'_, T, S> {
    fn attempt(&self) -> bool {
        let found = self.source.attempt();
        let ready = found.is_some();
        self.found.set(found);
        ready
    }

    fn in_words(&self, words: &mut Words) {
        self.source.in_words(Reason::Select, words);
    }

    fn is_ready(&self) -> bool {
        self.source.is_ready(&self.source.queue().lock())
    }

    fn link(&self, place: Place<'_>) -> bool {
        let queue = self.source.queue().lock();
        if !self.source.announce(&queue) {
            return true;
        }
        self.source.queue().link(queue, &self.node, place, Grant::Granted);
        false
    }

    fn unlink(&self) {
        if let Some(grant) = self.source.queue().unlink(&self.node) {
            self.source.undo(grant);
        }
    }

    fn settle(&self) -> bool {
        let grant = self.source.queue().unlink(&self.node);
        self.found.set(grant.map(|grant| self.source.granted(grant)));
        grant.is_some()
    }
}

impl<T, S> Arm for QueueArm<'_, T, S> {
    type Output = T;

    fn take(self) -> T {
        self.found.take().expect("the arm was chosen")
    }
}

impl<T, S> fmt::Debug for QueueArm<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueArm").finish_non_exhaustive()
    }
}
