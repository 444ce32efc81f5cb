//! The end of a task as an arm of `select!`.

use std::cell::Cell;
use std::fmt;

use super::{JoinError, JoinHandle, outcome, refuse_own};
use crate::task::TaskRef;
use crate::waiters::{Arm, ArmNode, Choice, JoinNode, Place, Selectable};

/// What `join(…)` in `select!` takes: a task's handle.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`select!` cannot join `{Self}`",
    label = "not a task's handle",
    note = "`join(&mut handle)` takes a `JoinHandle`; for other things write `wait(x) -> v => …`"
)]
pub trait Join: Selectable {}

impl<T> Join for &mut JoinHandle<T> {}

impl<T> crate::waiters::Sealed for &mut JoinHandle<T> {}

impl<'a, T> Selectable for &'a mut JoinHandle<T> {
    type Output = Result<T, JoinError>;
    type Arm = JoinArm<'a, T>;

    fn arm(self) -> JoinArm<'a, T> {
        JoinArm { handle: self, node: ArmNode::new(), announced: Cell::new(false) }
    }
}

/// A join in `select!`.
#[doc(hidden)]
pub struct JoinArm<'a, T> {
    /// The handle of the task that is joined.
    handle: &'a mut JoinHandle<T>,
    node: ArmNode<JoinNode>,
    /// Whether the node is announced in the task's joiner slot.
    announced: Cell<bool>,
}

impl<T> JoinArm<'_, T> {
    fn joined(&self) -> &TaskRef {
        &self.handle.task().inner
    }

    fn node(&self) -> &JoinNode {
        self.node.get().expect("an announced arm has a node")
    }
}

// SAFETY: only the joiner slot refers to the node that `link` makes. `unlink` and `settle` return
// when the announcement was taken back, so that nobody finds the node, or when whoever completed
// the task has let go of it.
unsafe impl<T> Choice for JoinArm<'_, T> {
    fn attempt(&self) -> bool {
        refuse_own(self.joined());
        self.is_ready()
    }

    fn is_ready(&self) -> bool {
        self.handle.has_ended()
    }

    fn link(&self, place: Place<'_>) -> bool {
        // SAFETY: this arm is not announced now, so nobody refers to the node that it had before.
        let node = unsafe { self.node.make(JoinNode::new(place.waiter, place.arm)) };
        self.announced.set(node.announce(self.joined()));
        !self.announced.get()
    }

    fn unlink(&self) {
        if self.announced.replace(false) {
            self.node().withdraw(self.joined());
        }
    }

    fn settle(&self) -> bool {
        self.announced.set(false);
        self.node().await_release();
        true
    }
}

impl<T> Arm for JoinArm<'_, T> {
    type Output = Result<T, JoinError>;

    fn take(self) -> Result<T, JoinError> {
        outcome(self.handle.spawned.take_by_ref())
    }
}

impl<T> fmt::Debug for JoinArm<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JoinArm").field(self.handle).finish()
    }
}
