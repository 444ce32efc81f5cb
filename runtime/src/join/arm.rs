//! The end of a task as an arm of a choice.

use std::cell::{Cell, UnsafeCell};
use std::fmt;

use super::{JoinError, JoinHandle, outcome};
use crate::current;
use crate::task::{Naming, TaskRef};
use crate::waiters::{Arm, Choice, JoinNode, Place, Selectable};

/// What `join(…)` in `select!` takes: a handle that results are joined with.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`select!` cannot join `{Self}`",
    label = "not a task's handle",
    note = "`join(&mut handle)` takes a `JoinHandle`; for other things write `wait(x) -> v => …`"
)]
pub trait Join: Selectable {}

impl<T> Join for &mut JoinHandle<T> {}

impl<'a, T> Selectable for &'a mut JoinHandle<T> {
    type Output = Result<T, JoinError>;
    type Arm = JoinArm<'a, T>;

    fn arm(self) -> JoinArm<'a, T> {
        JoinArm { handle: self, node: UnsafeCell::new(None), announced: Cell::new(false) }
    }
}

/// A join in `select!`.
#[doc(hidden)]
pub struct JoinArm<'a, T> {
    handle: &'a mut JoinHandle<T>,
    node: UnsafeCell<Option<JoinNode>>,
    announced: Cell<bool>,
}

impl<T> JoinArm<'_, T> {
    fn joined(&self) -> &TaskRef {
        &self.handle.task().inner
    }

    fn node(&self) -> &JoinNode {
        // SAFETY: it is replaced only while it is not announced, by the arm's own thread.
        unsafe { (*self.node.get()).as_ref() }.expect("an announced arm has a node")
    }
}

impl<T> Choice for JoinArm<'_, T> {
    fn attempt(&self) -> bool {
        self.is_ready()
    }

    fn is_ready(&self) -> bool {
        self.handle.is_finished()
    }

    fn link(&self, place: Place<'_>) -> bool {
        let task = self.joined();
        if current::task().is_some_and(|(_, running)| std::ptr::eq(running, &**task)) {
            panic!("{} joins itself, which can never end", Naming(task));
        }
        // SAFETY: the arm is not announced now, so nobody else has the old node.
        let node = unsafe { &mut *self.node.get() };
        let node = &*node.insert(JoinNode::new(place.waiter, place.arm));
        // The slot is the handle's while nobody is announced in it, and the handle is borrowed alone.
        task.joiner.set(std::ptr::from_ref(node).cast());
        self.announced.set(task.word.announce_joiner());
        !self.announced.get()
    }

    fn unlink(&self) {
        if self.announced.replace(false)
            && !self.node().is_released()
            && !self.joined().word.withdraw_joiner()
        {
            self.node().await_release();
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
