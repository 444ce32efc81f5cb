//! The place of a joiner in the task whose end it waits for.

use std::sync::atomic::Ordering::{Acquire, Release};

use super::Waiter;
use crate::loom::AtomicU32;
use crate::task::Wake;

/// The place of a joiner in its task. It lies beside its waiter.
#[derive(Debug)]
pub(crate) struct JoinNode {
    waiter: *const Waiter,
    arm: u32,
    /// Whoever completed the task has let go of the node.
    released: AtomicU32,
}

impl JoinNode {
    pub(crate) fn new(waiter: &Waiter, arm: u32) -> JoinNode {
        JoinNode { waiter, arm, released: AtomicU32::new(0) }
    }

    /// Ends the wait; the answer wakes the joiner. After this the node may be gone.
    ///
    /// # Safety
    ///
    /// The node was in the slot of a task when it became DONE, and this is called once.
    pub(crate) unsafe fn fire(node: *const JoinNode, here: Option<u16>) -> Option<Wake> {
        // SAFETY: the joiner keeps node and waiter until `released`.
        unsafe {
            let waiter = &*(*node).waiter;
            let wake = waiter.wake(here);
            let won = waiter.claim((*node).arm);
            (*node).released.store(1, Release);
            won.then_some(wake)
        }
    }

    pub(crate) fn is_released(&self) -> bool {
        self.released.load(Acquire) != 0
    }

    /// Waits until whoever completed the task lets go: a few instructions of another thread.
    pub(crate) fn await_release(&self) {
        let mut round = 0;
        while !self.is_released() {
            crate::loom::pause(round);
            round += 1;
        }
    }
}

// In a model, a record that goes has to have seen the last touch of everybody else.
#[cfg(all(test, loom))]
impl Drop for JoinNode {
    fn drop(&mut self) {
        self.released.with_mut(|_| ());
    }
}
