//! The end of a scope's child as an arm of a choice.

use std::fmt;

use super::child::{Packet, ScopedJoinHandle};
use crate::join::{Join, JoinArm, JoinError};
use crate::task::Task;
use crate::waiters::{Arm, Choice, Place, Selectable};

impl<T> Join for &mut ScopedJoinHandle<'_, T> {}

impl<T> crate::waiters::Sealed for &mut ScopedJoinHandle<'_, T> {}

impl<'a, T> Selectable for &'a mut ScopedJoinHandle<'_, T> {
    type Output = Result<T, JoinError>;
    type Arm = ScopedJoinArm<'a, T>;

    fn arm(self) -> ScopedJoinArm<'a, T> {
        let task = self.task().clone();
        ScopedJoinArm { ended: self.task.arm(), packet: &self.packet, task }
    }
}

/// A join of a scope's child in `select!`.
#[doc(hidden)]
pub struct ScopedJoinArm<'a, T> {
    ended: JoinArm<'a, ()>,
    packet: &'a Packet<T>,
    task: Task,
}

// SAFETY: all of it is the join arm's, which keeps the promise.
unsafe impl<T> Choice for ScopedJoinArm<'_, T> {
    fn attempt(&self) -> bool {
        self.ended.attempt()
    }

    fn is_ready(&self) -> bool {
        self.ended.is_ready()
    }

    fn link(&self, place: Place<'_>) -> bool {
        self.ended.link(place)
    }

    fn unlink(&self) {
        self.ended.unlink();
    }

    fn settle(&self) -> bool {
        self.ended.settle()
    }

    fn has_turned(&self) -> bool {
        self.ended.has_turned()
    }
}

impl<T> Arm for ScopedJoinArm<'_, T> {
    type Output = Result<T, JoinError>;

    fn take(self) -> Result<T, JoinError> {
        self.packet.take(&self.task)
    }
}

impl<T> fmt::Debug for ScopedJoinArm<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinArm").field("task", &self.task).finish_non_exhaustive()
    }
}
