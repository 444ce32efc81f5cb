//! Poisoning: a panic marks the locks whose guards it drops.
//!
//! As in std, a guard that is dropped by a panic marks its lock, unless the guard was made while
//! that panic was under way. Cancels and timeouts unwind a task too, but are no panics, and leave
//! no mark.
//!
//! In one case a panic leaves no mark either: if `catch_unwind` has caught a cancel or a timeout
//! and the program keeps it, and the task then panics before it next takes a lock or unwinds to
//! where the cancel or timeout was meant to end. Only locks that were held when it was caught are
//! concerned.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{LockResult, PoisonError};
use std::thread;

use crate::unwind;

/// Whether a lock is poisoned.
pub(super) struct Flag(AtomicBool);

/// Whether a guard was made while its thread was unwinding: such a guard marks nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Before(bool);

impl Before {
    #[inline(always)]
    pub(super) fn now() -> Before {
        let unwinding = thread::panicking();
        if !unwinding && unwind::is_thrown() {
            // User code caught our unwinding and swallowed it: clear the stale mark.
            unwind::not_thrown();
        }
        Before(unwinding)
    }
}

impl Flag {
    pub(super) const fn new() -> Flag {
        Flag(AtomicBool::new(false))
    }

    #[inline(always)]
    pub(super) fn get(&self) -> bool {
        self.0.load(Relaxed)
    }

    pub(super) fn clear(&self) {
        self.0.store(false, Relaxed);
    }

    /// Marks the lock if a panic drops the guard, which was made at `before`.
    #[inline(always)]
    pub(super) fn guard_dropped(&self, before: Before) {
        if thread::panicking() && !before.0 && !unwind::is_thrown() {
            self.0.store(true, Relaxed);
        }
    }

    /// The `LockResult` of an operation on this lock.
    #[inline(always)]
    pub(super) fn check<T>(&self, value: T) -> LockResult<T> {
        if self.get() { Err(PoisonError::new(value)) } else { Ok(value) }
    }
}

impl fmt::Debug for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
