//! The node by which a joiner waits in the task whose end it waits for.

use std::sync::atomic::Ordering::{Acquire, Release};

use super::Waiter;
use crate::loom::AtomicU32;
use crate::task::word::Phase;
use crate::task::{Header, Wake};

/// The place of a joiner in a task's joiner slot. The node lies on the joiner's stack, beside its
/// waiter.
#[derive(Debug)]
pub(crate) struct JoinNode {
    waiter: *const Waiter,
    arm: u32,
    /// Set when the thread that completed the task has finished with the node.
    released: AtomicU32,
}

impl JoinNode {
    pub(crate) fn new(waiter: &Waiter, arm: u32) -> JoinNode {
        JoinNode { waiter, arm, released: AtomicU32::new(0) }
    }

    /// Puts the node into the task's joiner slot, and returns the phase that this has found. If the
    /// task has ended, nobody finds the node.
    ///
    /// The slot may be written: it belongs to the task's handle while nobody is announced, and the
    /// joiner has the handle for itself. If the task has not ended, the node stays where it is
    /// until it is [withdrawn](JoinNode::withdraw) or released.
    ///
    /// `alone`: no other thread can reach the task meanwhile.
    #[inline(always)]
    pub(crate) fn announce(&self, task: &Header, alone: bool) -> Phase {
        task.joiner.set(std::ptr::from_ref(self).cast());
        task.word.announce_joiner(alone)
    }

    /// Takes the announcement back. After this nobody touches the node. `false`: the task was
    /// completed before, and has woken the joiner.
    pub(crate) fn withdraw(&self, task: &Header) -> bool {
        let withdrawn = !self.is_released() && task.word.withdraw_joiner();
        if !withdrawn {
            self.await_release();
        }
        withdrawn
    }

    /// Ends the joiner's wait, and returns the wake if this node ended it. The joiner may then
    /// leave, so node and waiter may be gone when this returns.
    ///
    /// # Safety
    ///
    /// The node was in the slot of a task when the task became DONE, and `fire` is called once for
    /// it.
    #[inline(always)]
    pub(crate) unsafe fn fire(node: *const JoinNode, here: Option<u16>) -> Option<Wake> {
        // SAFETY: the joiner keeps node and waiter until `released` is set.
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

    /// Spins until the thread that completed the task has finished with the node: for the time of a
    /// few instructions, once the task is DONE.
    pub(crate) fn await_release(&self) {
        let mut round = 0;
        while !self.is_released() {
            crate::loom::pause(round);
            round += 1;
        }
    }
}

// Tells loom that dropping the node is an access: the thread that fired the node must have finished
// with it, in an order that the joiner has seen.
#[cfg(all(test, loom))]
impl Drop for JoinNode {
    fn drop(&mut self) {
        self.released.with_mut(|_| ());
    }
}
