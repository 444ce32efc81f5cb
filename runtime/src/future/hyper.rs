//! What hyper asks of a runtime: an executor, a timer, and its traits on gocoro's streams.

use std::fmt;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use ::hyper::rt::{self, ReadBufCursor};

use super::sleep::Sleep;
use super::streams::{READ_MAX, streams, write_methods};
use super::wait;
use crate::clock;
use crate::io::PollRead;
use crate::spawn::{Builder, spawned};

/// Runs hyper's futures, each in a task of its own that [waits](wait) for it.
///
/// `hyper::server::conn::http2` runs each request in one, and so the handlers of one connection's
/// requests run side by side, and may suspend like all code of a task: sleep, lock, receive. A
/// panic in a future ends its task and no other, and is reported with the place where the executor
/// was made. At the program's end the tasks are waited for as those of `go!` are.
///
/// When the runtime is closed, or the system refuses what a task needs, the future is dropped
/// without a poll, as if it had been cancelled; hyper then resets the stream that it was for.
///
/// Futures that are not `Send` are for [`LocalExecutor`].
///
/// # Examples
///
/// ```
/// use gocoro::channel;
/// use gocoro::future::hyper::Executor;
/// use hyper::rt::Executor as _;
///
/// let (sender, receiver) = channel::bounded(1);
/// Executor::new().execute(async move { sender.send_async(7).await.unwrap() });
/// assert_eq!(receiver.recv(), Ok(7));
/// ```
#[derive(Clone, Copy)]
pub struct Executor {
    at: &'static Location<'static>,
}

impl Executor {
    /// An executor whose tasks are said to be spawned here.
    ///
    /// # Examples
    ///
    /// As for [`Executor`].
    #[track_caller]
    pub fn new() -> Executor {
        Executor { at: Location::caller() }
    }
}

impl Default for Executor {
    #[track_caller]
    fn default() -> Executor {
        Executor::new()
    }
}

impl<F> rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
{
    fn execute(&self, future: F) {
        // An error has dropped the future, which is all that can be done: hyper takes no answer.
        let _ = Builder::new().spawn_at(move || drop(wait(future)), self.at);
    }
}

/// Runs hyper's futures as [`Executor`] does, in tasks that stay on the worker that they are given
/// to, so that the futures need not be `Send`.
///
/// With it a service may share an `Rc` with its worker's other tasks.
///
/// # Panics
///
/// [`execute`](rt::Executor::execute) panics outside a runtime, as `task::spawn_local` does: on a
/// plain thread there is no worker to stay on.
///
/// # Examples
///
/// ```
/// use gocoro::future::hyper::LocalExecutor;
/// use gocoro::runtime::LocalRuntime;
/// use hyper::rt::Executor as _;
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// let count = Rc::new(Cell::new(0));
/// let mut runtime = LocalRuntime::new()?;
/// runtime.run(|| {
///     let count = count.clone();
///     LocalExecutor::new().execute(async move { count.set(count.get() + 1) });
/// });
/// runtime.run_until_idle();
/// assert_eq!(count.get(), 1);
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy)]
pub struct LocalExecutor {
    at: &'static Location<'static>,
}

impl LocalExecutor {
    /// An executor whose tasks are said to be spawned here.
    ///
    /// # Examples
    ///
    /// As for [`LocalExecutor`].
    #[track_caller]
    pub fn new() -> LocalExecutor {
        LocalExecutor { at: Location::caller() }
    }
}

impl Default for LocalExecutor {
    #[track_caller]
    fn default() -> LocalExecutor {
        LocalExecutor::new()
    }
}

impl<F> rt::Executor<F> for LocalExecutor
where
    F: Future + 'static,
{
    #[track_caller]
    fn execute(&self, future: F) {
        drop(spawned(Builder::new().spawn_local_at(move || drop(wait(future)), self.at)));
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").finish_non_exhaustive()
    }
}

impl fmt::Debug for LocalExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalExecutor").finish_non_exhaustive()
    }
}

/// hyper's timer, on gocoro's: for `header_read_timeout`, `keep_alive_interval` and their like.
///
/// Its sleeps may be awaited anywhere: in tasks, on plain threads, in other executors. They end
/// late by up to a millisecond, and never early. One that is waited for takes a small task, on the
/// runtime of whoever polls it or else on the default runtime; one that is dropped, or put off,
/// leaves nothing behind. So one that is polled in a task ends only while that task's runtime runs:
/// not in the `block_on` of another crate, which blocks the worker, nor once nobody drives a
/// `LocalRuntime` any more.
///
/// # Examples
///
/// ```
/// use gocoro::future;
/// use gocoro::future::hyper::Timer;
/// use hyper::rt::Timer as _;
/// use std::time::{Duration, Instant};
///
/// let before = Instant::now();
/// future::wait(Timer::new().sleep(Duration::from_millis(5)));
/// assert!(before.elapsed() >= Duration::from_millis(5));
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Timer;

impl Timer {
    /// A timer. All of them are the same.
    ///
    /// # Examples
    ///
    /// As for [`Timer`].
    pub const fn new() -> Timer {
        Timer
    }
}

impl rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Sleep::until(clock::after(duration)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Sleep::until(Some(deadline)))
    }

    fn now(&self) -> Instant {
        clock::now()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn rt::Sleep>>, new_deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<Sleep>() {
            Some(own) => own.get_mut().reset(new_deadline),
            None => *sleep = self.sleep_until(new_deadline),
        }
    }
}

impl rt::Sleep for Sleep {}

macro_rules! reader {
    ($ty:ty $(, [$($generics:tt)*] $($bounds:tt)*)?) => {
        /// Available with the feature `hyper`.
        impl$(<$($generics)*>)? rt::Read for $ty $(where $($bounds)*)? {
            fn poll_read(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                mut buf: ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                let room = buf.remaining().min(READ_MAX);
                let unfilled = buf.initialize_unfilled_to(room);
                let count = ready!(PollRead::poll_read(&*self, context, unfilled))?;
                assert!(count <= room, "a read is as long as its buffer at most");
                // SAFETY: `initialize_unfilled_to` has initialised `room` bytes behind those that
                // are filled, and `count` is no more.
                unsafe { buf.advance(count) };
                Poll::Ready(Ok(()))
            }
        }
    };
}

macro_rules! writer {
    ($ty:ty $(, [$($generics:tt)*] $($bounds:tt)*)?) => {
        /// Available with the feature `hyper`.
        impl$(<$($generics)*>)? rt::Write for $ty $(where $($bounds)*)? {
            write_methods!();
        }
    };
}

streams!(reader, writer);
