//! The claim: which of the places that may end a wait has ended it.

use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::time::Instant;

use super::poll;
use crate::current::Here;
use crate::loom::AtomicU32;
use crate::park::{self, Left, Woken};
use crate::task::{Header, Poller, Target, Wake, Wanted};

/// One wait of a task or a plain thread.
#[derive(Debug)]
pub(crate) struct Waiter {
    /// Zero while the wait goes on; then the number of the arm that ended it, plus one.
    claimed: AtomicU32,
    /// Whether only one place can end the wait. A claim then needs no compare-exchange.
    solo: bool,
    target: Target,
}

impl Waiter {
    /// A wait that one place can end.
    #[inline(always)]
    pub(crate) fn solo() -> Waiter {
        Waiter { claimed: AtomicU32::new(0), solo: true, target: park::target() }
    }

    /// A wait that one place can end, of the running task, or of this plain thread.
    #[inline(always)]
    pub(crate) fn solo_of(here: Here) -> Waiter {
        Waiter { claimed: AtomicU32::new(0), solo: true, target: park::target_of(here) }
    }

    /// A wait that many places can end.
    pub(crate) fn many() -> Waiter {
        Waiter { claimed: AtomicU32::new(0), solo: false, target: park::target() }
    }

    /// A wait that many places can end, and that is a future.
    pub(crate) fn polled(poller: Arc<Poller>) -> Waiter {
        let target = Target::Poller(poller);
        Waiter { claimed: AtomicU32::new(0), solo: false, target }
    }

    /// Ends the wait by `arm`, unless another arm has ended it. After a `true` the waiter may be
    /// gone, unless the caller holds a lock that the waiter takes before it leaves. So the wake is
    /// made before the claim, or under that lock.
    #[inline(always)]
    pub(crate) fn claim(&self, arm: u32) -> bool {
        if self.solo {
            self.claimed.store(arm + 1, Release);
            return true;
        }
        self.claimed.compare_exchange(0, arm + 1, AcqRel, Relaxed).is_ok()
    }

    /// The arm that ended the wait; `None` while the wait goes on.
    #[inline(always)]
    pub(crate) fn claimed(&self) -> Option<u32> {
        self.claimed.load(Acquire).checked_sub(1)
    }

    /// Parks once, as [`park::park`] does. The caller looks at the claim before each round.
    #[inline(always)]
    pub(crate) fn park<'a>(
        &self,
        wanted: impl Into<Wanted<'a>>,
        deadline: Option<Instant>,
        leave: impl Fn() -> Left,
    ) -> Woken {
        park::park(&self.target, wanted, deadline, leave)
    }

    /// Parks once, as [`Waiter::park`] does. `here`: what [`Waiter::solo_of`] was given.
    #[inline(always)]
    pub(crate) fn park_in<'a>(
        &self,
        here: Here,
        wanted: impl Into<Wanted<'a>>,
        deadline: Option<Instant>,
        leave: impl Fn() -> Left,
    ) -> Woken {
        park::park_in(here, &self.target, wanted, deadline, leave)
    }

    pub(crate) fn is_task(&self) -> bool {
        matches!(self.target, Target::Task(_))
    }

    /// Parks a plain thread once, as [`Waiter::park`] does, until also one of the descriptors
    /// `polled` has an event. The `bool` tells whether one has.
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

    /// The task that waits, for lists in which only tasks wait.
    ///
    /// # Panics
    ///
    /// If the waiting side is a plain thread.
    pub(super) fn task(&self) -> *const Header {
        match self.target {
            Target::Task(task) => task,
            Target::Thread(_) | Target::Poller(_) => unreachable!("only tasks wait here"),
        }
    }

    /// Makes the wake of the waiting task or thread.
    ///
    /// # Safety
    ///
    /// The waiter cannot leave before this returns.
    #[inline(always)]
    pub(crate) unsafe fn wake(&self, here: Option<u16>) -> Wake {
        // SAFETY: the caller keeps the waiter from leaving, so the task or thread in `target` is
        // alive.
        unsafe { self.target.wake(here) }
    }
}

// Tells loom that dropping the waiter is an access: each other thread must have finished with the
// waiter, in an order that the waiting side has seen.
#[cfg(all(test, loom))]
impl Drop for Waiter {
    fn drop(&mut self) {
        self.claimed.with_mut(|_| ());
    }
}
