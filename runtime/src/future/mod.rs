//! Waiting for any future, from tasks and plain threads.

#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(feature = "hyper")]
#[allow(unsafe_code)]
pub(crate) mod hyper;
#[cfg(feature = "hyper")]
mod sleep;
#[cfg(feature = "tokio")]
mod tokio;
#[cfg(any(feature = "futures-io", feature = "hyper", feature = "tokio"))]
mod streams;

use std::any::type_name;
use std::future::IntoFuture;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::boundary::Boundary;
use crate::clock;
use crate::current;
use crate::park;
use crate::time::Elapsed;
use crate::waiters::Awaiter;

/// Waits for a future, and returns its output.
///
/// The future is polled right here, on the stack of the task or thread that waits. So it need not
/// be `Send` nor `'static`, and whatever it calls may wait as any code of the task does. Nothing is
/// allocated: the waker is the task itself, or the thread.
///
/// A future that needs the reactor or the timers of another runtime needs that runtime: tokio's
/// types ask for its context (`Runtime::enter`, or the crate `async-compat`). Such a context is a
/// thread-local, so inside of a future that has entered one a wait of gocoro's own is not
/// supported: it would lend the context to the worker's other tasks.
///
/// A [coroutine](crate::coroutine::Coroutine) whose body waits for a future cannot be suspended
/// inside of a poll, for the future's waker wakes the task that waits now, and the next resumer may
/// be another.
///
/// # Parks
///
/// While the future is not ready. On a plain thread it blocks the thread. A future that wakes
/// itself lets the worker's other tasks run before its next poll. A cancel point: if the task is
/// cancelled, or a [`timeout`](crate::time::timeout()) around the wait runs out, the future is
/// dropped, on this stack.
///
/// # Panics
///
/// With the panic of the future's poll.
///
/// # Examples
///
/// ```
/// use gocoro::{future, go};
///
/// async fn double(number: u32) -> u32 {
///     go!(u32::wrapping_mul(number, 2)).await.unwrap() // a task's handle can be awaited
/// }
///
/// let task = go!({ future::wait(double(21)) }); // on a task
/// assert_eq!(task.wait(), 42);
/// assert_eq!(future::wait(double(4)), 8); // on a thread
/// ```
#[inline]
pub fn wait<F: IntoFuture>(future: F) -> F::Output {
    park::spent();
    drive(future, None).expect("a wait without a deadline ends by the future")
}

/// Waits for a future as [`wait`] does, but not longer than `timeout`, after which the future is
/// dropped.
///
/// The time is looked at between two polls. A poll that itself waits is not cut short, as one under
/// [`time::timeout`](crate::time::timeout()) is. In turn nothing is unwound, so this does not
/// depend on `panic = "unwind"`. The future is polled at least once, and once more when the time is
/// up.
///
/// To go on with the future later, lend it: `wait_timeout(timeout, future.as_mut())` drops the
/// reference, and not the pinned future.
///
/// # Parks
///
/// As [`wait`], up to `timeout`.
///
/// # Errors
///
/// [`Elapsed`] if the time was up before the future was ready.
///
/// # Panics
///
/// With the panic of the future's poll, or of its destructor.
///
/// # Examples
///
/// ```
/// use gocoro::channel::unbounded;
/// use gocoro::future::wait_timeout;
/// use std::pin::{Pin, pin};
/// use std::time::Duration;
///
/// let (sender, receiver) = unbounded();
/// let mut received = pin!(receiver.recv_async());
/// let soon = Duration::from_millis(1);
/// assert!(wait_timeout(soon, received.as_mut()).is_err());
/// sender.send(7)?;
/// assert_eq!(wait_timeout(soon, received), Ok(Ok(7)));
/// # Ok::<(), gocoro::channel::SendError<i32>>(())
/// ```
#[inline]
pub fn wait_timeout<F: IntoFuture>(timeout: Duration, future: F) -> Result<F::Output, Elapsed> {
    park::spent();
    drive(future, clock::after(timeout)).ok_or_else(Elapsed::new)
}

/// Polls a future until it is ready, and drops it. `None`: the deadline came first.
#[inline]
fn drive<F: IntoFuture>(future: F, deadline: Option<Instant>) -> Option<F::Output> {
    let future = pin!(future.into_future());
    if current::is_in_coroutine() {
        // Whoever polls is this task. A coroutine that was suspended inside of a poll could go on
        // in another task, after this one has ended. One of gocoro's cannot be suspended in there,
        // and a task does not end while one of another library is.
        return current::waits().within(&Boundary::fixed(), || poll(future, deadline));
    }
    poll(future, deadline)
}

#[inline]
fn poll<F: Future>(mut future: Pin<&mut F>, deadline: Option<Instant>) -> Option<F::Output> {
    // It goes before the future, whose destructor may wait for another future, and is not part of
    // this wait.
    let awaiter = Awaiter::here();
    let mut context = Context::from_waker(awaiter.waker());
    loop {
        awaiter.begin();
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        if deadline.is_some_and(|at| clock::now() >= at) {
            return None;
        }
        if awaiter.is_called() {
            // The future has woken itself, to let others run, or has waited for another future.
            park::yield_now();
        } else {
            // If the deadline comes first, the future is polled once more.
            awaiter.wait(type_name::<F>(), deadline);
        }
    }
}
