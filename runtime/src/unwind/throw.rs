//! What the runtime throws to unwind a wait, and the mark that says whether the unwinding under way
//! is such a throw.
//!
//! Each throw has a number. The mark is the number of the throw that is under way on the thread.
//! Dropping a throw's payload clears the mark, whether the throw was caught at its destination or
//! swallowed by user code. User code may also swallow a payload and keep it. Therefore the mark
//! says something only while the thread unwinds, and a payload that was kept and is dropped during
//! a later throw, which has another number, leaves the mark alone.
//!
//! The mark belongs to the task that unwinds, as the count of panics does. Both leave the thread
//! when such a task waits, so a task that does not unwind never finds a mark.

use std::any::Any;
use std::cell::Cell;
use std::panic;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[cfg(not(all(test, loom)))]
thread_local! {
    /// The number of the throw under way; zero: none.
    static UNDER_WAY: Cell<u64> = const { Cell::new(0) };
}

// A model's threads are one thread of the system, and each of them has a mark of its own.
#[cfg(all(test, loom))]
loom::thread_local! {
    static UNDER_WAY: Cell<u64> = Cell::new(0);
}

/// The place that a throw unwinds to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Destination {
    /// The root of the task, which is cancelled.
    Root,
    /// The boundary with this id.
    Boundary(u64),
    /// The root of the coroutine at this address, which is being dropped.
    Coroutine(usize),
}

/// The payload that the runtime throws. It is private, so user code can catch it and raise it
/// again, but not make one.
#[derive(Debug)]
pub(crate) struct Throw {
    to: Destination,
    number: u64,
}

impl Throw {
    /// Unwinds to this destination. No panic hook runs, and nothing is printed.
    pub(crate) fn raise(to: Destination) -> ! {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Relaxed);
        put_mark(number);
        panic::resume_unwind(Box::new(Throw { to, number }));
    }
}

impl Drop for Throw {
    fn drop(&mut self) {
        if mark() == self.number {
            put_mark(0);
        }
    }
}

/// Whether a payload is one that the runtime threw.
pub(crate) fn is_throw(payload: &(dyn Any + Send)) -> bool {
    payload.is::<Throw>()
}

/// Whether a payload is one that the runtime threw to this destination.
pub(crate) fn leads_to(payload: &(dyn Any + Send), to: Destination) -> bool {
    payload.downcast_ref().is_some_and(|throw: &Throw| throw.to == to)
}

/// Whether the unwinding under way on this thread, if one is, was thrown by the runtime.
#[inline(always)]
pub(crate) fn is_thrown() -> bool {
    mark() != 0
}

/// Clears the mark: the runtime's throw was swallowed by user code, or another panic goes on in its
/// place.
#[inline(always)]
pub(crate) fn not_thrown() {
    put_mark(0);
}

/// The number of the throw under way; zero: none.
#[inline(always)]
pub(super) fn mark() -> u64 {
    UNDER_WAY.with(Cell::get)
}

/// Sets the number of the throw under way on this thread.
#[inline(always)]
pub(super) fn put_mark(number: u64) {
    UNDER_WAY.with(|mark| mark.set(number));
}
