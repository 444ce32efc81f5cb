//! Poisoning: what a panic leaves behind it is marked.
//!
//! As in std, a guard that is dropped by a panic marks its lock, unless it was made while that panic
//! was under way. In a task, though, `thread::panicking()` does not tell: it is the worker's, and
//! true while any of its tasks waits in a destructor in the middle of an unwinding. So a task is
//! taken for panicking only if none of its worker's parked tasks can be meant; and a task that is
//! being cancelled, or whose timeout has expired, is not panicking.
//!
//! Where it cannot be told the lock is not marked: to be told of damage that nobody did would fail
//! all that use the lock. So a panic leaves no mark on a lock
//!
//! - if another task of the worker waits in the middle of its unwinding then, or the thread panicked
//!   before it became a worker;
//! - that was taken in the middle of another task's unwinding, if the worker was in the middle of one
//!   ever since;
//! - that was held already when `catch_unwind` caught a cancel or an expired timeout, if the program keeps
//!   what it caught, and the panic comes before the task next takes a lock or unwinds to where it was
//!   meant to.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{LockResult, PoisonError};
use std::thread;

use crate::current;
use crate::park;

/// Whether a lock is poisoned.
pub(super) struct Flag(AtomicBool);

/// What was under way when a guard was made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    /// A panic of the guard's maker.
    Own,
    /// A panic of another task of the worker, or of its maker as well: it cannot be told. The worker
    /// had been seen at rest so many times.
    Any(u32),
}

impl Before {
    #[inline(always)]
    pub(super) fn now() -> Before {
        if thread::panicking() {
            return Before::in_panic();
        }
        if park::is_thrown() {
            // It was, and user code has swallowed it.
            park::not_thrown();
        }
        Before::Nothing
    }

    #[cold]
    fn in_panic() -> Before {
        match current::task() {
            Some((core, _)) if core.unwinding.get() > 0 => Before::Any(core.rests.get()),
            _ => Before::Own,
        }
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
        if thread::panicking() && before != Before::Own {
            self.guard_dropped_in_panic(before);
        }
    }

    #[cold]
    fn guard_dropped_in_panic(&self, before: Before) {
        let own = current::task().is_none_or(|(core, _)| {
            core.unwinding.get() == 0
                && !core.panicked_before.get()
                && before != Before::Any(core.rests.get())
        });
        if own && !park::is_thrown() {
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
