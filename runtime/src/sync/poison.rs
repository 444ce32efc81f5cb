//! Poisoning: what a panic leaves behind it is marked.
//!
//! As in std, a guard that is dropped by a panic marks its lock, unless it was made while that
//! panic was under way. Cancels and timeouts unwind a task too, and are no panics: they leave no
//! mark. Nor does a panic on a lock that was held already when `catch_unwind` caught a cancel or a
//! timeout, if the program keeps what it caught, and the panic comes before the task next takes a
//! lock or unwinds to where it was meant to.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{LockResult, PoisonError};
use std::thread;

use crate::unwind;

/// Whether a lock is poisoned.
pub(super) struct Flag(AtomicBool);

/// Whether a guard was made in the middle of an unwinding.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Before(bool);

impl Before {
    #[inline(always)]
    pub(super) fn now() -> Before {
        let unwinding = thread::panicking();
        if !unwinding && unwind::is_thrown() {
            // User code caught what was thrown: the mark is stale.
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

    /// Marks the lock if the guard that is being dropped, made `before`, is dropped by a panic.
    #[inline(always)]
    pub(super) fn guard_dropped(&self, before: Before) {
        if thread::panicking() && !before.0 && !unwind::is_thrown() {
            self.0.store(true, Relaxed);
        }
    }

    /// The answer of an operation that looks at the flag.
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
