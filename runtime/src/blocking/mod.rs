//! Calls that block their thread, made by the threads of a bounded pool.
//!
//! Names are looked up there, files read and written, children started, and closures dropped that
//! a closed runtime refuses.

mod call;
mod errand;

use std::io;
use std::panic;
use std::thread;
use std::time::Instant;

use self::errand::Cut;
use crate::clock;
use crate::current;
use crate::park;
use crate::reactor;
use crate::thread_pool;

pub(crate) use self::call::Call;

/// Runs `f` on a thread of the blocking pool, and returns what it returns.
///
/// For what only blocks and has no suspending form: a C library that does I/O, a computation that
/// takes long, a lock of another process. The worker runs other tasks meanwhile.
///
/// # Parks
///
/// Until `f` has returned. On a plain thread `f` runs right there, unless a
/// [`timeout`](crate::time::timeout) or another boundary is open around the call.
///
/// A cancel or an expired timeout unwinds out of this call at once. If `f` has not begun by then,
/// it never runs, and is dropped. If it runs, the pool goes on with it and drops its result:
/// nothing can stop a thread that blocks. An [`io_deadline`](crate::time::io_deadline) does not
/// concern this wait, which has no error to return.
///
/// # The pool
///
/// The process has one pool. Its threads are called `gocoro-blocking`; one is started when a call
/// comes that no idle one can take, and ends after 10 seconds without work, unless a [child
/// process](crate::process::Command#spawning) that it has started runs on. At most 256 of them run
/// calls at once; the environment variable `GOCORO_BLOCKING_THREADS` sets another limit. More
/// calls wait in a queue, first come, first served, suspended. [`stats`] tells how many there are.
///
/// A call may use any of gocoro's operations, `unblock` included. While it waits in one, its thread
/// does not count against the limit, so calls that wait for each other, or for tasks that need the
/// pool, never block it for good.
///
/// If the system gives no thread at all, the caller runs the calls itself and blocks.
///
/// # Panics
///
/// With the panic of `f`.
///
/// # Examples
///
/// ```
/// use gocoro::{blocking::unblock, go};
///
/// let sum = go!({
///     // A thread of its own computes; this worker is free.
///     unblock(|| (1..=1_000_000_u64).sum::<u64>())
/// });
/// assert_eq!(sum.wait(), 500_000_500_000);
/// ```
pub fn unblock<T, F>(f: F) -> T
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    if may_block() {
        return f();
    }
    // SAFETY: the bounds say that neither borrows anything.
    given(unsafe { errand::run(f, Cut::Detaches, None) })
}

/// Runs `f`, which may borrow, on a thread of the blocking pool, and returns what it returns.
///
/// As [`unblock`], whose page describes the pool, with one difference: once `f` runs, it is waited
/// for, since it uses what the caller lends.
///
/// # Parks
///
/// Until `f` has returned. On a plain thread `f` runs right there, unless a boundary is open around
/// the call.
///
/// A cancel or an expired timeout unwinds out of this call only if `f` has not begun; then it never
/// runs. If it runs, its result is returned, and the next wait unwinds.
///
/// # Panics
///
/// With the panic of `f`.
///
/// # Examples
///
/// ```
/// use gocoro::{blocking::unblock_scoped, go};
///
/// let sorted = go!({
///     let mut numbers = vec![3, 1, 2];
///     unblock_scoped(|| numbers.sort()); // borrows `numbers`
///     numbers
/// });
/// assert_eq!(sorted.wait(), [1, 2, 3]);
/// ```
pub fn unblock_scoped<T, F>(f: F) -> T
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    if may_block() {
        return f();
    }
    // SAFETY: with `Cut::Waits` they may borrow.
    given(unsafe { errand::run(f, Cut::Waits, None) })
}

/// The result of a call without a deadline.
fn given<T>(result: Option<thread::Result<T>>) -> T {
    returned(result.expect("only a deadline ends the wait without a result"))
}

fn returned<T>(result: thread::Result<T>) -> T {
    result.unwrap_or_else(|payload| panic::resume_unwind(payload))
}

/// Makes a blocking call that owns what it uses, as [`unblock`] does. An enclosing `io_deadline`
/// ends the wait with `TimedOut`.
pub(crate) fn call<T: Send + 'static>(
    f: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    // SAFETY: the bounds say that neither closure nor result borrows anything.
    unsafe { io(f, Cut::Detaches) }
}

/// Makes a blocking call as [`call()`] does, for I/O that a cancelled task does not wait for while
/// it unwinds: it fails with [`Cancelled`](crate::cancel::Cancelled).
pub(crate) fn call_or_refuse<T: Send + 'static>(
    f: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    // SAFETY: the bounds say that neither closure nor result borrows anything.
    unsafe { io(f, Cut::Refuses) }
}

/// Makes a blocking call that may borrow, as [`unblock_scoped`] does. An enclosing `io_deadline`
/// ends the wait with `TimedOut` if the call has not begun.
pub(crate) fn lend<T: Send>(f: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    // SAFETY: with `Cut::Waits` closure and result may borrow.
    unsafe { io(f, Cut::Waits) }
}

/// # Safety
///
/// As [`errand::run`].
unsafe fn io<T: Send>(f: impl FnOnce() -> io::Result<T> + Send, cut: Cut) -> io::Result<T> {
    if may_block() {
        return f();
    }
    // One whose time is up returns at once, however often it is called.
    park::spent_io();
    let deadline = current::waits().io_deadline();
    if is_over(deadline, cut) {
        return Err(reactor::cut_short());
    }
    // SAFETY: the caller's promise is what `errand::run` needs.
    match unsafe { errand::run(f, cut, deadline) } {
        Some(result) => returned(result),
        None => Err(reactor::cut_short()),
    }
}

fn is_over(deadline: Option<Instant>, cut: Cut) -> bool {
    (cut == Cut::Refuses && park::refuses_io()) || deadline.is_some_and(|at| clock::now() >= at)
}

/// Whether the caller may block its thread, which is a plain one, for as long as a call takes:
/// nothing bounds its waits.
pub(crate) fn may_block() -> bool {
    current::task().is_none() && current::thread_waits().are_unbounded()
}

/// What the blocking pool does, as [`stats`] tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Threads that the pool has now.
    pub threads: usize,
    /// Threads of these that have nothing to do.
    pub idle: usize,
    /// Threads of these whose calls wait in one of gocoro's operations, and which do not count
    /// against the limit.
    pub waiting: usize,
    /// Calls that wait for a thread.
    pub queued: usize,
    /// The limit: how many threads may run calls at once.
    pub limit: usize,
}

/// Tells what the blocking pool does now.
///
/// # Parks
///
/// Never.
///
/// # Examples
///
/// ```
/// use gocoro::{blocking, go};
///
/// go!({ blocking::unblock(|| ()) }).wait();
/// let stats = blocking::stats();
/// assert!(stats.threads - stats.waiting <= stats.limit);
/// ```
pub fn stats() -> Stats {
    let (counts, queued) = thread_pool::counts();
    let (threads, idle, waiting) = (counts.threads, counts.idle, counts.aside);
    Stats { threads, idle, waiting, queued, limit: thread_pool::max() }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::boundary::Boundary;
    use crate::runtime::Builder;

    #[test]
    fn an_io_deadline_ends_the_wait_for_a_call_that_blocks() {
        fn cut_short() {
            let (end, ended) = mpsc::channel::<()>();
            let soon = clock::after(Duration::from_millis(2)).unwrap();
            let result = current::waits()
                .within(&Boundary::io_deadline(soon), || call(move || Ok(ended.recv())));
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::TimedOut);
            // Until here it has blocked its thread.
            drop(end);
            assert_eq!(call(|| Ok(7)).unwrap(), 7);
        }
        cut_short();
        Builder::new().workers(1).build().unwrap().run(cut_short);
    }
}
