//! The right to the result of a task that was spawned as a thread.

use std::fmt;
use std::thread::Result;

use super::Thread;
use crate::join::{self, JoinError};

/// The right to a task's result. Dropping it detaches the task. As [`std::thread::JoinHandle`].
///
/// # Examples
///
/// ```
/// use gocoro::thread;
///
/// let handle: thread::JoinHandle<i32> = thread::spawn(|| panic!("oh no"));
/// let payload = handle.join().unwrap_err();
/// assert_eq!(payload.downcast_ref::<&str>(), Some(&"oh no"));
/// ```
pub struct JoinHandle<T> {
    task: join::JoinHandle<T>,
    thread: Thread,
}

// SAFETY: a handle is made by `Builder` alone, for closures whose values are `Send`; so its value
// may be taken, and dropped, on any thread. Everything else in it is `Send` whatever `T` is. Std's
// handle is `Send` without a bound, too.
unsafe impl<T> Send for JoinHandle<T> {}
// SAFETY: a shared handle gives access to a `Thread` alone, which is `Sync`, and asks whether the
// task has ended.
unsafe impl<T> Sync for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    pub(super) fn new(task: join::JoinHandle<T>) -> JoinHandle<T> {
        JoinHandle { thread: Thread::of_task(task.task().clone()), task }
    }

    /// A handle to the task, without the right to its result.
    #[must_use]
    pub fn thread(&self) -> &Thread {
        &self.thread
    }

    /// Waits for the task to end and returns its result.
    ///
    /// # Parks
    ///
    /// Until the task has ended. On a plain thread it blocks the thread. A cancel point: if the
    /// caller is cancelled, the task goes on, detached.
    ///
    /// # Errors
    ///
    /// The payload of the task's panic. What threads cannot meet is told by a payload that is a
    /// `String`: that the task was cancelled, as by the end of its runtime, or that no stack could
    /// be had for it.
    ///
    /// # Panics
    ///
    /// If a task joins itself, which could never end.
    pub fn join(self) -> Result<T> {
        as_threads_do(self.task.join())
    }

    /// Whether the task has ended. If so, [`JoinHandle::join`] returns at once.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }
}

/// The result of a join as std gives it: the payload of the panic, or a text for what threads
/// cannot meet.
pub(super) fn as_threads_do<T>(joined: std::result::Result<T, JoinError>) -> Result<T> {
    joined.map_err(|error| match error.is_panic() {
        true => error.into_panic(),
        false => Box::new(error.to_string()),
    })
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("thread", &self.thread)
            .field("finished", &self.task.has_ended())
            .finish_non_exhaustive()
    }
}
