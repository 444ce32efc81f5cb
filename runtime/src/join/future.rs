//! The end of a task as a future.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::arm::JoinArm;
use super::{JoinError, JoinHandle};
use crate::waiters::ArmFuture;

/// A future that is ready when a task has ended, with the task's result.
///
/// It is what `.await` makes of a [`JoinHandle`] or a
/// [`ScopedJoinHandle`](crate::scope::ScopedJoinHandle), in any executor. Dropping it detaches the
/// task, as dropping the handle does.
///
/// # Panics
///
/// A poll panics if a task awaits its own end, which could never come, and if the future was ready
/// before.
///
/// # Examples
///
/// ```
/// use gocoro::{future, go};
///
/// let sum = future::wait(async {
///     let (one, two) = (go!({ 1 }), go!({ 2 }));
///     one.await.unwrap() + two.await.unwrap()
/// });
/// assert_eq!(sum, 3);
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct JoinFuture<'scope, T> {
    joining: ArmFuture<JoinArm<JoinHandle<T>>>,
    /// A scoped task's value may borrow from outside of the scope.
    scope: PhantomData<&'scope ()>,
}

// SAFETY: whoever has the future can take the value, so that has to be `Send`. The nodes in the
// future are touched by others as the protocols of `ArmFuture` and `JoinNode` say, which do not
// depend on the thread that polls or drops the future.
unsafe impl<T: Send> Send for JoinFuture<'_, T> {}
// SAFETY: a shared future gives access to nothing but whether it was ready.
unsafe impl<T: Send> Sync for JoinFuture<'_, T> {}

impl<T> JoinFuture<'_, T> {
    pub(crate) fn new(handle: JoinHandle<T>) -> Self {
        JoinFuture { joining: ArmFuture::new(JoinArm::new(handle)), scope: PhantomData }
    }
}

impl<T> Future for JoinFuture<'_, T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `joining` is pinned when the future is: it is moved nowhere, and dropped in its
        // place.
        unsafe { self.map_unchecked_mut(|this| &mut this.joining) }.poll(context)
    }
}

impl<T> IntoFuture for JoinHandle<T> {
    type Output = Result<T, JoinError>;
    type IntoFuture = JoinFuture<'static, T>;

    fn into_future(self) -> JoinFuture<'static, T> {
        JoinFuture::new(self)
    }
}

impl<T> fmt::Debug for JoinFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinFuture").field("was_ready", &self.joining.was_ready()).finish()
    }
}
