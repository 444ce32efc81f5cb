//! The claim: one wait, and which of the places that may end it has.

use std::os::fd::RawFd;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::time::Instant;

use super::poll;
use crate::loom::AtomicU32;
use crate::park::{self, Left, Woken};
use crate::task::{Header, Reason, Target, Wake};

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

    /// The task that waits.
    ///
    /// # Panics
    ///
    /// If it is a plain thread.
    pub(super) fn task(&self) -> *const Header {
        match self.target {
            Target::Task(task) => task,
            Target::Thread(_) => unreachable!("only tasks wait here"),
        }
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

// In a model, a record that goes has to have seen the last touch of everybody else.
#[cfg(all(test, loom))]
impl Drop for Waiter {
    fn drop(&mut self) {
        self.claimed.with_mut(|_| ());
    }
}
