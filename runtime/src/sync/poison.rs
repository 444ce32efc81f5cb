//! Poisoning: what a panic leaves behind it is marked.
//!
//! As in std, a guard that is dropped by a panic marks its lock, unless it was made while that panic
//! was under way. In a task, though, `thread::panicking()` does not tell: it is the worker's, and
//! true while any of its tasks waits in a destructor in the middle of an unwinding. So a task is
//! taken for panicking only if none of its worker's parked tasks can be meant; and a task that is
//! being cancelled, or whose timeout has expired, is not panicking. Where it cannot be told the lock is not marked: to be told of
//! damage that nobody did would fail all that use the lock.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{LockResult, PoisonError};
use std::thread;

use crate::current;
use crate::task::Flags;

/// Whether a lock is poisoned.
pub(super) struct Flag(AtomicBool);

/// Whether a guard was made in a destructor during a panic.
#[derive(Clone, Copy)]
pub(super) struct Before(bool);

impl Before {
    #[inline(always)]
    pub(super) fn now() -> Before {
        Before(thread::panicking() && is_unwinding())
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
        if thread::panicking() && !before.0 {
            self.guard_dropped_unwinding();
        }
    }

    #[cold]
    fn guard_dropped_unwinding(&self) {
        let thrown = match current::task() {
            Some((_, task)) => task.has(Flags::THROWN),
            None => current::thread_thrown(),
        };
        if is_unwinding() && !thrown {
            self.0.store(true, Relaxed);
        }
    }

    /// The answer of an operation that looks at the flag.
    #[inline(always)]
    pub(super) fn check<T>(&self, value: T) -> LockResult<T> {
        if self.get() { Err(PoisonError::new(value)) } else { Ok(value) }
    }
}

/// Of a thread that is panicking: whether it is this task, for certain.
#[cold]
fn is_unwinding() -> bool {
    current::task().is_none_or(|(core, _)| core.unwinding.get() == 0)
}

impl fmt::Debug for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
