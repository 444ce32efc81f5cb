//! Cancelling tasks.

use std::fmt;
use std::io;

use crate::current;
use crate::park;
use crate::task::{Flags, Task, push_if_asked};

/// Why an I/O operation failed that a cancelled task tried while it was unwinding and that would have
/// had to wait.
///
/// The error has the kind [`io::ErrorKind::Other`], never `Interrupted`, which std would retry.
///
/// # Examples
///
/// ```
/// fn was_cancelled(error: &std::io::Error) -> bool {
///     error.get_ref().is_some_and(|inner| inner.is::<gocoro::task::Cancelled>())
/// }
/// # let _ = was_cancelled;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task is cancelled, and this operation would have had to wait")
    }
}

impl std::error::Error for Cancelled {}

/// The error of I/O in a destructor of a cancelled task.
pub(crate) fn error() -> io::Error {
    io::Error::other(Cancelled)
}

impl Task {
    /// Cancels the task: it unwinds from where it waits, or from its next wait.
    ///
    /// Returns at once. Nothing happens to a task that has ended. One cancelled before its start
    /// never runs: its closure is dropped.
    pub fn cancel(&self) {
        let task = &self.inner;
        match current::core() {
            Some(core) if task.word.is_owned_by(core.mailbox.id()) => {
                task.word.mark_cancelled();
                task.set(Flags::CANCEL);
                park::interrupt_local(core, task);
            }
            _ => push_if_asked(task, task.word.ask_cancel()),
        }
    }

    /// Gives the task the token that `task::park` waits for.
    ///
    /// As [`std::thread::Thread::unpark`]: the token is one, however often it is given.
    pub fn unpark(&self) {
        let task = &self.inner;
        match current::core() {
            Some(core) if task.word.is_owned_by(core.mailbox.id()) => {
                park::permit_local(core, task);
            }
            _ => push_if_asked(task, task.word.ask_permit()),
        }
    }
}
