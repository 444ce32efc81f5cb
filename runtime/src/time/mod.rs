//! Waiting for a time to come.

mod interval;
mod timeout;

use std::thread;
use std::time::{Duration, Instant};

use crate::clock;
use crate::current;
use crate::park::{self, Woken};
use crate::task::Reason;

pub use interval::{Interval, MissedTicks, interval};
pub use timeout::{Elapsed, io_deadline, timeout, timeout_at};

/// Waits for a duration. As [`std::thread::sleep`], but only the task waits.
///
/// A sleep never ends early. It ends late by up to the granularity of the poll, which is a
/// millisecond on Linux, and by what runs on the worker meanwhile. A duration of zero yields.
///
/// # Parks
///
/// Always. On a plain thread it is [`std::thread::sleep`]. A cancel point.
///
/// # Examples
///
/// ```
/// use gocoro::time::sleep;
/// use std::time::{Duration, Instant};
///
/// let before = Instant::now();
/// gocoro::go!({ sleep(Duration::from_millis(5)) }).wait();
/// assert!(before.elapsed() >= Duration::from_millis(5));
/// ```
#[expect(clippy::disallowed_methods, reason = "on a plain thread it is std's")]
pub fn sleep(duration: Duration) {
    if is_free_thread() {
        return thread::sleep(duration);
    }
    if duration.is_zero() {
        return park::yield_now();
    }
    sleep_within(clock::after(duration));
}

/// Waits until `deadline`. If that has passed, tasks run that can go on, and those that have not
/// started yet in their turn.
///
/// # Parks
///
/// As [`sleep`].
///
/// # Examples
///
/// ```
/// use gocoro::time::sleep_until;
/// use std::time::{Duration, Instant};
///
/// let at = Instant::now() + Duration::from_millis(5);
/// gocoro::go!({ sleep_until(at) }).wait();
/// assert!(Instant::now() >= at);
/// ```
#[expect(clippy::disallowed_methods, reason = "on a plain thread it is std's")]
pub fn sleep_until(deadline: Instant) {
    if is_free_thread() {
        return thread::sleep(deadline.saturating_duration_since(clock::now()));
    }
    sleep_within(Some(deadline));
}

/// Whether this is a plain thread inside no timeout and no scope, so that std's sleep will do.
fn is_free_thread() -> bool {
    current::task().is_none() && current::thread_waits().are_unbounded()
}

/// Waits until `deadline`. `None`: until the task is cancelled.
fn sleep_within(deadline: Option<Instant>) {
    if deadline.is_some_and(|at| clock::now() >= at) {
        // As if a timer had gone off. What a yield owes to unstarted tasks would start all of them,
        // and keep their stacks, when the first of many sleepers begins too late.
        return park::go_last();
    }
    while park::pause(Reason::Sleep, deadline) != Woken::TimedOut {}
}
