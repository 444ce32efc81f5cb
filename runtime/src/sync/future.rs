//! A value that comes later, as a future.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::arm::QueueArm;
use super::promise::{AbandonedPromise, Deferred};
use crate::waiters::{ArmFuture, Selectable};

type Arm<'a, T> = QueueArm<'a, Result<&'a T, AbandonedPromise>>;

/// A future that is ready when a promise was set or dropped: from
/// [`Deferred::wait_async`](super::Deferred::wait_async).
///
/// Any executor may poll it, on any thread. Dropping it takes the wait back.
///
/// # Panics
///
/// A poll panics if the future was ready before.
#[must_use = "futures do nothing unless polled"]
pub struct DeferredFuture<'a, T> {
    waiting: ArmFuture<Arm<'a, T>>,
}

// SAFETY: the future reads the value where it is polled, while others may do so too, and may be the
// last to have it, as a `Deferred` may: so the value has to be `Send` and `Sync`. The node in the
// future is touched by others under the queue's lock only.
unsafe impl<T: Send + Sync> Send for DeferredFuture<'_, T> {}
// SAFETY: a shared future gives access to nothing but whether it was ready.
unsafe impl<T: Send + Sync> Sync for DeferredFuture<'_, T> {}

impl<'a, T> DeferredFuture<'a, T> {
    pub(super) fn new(deferred: &'a Deferred<T>) -> Self {
        DeferredFuture { waiting: ArmFuture::new(deferred.arm()) }
    }
}

impl<'a, T> Future for DeferredFuture<'a, T> {
    type Output = Result<&'a T, AbandonedPromise>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `waiting` is pinned when the future is: it is moved nowhere, and dropped in its
        // place.
        unsafe { self.map_unchecked_mut(|this| &mut this.waiting) }.poll(context)
    }
}

impl<'a, T> IntoFuture for &'a Deferred<T> {
    type Output = Result<&'a T, AbandonedPromise>;
    type IntoFuture = DeferredFuture<'a, T>;

    fn into_future(self) -> DeferredFuture<'a, T> {
        self.wait_async()
    }
}

impl<T> fmt::Debug for DeferredFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferredFuture").field("was_ready", &self.waiting.was_ready()).finish()
    }
}
