//! Receives of news as futures.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::error::RecvError;
use super::news::NewsArm;
use super::{broadcast, watch};
use crate::waiters::{ArmFuture, Selectable};

type BroadcastArm<'a, T> =
    NewsArm<'a, broadcast::Receiver<T>, Result<Arc<T>, broadcast::RecvError>>;
type ChangedArm<'a, T> = NewsArm<'a, watch::Receiver<T>, Result<(), RecvError>>;

/// A future that is ready when a message of a `broadcast` channel was received: from
/// [`recv_async`](broadcast::Receiver::recv_async).
///
/// Any executor may poll it, on any thread. Dropping it takes the wait back, and takes no message.
///
/// # Panics
///
/// A poll panics if the future was ready before.
#[must_use = "futures do nothing unless polled"]
pub struct BroadcastFuture<'a, T: Clone> {
    receiving: ArmFuture<BroadcastArm<'a, T>>,
}

/// A future that is ready when a `watch` channel has a value that its receiver has not seen: from
/// [`changed_async`](watch::Receiver::changed_async).
///
/// Any executor may poll it, on any thread. Dropping it takes the wait back, and marks nothing
/// seen.
///
/// # Panics
///
/// A poll panics if the future was ready before.
#[must_use = "futures do nothing unless polled"]
pub struct ChangedFuture<'a, T> {
    receiving: ArmFuture<ChangedArm<'a, T>>,
}

// SAFETY: messages are shared by all receivers, so they have to be `Send` and `Sync`. The node in
// the future is touched by others under the queue's lock only.
unsafe impl<T: Clone + Send + Sync> Send for BroadcastFuture<'_, T> {}
// SAFETY: a shared future gives access to nothing but whether it was ready.
unsafe impl<T: Clone + Send + Sync> Sync for BroadcastFuture<'_, T> {}
// SAFETY: values are shared by all receivers, so they have to be `Send` and `Sync`. The node in the
// future is touched by others under the queue's lock only.
unsafe impl<T: Send + Sync> Send for ChangedFuture<'_, T> {}
// SAFETY: a shared future gives access to nothing but whether it was ready.
unsafe impl<T: Send + Sync> Sync for ChangedFuture<'_, T> {}

impl<'a, T: Clone> BroadcastFuture<'a, T> {
    pub(super) fn new(receiver: &'a broadcast::Receiver<T>) -> Self {
        BroadcastFuture { receiving: ArmFuture::new(receiver.arm()) }
    }
}

impl<'a, T> ChangedFuture<'a, T> {
    pub(super) fn new(receiver: &'a watch::Receiver<T>) -> Self {
        ChangedFuture { receiving: ArmFuture::new(receiver.arm()) }
    }
}

impl<T: Clone> Future for BroadcastFuture<'_, T> {
    type Output = Result<T, broadcast::RecvError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `receiving` is pinned when the future is: it is moved nowhere, and dropped in its
        // place.
        unsafe { self.map_unchecked_mut(|this| &mut this.receiving) }.poll(context)
    }
}

impl<T> Future for ChangedFuture<'_, T> {
    type Output = Result<(), RecvError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `receiving` is pinned when the future is: it is moved nowhere, and dropped in its
        // place.
        unsafe { self.map_unchecked_mut(|this| &mut this.receiving) }.poll(context)
    }
}

impl<T: Clone> fmt::Debug for BroadcastFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastFuture").field("was_ready", &self.receiving.was_ready()).finish()
    }
}

impl<T> fmt::Debug for ChangedFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangedFuture").field("was_ready", &self.receiving.was_ready()).finish()
    }
}
