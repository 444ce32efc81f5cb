//! Records of those who wait, and the claim that decides who was woken by what.
//!
//! A [`Waiter`] is one wait: it lies on the waiting stack, and every place that may end the wait
//! holds a node that points to it. Of all that try, the first claim wins; so one wait with many
//! places ends by exactly one of them, and the others have taken nothing.
//!
//! # The rule
//!
//! **Between the time a wait is published, which is when others can find its node or its `Unparker`, and its
//! park, its task does nothing that yields, waits or runs anybody else's code.** A wake that finds the
//! task running is kept for its next park, and a wake that finds it queued is not kept at all. A yield in
//! between would be queued, so a wake that comes then is lost; a wait in between takes the wake for
//! its own. A park does not look at the claim before it switches: that is what makes it cheap, and it is
//! right as long as the rule is kept. To give wakes, to unlock and to cancel are none of the three:
//! they queue tasks, and nothing that they let go of has a destructor of a user's. A
//! [`Choice`]'s `link` and `deadline` keep the rule too, and `unlink` and `settle` need not: they come
//! after the claim. Nor need `has_turned`, after which nothing parks.
//!
//! Code that cannot keep it looks at its own record once more, right before each park, as
//! [`crate::blocking`] does.

mod poll;
mod select;
mod shared;

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomPinned;
use std::os::fd::RawFd;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::time::Instant;

use crate::loom::AtomicU32;
use crate::park::{self, Left, Woken};
use crate::task::{Reason, Target, Wake};

pub(crate) use select::{Aim, ArmNode, Limit, choose};
pub use select::{Arm, Choice, Place, Receive, Selectable};
pub(crate) use shared::{List, Node};

/// One wait.
#[derive(Debug)]
pub(crate) struct Waiter {
    /// Zero, or one more than the arm that ended the wait.
    claimed: AtomicU32,
    /// Only one place can end it.
    solo: bool,
    target: Target,
}

impl Waiter {
    /// A wait that one place can end.
    #[inline(always)]
    pub(crate) fn solo() -> Waiter {
        Waiter { claimed: AtomicU32::new(0), solo: true, target: park::target() }
    }

    /// A wait that many places can end.
    pub(crate) fn many() -> Waiter {
        Waiter { claimed: AtomicU32::new(0), solo: false, target: park::target() }
    }

    /// Ends the wait by this arm, unless another did. After a `true`, unless there is another hold
    /// on the wait, it may be gone: the wake was made before.
    #[inline(always)]
    pub(crate) fn claim(&self, arm: u32) -> bool {
        if self.solo {
            self.claimed.store(arm + 1, Release);
            return true;
        }
        self.claimed.compare_exchange(0, arm + 1, AcqRel, Relaxed).is_ok()
    }

    /// Which arm ended the wait.
    #[inline(always)]
    pub(crate) fn claimed(&self) -> Option<u32> {
        self.claimed.load(Acquire).checked_sub(1)
    }

    /// Parks once, as [`park::park`]; whoever loops around it looks at the claim each time.
    #[inline(always)]
    pub(crate) fn park(
        &self,
        reason: Reason,
        deadline: Option<Instant>,
        leave: impl Fn() -> Left,
    ) -> Woken {
        park::park(&self.target, reason, deadline, leave)
    }

    pub(crate) fn is_task(&self) -> bool {
        matches!(self.target, Target::Task(_))
    }

    /// As [`Waiter::park`], on a plain thread that also waits for descriptors; `true`: one of them
    /// has an event.
    pub(crate) fn park_polling(
        &self,
        polled: &[(RawFd, i16)],
        deadline: Option<Instant>,
        leave: impl Fn() -> Left,
    ) -> (Woken, bool) {
        let Target::Thread(parker) = &self.target else {
            unreachable!("a task's descriptors are its worker's to poll")
        };
        let mut ready = false;
        let woken = park::park_thread_by(deadline, &leave, |until| {
            ready = poll::park(parker, polled, until);
        });
        (woken, ready)
    }

    /// What wakes the waiting side.
    ///
    /// # Safety
    ///
    /// The wait cannot end before this returns.
    #[inline(always)]
    pub(crate) unsafe fn wake(&self, here: Option<u16>) -> Wake {
        // SAFETY: the caller's promise.
        unsafe { self.target.wake(here) }
    }
}

/// A list of waits that belongs to one thread, as its nodes do: first in, first out.
#[derive(Debug)]
pub(crate) struct LocalList {
    first: Cell<*const LocalNode>,
    last: Cell<*const LocalNode>,
}

/// A place in a [`LocalList`]. It lies beside its waiter.
pub(crate) struct LocalNode {
    waiter: *const Waiter,
    arm: u32,
    list: Cell<*const LocalList>,
    prev: Cell<*const LocalNode>,
    next: Cell<*const LocalNode>,
    _pinned: PhantomPinned,
}

impl fmt::Debug for LocalNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalNode").field("arm", &self.arm).finish_non_exhaustive()
    }
}

impl LocalNode {
    #[inline(always)]
    pub(crate) fn new(waiter: &Waiter, arm: u32) -> LocalNode {
        LocalNode {
            waiter,
            arm,
            list: Cell::new(std::ptr::null()),
            prev: Cell::new(std::ptr::null()),
            next: Cell::new(std::ptr::null()),
            _pinned: PhantomPinned,
        }
    }

    /// Links the node at the list's end, until the answer is dropped or the node has fired.
    ///
    /// # Safety
    ///
    /// The list outlives the answer, or takes all nodes off before it goes; neither moves.
    #[inline(always)]
    pub(crate) unsafe fn link<'a>(&'a self, list: &LocalList) -> Linked<'a> {
        let last = list.last.replace(self);
        self.prev.set(last);
        self.list.set(list);
        // SAFETY: nodes in the list are valid: each is unlinked before it goes.
        match unsafe { last.as_ref() } {
            Some(last) => last.next.set(self),
            None => list.first.set(self),
        }
        Linked(self)
    }

    #[inline(always)]
    pub(crate) fn unlink(&self) {
        let list = self.list.replace(std::ptr::null());
        // SAFETY: a node that names a list is in it, and the list is valid while it has nodes.
        let Some(list) = (unsafe { list.as_ref() }) else {
            return;
        };
        let (prev, next) = (self.prev.get(), self.next.replace(std::ptr::null()));
        // SAFETY: nodes in the list are valid.
        match unsafe { prev.as_ref() } {
            Some(prev) => prev.next.set(next),
            None => list.first.set(next),
        }
        // SAFETY: as above.
        match unsafe { next.as_ref() } {
            Some(next) => next.prev.set(prev),
            None => list.last.set(prev),
        }
    }
}

/// A node's stay in its list.
#[derive(Debug)]
pub(crate) struct Linked<'a>(&'a LocalNode);

impl Drop for Linked<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.unlink();
    }
}

impl LocalList {
    pub(crate) fn new() -> LocalList {
        LocalList { first: Cell::new(std::ptr::null()), last: Cell::new(std::ptr::null()) }
    }

    /// Takes the oldest node out and ends its wait; `None` if the list is empty.
    pub(crate) fn fire_first(&self, here: Option<u16>) -> Option<Option<Wake>> {
        // SAFETY: nodes in the list are valid, and their waiters with them: this is the thread of
        // all of them, and none runs while this does.
        unsafe {
            let node = self.first.get().as_ref()?;
            node.unlink();
            let waiter = &*node.waiter;
            let wake = waiter.wake(here);
            Some(waiter.claim(node.arm).then_some(wake))
        }
    }
}

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

/// In a model, a record that goes has to have seen the last touch of everybody else.
#[cfg(all(test, loom))]
mod probes {
    impl Drop for super::Waiter {
        fn drop(&mut self) {
            self.claimed.with_mut(|_| ());
        }
    }

    impl Drop for super::JoinNode {
        fn drop(&mut self) {
            self.released.with_mut(|_| ());
        }
    }
}
