//! What a task asks of itself: who it is, how much stack is left, to give way, and to wait for its
//! token.

use std::thread;
use std::time::{Duration, Instant};

use crate::clock;
use crate::current;
use crate::park::{self, Left};
use crate::stack;
use crate::task::{self, Flags, Reason, Task};

/// The task that calls this.
///
/// # Panics
///
/// On a plain thread, where [`try_current`] is `None`.
///
/// # Examples
///
/// ```
/// let handle = gocoro::go!({ gocoro::task::current().id() });
/// let id = handle.id();
/// assert_eq!(handle.wait(), id);
/// ```
pub fn current() -> Task {
    match try_current() {
        Some(task) => task,
        None => panic!("task::current outside a task; try_current tells whether this is one"),
    }
}

/// The task that calls this. `None`: a plain thread does.
///
/// # Examples
///
/// ```
/// assert!(gocoro::task::try_current().is_none());
/// assert!(gocoro::go!({ gocoro::task::try_current().is_some() }).wait());
/// ```
pub fn try_current() -> Option<Task> {
    running()
}

/// The running task, for code of the runtime in the middle of an operation. Unlike [`try_current`]
/// this takes nothing of the task's budget, and so never gives way.
pub(crate) fn running() -> Option<Task> {
    let (_, task) = current::task()?;
    // SAFETY: the task runs, so its worker holds a reference to it.
    Some(Task::new(unsafe { task::TaskRef::retain(task) }))
}

/// How many bytes are left on the stack of the running task, or of the coroutine that it runs,
/// above the guard. `None`: a plain thread runs no coroutine.
///
/// A deep recursion can stop in time, or go on in a task with a larger stack.
///
/// # Examples
///
/// ```
/// assert_eq!(gocoro::task::remaining_stack(), None);
///
/// let small = gocoro::task::Builder::new().stack_size(64 * 1024);
/// let left = small.spawn(|| gocoro::task::remaining_stack().unwrap()).unwrap().wait();
/// assert!(left < 64 * 1024);
/// ```
pub fn remaining_stack() -> Option<usize> {
    if let Some(nested) = stack::running().next() {
        return nested.remaining();
    }
    let (_, task) = current::task()?;
    // SAFETY: this is the thread of the task's owner, which alone may read the stack's place.
    let stack = unsafe { task.stack() }?;
    stack::remaining(stack, task.class.get())
}

/// Lets all tasks that are queued on this worker go first.
///
/// Each of these tasks runs once, up to its next wait. Unstarted tasks start, even if they were
/// spawned just before. Timers and I/O come in between, as often as the worker looks at them.
///
/// # Parks
///
/// Always, for a moment: the task goes to the end of its worker's queue. On a plain thread it is
/// [`std::thread::yield_now`]. A cancel point.
///
/// # Examples
///
/// ```
/// gocoro::task::yield_now();
/// ```
#[inline(always)]
pub fn yield_now() {
    park::yield_now();
}

/// Waits until the task's token is there, and takes it.
///
/// [`Task::unpark`] gives the token; there is at most one. This is as [`std::thread::park`], but
/// never wakes for no reason.
///
/// # Parks
///
/// Unless the token is there already. On a plain thread it is [`std::thread::park`].
///
/// # Examples
///
/// ```
/// let handle = gocoro::go!({ gocoro::task::park() });
/// handle.task().unpark();
/// handle.wait();
/// ```
#[inline(always)]
pub fn park() {
    take_token(None);
}

/// Waits until the task's token is there, and takes it, but not longer than `timeout`.
///
/// # Parks
///
/// As [`park()`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// gocoro::go!({ gocoro::task::park_timeout(Duration::from_millis(1)) }).wait();
/// ```
pub fn park_timeout(timeout: Duration) {
    take_token(clock::after(timeout));
}

/// Waits until the task's token is there, at most until the deadline, and takes it. Inlined, so
/// that a wait without a deadline has no clock in it.
#[inline(always)]
fn take_token(deadline: Option<Instant>) {
    let Some((_, task)) = current::task() else {
        return park_std(deadline);
    };
    let mut waited = false;
    let found = loop {
        if task.has(Flags::PERMIT) {
            break true;
        }
        if deadline.is_some_and(|at| clock::now() >= at) {
            break false;
        }
        waited = true;
        let _ = park::pause(Reason::Park, deadline);
    };
    if !waited {
        park::spent();
    }
    if found {
        task.clear(Flags::PERMIT);
    }
}

/// Calls [`std::thread::park`] or `park_timeout`, within the boundaries of this plain thread.
#[expect(clippy::disallowed_methods, reason = "a plain thread")]
fn park_std(deadline: Option<Instant>) {
    let _ = park::park_thread_by(deadline, &|| Left::Withdrawn, |until| match until {
        None => thread::park(),
        Some(at) => thread::park_timeout(at.saturating_duration_since(clock::now())),
    });
}
