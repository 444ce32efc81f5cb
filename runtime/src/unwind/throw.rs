//! What the runtime throws to unwind a wait, and whether the unwinding under way is one of those.
//!
//! Each throw has a number, and its thread keeps the number of the one under way. The mark ends
//! with the payload: caught where it leads, or swallowed by user code and dropped. User code may
//! also swallow a payload and keep it, so the mark says something only while the thread unwinds;
//! and since one that was kept has another number, dropping it during a later throw changes
//! nothing.
//!
//! The mark belongs to what unwinds, as the count of panics does: both leave the thread with a task
//! that waits while it unwinds, and a task that is resumed otherwise finds none.

use std::any::Any;
use std::cell::Cell;
use std::panic;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[cfg(not(all(test, loom)))]
thread_local! {
    /// The number of the throw under way; zero: none.
    static UNDER_WAY: Cell<u64> = const { Cell::new(0) };
}

// Each of a model's threads is unwound by itself.
#[cfg(all(test, loom))]
loom::thread_local! {
    static UNDER_WAY: Cell<u64> = Cell::new(0);
}

/// Where a throw leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Destination {
    /// The root of the task, which is cancelled.
    Root,
    /// The boundary with this id.
    Boundary(u64),
}

/// What the runtime throws. Private: user code can catch and rethrow it, not make one.
#[derive(Debug)]
pub(crate) struct Throw {
    to: Destination,
    number: u64,
}

impl Throw {
    /// Unwinds, without a panic hook and without a message.
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

/// Whether a payload is the runtime's.
pub(crate) fn is_throw(payload: &(dyn Any + Send)) -> bool {
    payload.is::<Throw>()
}

/// Whether a payload was thrown to there.
pub(crate) fn leads_to(payload: &(dyn Any + Send), to: Destination) -> bool {
    payload.downcast_ref().is_some_and(|throw: &Throw| throw.to == to)
}

/// Whether the unwinding under way on this thread, if one is, was thrown by the runtime.
#[inline(always)]
pub(crate) fn is_thrown() -> bool {
    mark() != 0
}

/// The unwinding under way, if one is, was not thrown by the runtime: what was has been swallowed,
/// or something else goes on in its place.
#[inline(always)]
pub(crate) fn not_thrown() {
    put_mark(0);
}

/// The number of the throw under way, for a switch away from what unwinds.
#[inline(always)]
pub(super) fn mark() -> u64 {
    UNDER_WAY.with(Cell::get)
}

/// Puts back what [`mark`] gave.
#[inline(always)]
pub(super) fn put_mark(number: u64) {
    UNDER_WAY.with(|mark| mark.set(number));
}
