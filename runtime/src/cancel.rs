//! Cancelling tasks.

use std::fmt;
use std::io;
use std::panic::Location;

use crate::current;
use crate::park;
use crate::recorder::What;
use crate::task::{Cause, CauseKind, Task, push_if_asked};
use crate::trace;
use crate::wake;

/// Why an I/O operation failed that a cancelled task tried while it was unwinding and that would
/// have had to wait.
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

/// The error of I/O that would have to wait in a task which unwinds because it was cancelled.
pub(crate) fn error() -> io::Error {
    io::Error::other(Cancelled)
}

impl Task {
    /// Cancels the task: it unwinds from where it waits, or from its next wait.
    ///
    /// Returns at once. Nothing happens to a task that has ended. A task that is cancelled before
    /// its start never runs: its closure is dropped. The error of the task's join tells where it
    /// was cancelled.
    #[track_caller]
    pub fn cancel(&self) {
        self.cancel_for(CauseKind::Asked, Location::caller());
    }

    /// Cancels the task as [`Task::cancel`] does. What cancelled it, and where, is kept for the
    /// task's join error.
    pub(crate) fn cancel_for(&self, kind: CauseKind, at: &'static Location<'static>) {
        let task = &self.inner;
        if task.word.is_done() || task.word.is_cancelled() {
            return;
        }
        let by = current::task().map_or(0, |(_, task)| task.id);
        let cause = Cause { kind, at, by };
        task.set_cause(cause);
        if trace::is_on() {
            current::off_task(|| trace::cancelled(task, cause));
        }
        if let Some(core) = current::core() {
            core.record(What::Cancelled, task.id);
        }
        match wake::local(task) {
            Some(core) => wake::cancel(core, task),
            None => push_if_asked(task, task.word.ask_cancel()),
        }
    }
}

/// Runs `f` with cancellation and timeouts held back: nothing from outside is thrown into `f`.
///
/// For work that must not be left half done. A cancel or a timeout that came meanwhile is thrown at
/// the task's first wait after `shield`, unless what that wait is for is there already. Waits
/// inside last as long as they need, in destructors of a cancelled task too. Timeouts that `f`
/// itself sets work, and a child that fails still unwinds a scope that `f` itself opened.
///
/// # Destructors
///
/// A destructor that waits needs `shield` in two cases. While the task unwinds, nothing is thrown
/// out of a wait, but sockets return an error where they would wait; inside `shield` they wait. On
/// the normal path, at the end of a block, a destructor's wait is a wait like any other: a cancel
/// or a timeout is thrown *out of the destructor*, and the rest of the destructor does not run. The
/// fields and the other values are still dropped. So a `drop` that has to reach its end waits
/// inside `shield`, as gocoro's own destructors do.
///
/// # Parks
///
/// As `f` does.
///
/// # Examples
///
/// ```
/// use gocoro::task;
/// use std::sync::mpsc;
///
/// let (done, said) = mpsc::channel();
/// let (started, has_started) = mpsc::channel();
/// let writer = gocoro::go!({
///     task::shield(|| {
///         started.send(()).unwrap();
///         task::park();
///         done.send("all of it").unwrap();
///     });
///     task::park();
/// });
/// has_started.recv().unwrap();
/// writer.cancel();
/// writer.task().unpark();
/// assert!(writer.join().unwrap_err().is_cancelled());
/// assert_eq!(said.recv(), Ok("all of it"));
/// ```
pub fn shield<R>(f: impl FnOnce() -> R) -> R {
    current::waits().shielded(f)
}

/// Whether the running task has been cancelled, which it may not have noticed yet; `false` on a
/// plain thread.
///
/// [`shield`] does not hide the answer. Timeouts do not count.
///
/// # Examples
///
/// ```
/// let handle = gocoro::go!({
///     gocoro::task::current().cancel();
///     gocoro::task::is_cancelled()
/// });
/// assert!(handle.wait(), "a body that returns has its value, cancelled or not");
/// ```
pub fn is_cancelled() -> bool {
    park::looked();
    current::task().is_some_and(|(_, task)| task.word.is_cancelled())
}

/// Unwinds if the task has been cancelled or a timeout around this call has passed; else does next
/// to nothing.
///
/// For long computations, which otherwise notice neither before they wait. A task that calls
/// `checkpoint` often lets other tasks run every now and then. To let them run now, call
/// [`yield_now`](crate::spawn::yield_now).
///
/// # Parks
///
/// At times, for a moment. A cancel point. On a plain thread `checkpoint` never waits, and only
/// timeouts unwind.
///
/// # Examples
///
/// ```
/// use gocoro::{task, time};
/// use std::time::Duration;
///
/// let endless = || -> u64 {
///     let mut sum = 0_u64;
///     loop {
///         sum = sum.wrapping_add(1);
///         task::checkpoint();
///     }
/// };
/// assert!(time::timeout(Duration::from_millis(5), endless).is_err());
/// ```
pub fn checkpoint() {
    park::checkpoint();
}
