//! The end of a task as an arm of `select!`.

use std::cell::Cell;
use std::fmt;

use super::{JoinError, JoinHandle, outcome, refuse_own};
use crate::task::word::Phase;
use crate::task::{Described, Reason, TaskRef, Words};
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
    type Arm = JoinArm<&'a mut JoinHandle<T>>;

    fn arm(self) -> Self::Arm {
        JoinArm::new(self)
    }
}

/// Who has the handle of the task that is joined: the arm itself, or somebody who lends it.
#[expect(unnameable_types, reason = "only arms are asked")]
pub trait Holder {
    type Value;

    fn handle(&self) -> &JoinHandle<Self::Value>;

    fn handle_mut(&mut self) -> &mut JoinHandle<Self::Value>;
}

impl<T> Holder for JoinHandle<T> {
    type Value = T;

    fn handle(&self) -> &JoinHandle<T> {
        self
    }

    fn handle_mut(&mut self) -> &mut JoinHandle<T> {
        self
    }
}

impl<T> Holder for &mut JoinHandle<T> {
    type Value = T;

    fn handle(&self) -> &JoinHandle<T> {
        self
    }

    fn handle_mut(&mut self) -> &mut JoinHandle<T> {
        self
    }
}

/// A join in `select!`, or as a future.
#[doc(hidden)]
pub struct JoinArm<H> {
    holder: H,
    node: ArmNode<JoinNode>,
    /// Whether the node is announced in the task's joiner slot.
    announced: Cell<bool>,
}

impl<H: Holder> JoinArm<H> {
    pub(super) fn new(holder: H) -> JoinArm<H> {
        JoinArm { holder, node: ArmNode::new(), announced: Cell::new(false) }
    }

    fn joined(&self) -> &TaskRef {
        &self.holder.handle().task().inner
    }

    fn node(&self) -> &JoinNode {
        self.node.get().expect("an announced arm has a node")
    }
}

// SAFETY: only the joiner slot refers to the node that `link` makes. `unlink` and `settle` return
// when the announcement was taken back, so that nobody finds the node, or when whoever completed
// the task has let go of it.
unsafe impl<H: Holder> Choice for JoinArm<H> {
    fn attempt(&self) -> bool {
        refuse_own(self.joined());
        self.is_ready()
    }

    fn in_words(&self, words: &mut Words) {
        Described::in_words(&**self.joined(), Reason::Join, words);
    }

    fn is_ready(&self) -> bool {
        self.holder.handle().has_ended()
    }

    fn link(&self, place: Place<'_>) -> bool {
        // SAFETY: this arm is not announced now, so nobody refers to the node that it had before.
        let node = unsafe { self.node.make(JoinNode::new(place.waiter, place.arm)) };
        self.announced.set(node.announce(self.joined(), false) != Phase::Done);
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

impl<H: Holder> Arm for JoinArm<H> {
    type Output = Result<H::Value, JoinError>;

    fn take(mut self) -> Self::Output {
        outcome(self.holder.handle_mut().spawned.take_by_ref())
    }
}

impl<H: Holder> fmt::Debug for JoinArm<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JoinArm").field(self.holder.handle()).finish()
    }
}
