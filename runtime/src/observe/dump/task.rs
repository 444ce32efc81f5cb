//! A task, as a dump shows it.

use std::panic::Location;
use std::time::Duration;

use crate::clock::Coarse;
use crate::observe::backtrace::TaskBacktrace;
use crate::observe::identity::Identity;
use crate::stack::Site;
use crate::task::{TaskId, TaskScope, Whom, Words};

/// What a task does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum TaskState {
    /// The task runs, or waits in the middle of an unwinding and keeps its worker.
    Running,
    /// The task could run, and waits for its worker.
    Runnable,
    /// The task waits for something.
    Waiting,
}

/// One task, as [`dump`](super::dump) found it.
#[derive(Clone, Debug)]
pub struct DumpedTask {
    pub(super) who: Identity,
    pub(super) state: TaskState,
    pub(super) wait: Option<Wait>,
    pub(super) run: Option<Run>,
    pub(super) backtrace: Option<TaskBacktrace>,
    pub(super) stack_touched: Option<usize>,
    /// Whether the task alone has touched so much of the stack.
    pub(super) own_stack: bool,
    pub(super) runtime: u32,
    pub(super) worker: usize,
}

/// A task's wait.
#[derive(Clone, Debug)]
pub(super) struct Wait {
    pub(super) words: Words,
    pub(super) since: Coarse,
    pub(super) age: Duration,
    /// How long the wait may last.
    pub(super) left: Option<Duration>,
    /// Whether the kernel, the blocking pool or a future may end it.
    pub(super) from_outside: bool,
}

/// What a task does that keeps its worker from answering.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) age: Duration,
    pub(super) does: String,
}

impl DumpedTask {
    /// The task's id.
    pub fn id(&self) -> TaskId {
        self.who.id
    }

    /// The task's name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.who.name.as_deref()
    }

    /// Where in the source the task was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.who.spawned_at
    }

    /// Whether the task runs, could run, or waits.
    pub fn state(&self) -> TaskState {
        self.state
    }

    /// What the task waits for, in words, such as `recv on a channel created at src/a.rs:10`.
    /// `None`: it does not wait. The words may change in any version.
    pub fn waits_for(&self) -> Option<String> {
        Some(self.wait.as_ref()?.words.to_string())
    }

    /// How long the task has waited. `None`: it does not wait.
    pub fn waited(&self) -> Option<Duration> {
        Some(self.wait.as_ref()?.age)
    }

    /// How long the task waits still at most, by the deadline of its operation or by a timeout
    /// around it. `None`: it does not wait, or for as long as it takes.
    pub fn time_left(&self) -> Option<Duration> {
        self.wait.as_ref()?.left
    }

    /// How long the task has run without a wait, if it keeps its worker from answering. `None`: it
    /// does not.
    ///
    /// The time is that of the worker's turn, in which the task may have begun a millisecond later;
    /// the clock that is read is a coarse one, of up to 10 ms.
    pub fn ran(&self) -> Option<Duration> {
        Some(self.run.as_ref()?.age)
    }

    /// What the task does that keeps its worker from answering, in words, such as `computes` or
    /// `blocks in read(2)`. `None`: it does not keep it. The words may change in any version.
    pub fn does(&self) -> Option<&str> {
        Some(&self.run.as_ref()?.does)
    }

    /// What the task waits for, or what it does that keeps its worker from answering.
    #[cfg(feature = "inspect")]
    pub(in crate::observe) fn words(&self) -> Option<String> {
        self.waits_for().or_else(|| self.does().map(String::from))
    }

    /// For how long it has waited, or kept its worker from answering.
    pub(in crate::observe) fn age(&self) -> Option<Duration> {
        self.waited().or(self.ran())
    }

    /// The number of the task's runtime.
    #[cfg(feature = "inspect")]
    pub(in crate::observe) fn runtime(&self) -> u32 {
        self.runtime
    }

    /// By which calls the task came where it waits, or where it goes on, if it is runnable, or
    /// where it was when it was found to keep its worker from answering. `None`: it runs otherwise,
    /// or there are no backtraces.
    ///
    /// There are backtraces with the cargo feature `backtrace`, on x86-64 Linux.
    pub fn backtrace(&self) -> Option<&TaskBacktrace> {
        self.backtrace.as_ref()
    }

    pub(in crate::observe) fn is_daemon(&self) -> bool {
        self.who.daemon
    }

    /// Whether the task waits, and no more than another task or thread can end that.
    pub(in crate::observe) fn waits_within(&self) -> bool {
        self.wait.as_ref().is_some_and(|wait| !wait.from_outside && wait.left.is_none())
    }

    /// The task or thread that has to do something for the task's wait to end.
    pub(in crate::observe) fn depends_on(&self) -> Option<&Whom> {
        self.wait.as_ref()?.words.whom_depended_on()
    }

    /// Whether both are the same wait for the same, as far as it is known when each has begun.
    pub(in crate::observe) fn waits_as(&self, other: &DumpedTask) -> bool {
        match (&self.wait, &other.wait) {
            (Some(wait), Some(others)) => {
                wait.since == others.since && self.depends_on() == other.depends_on()
            }
            _ => false,
        }
    }

    /// What the task says of others that were spawned where it was.
    pub(in crate::observe) fn stack_site(&self) -> Option<Site> {
        let peak = self.stack_touched.filter(|_| self.own_stack)?;
        Some(Site::of(self.who.spawned_at, self.who.stack_size, peak))
    }

    /// The size of the task's stack in bytes.
    pub fn stack_size(&self) -> usize {
        self.who.stack_size
    }

    /// How many bytes of the stack, counted from its upper end, have been in use, by whole pages.
    /// `None`: the system does not say.
    ///
    /// The figure is the most that was in use at once since the stack was made or its unused pages
    /// were given back, so it includes tasks that have had the stack before, and what a task needed
    /// only once. What the system has swapped out seems unused.
    pub fn stack_touched(&self) -> Option<usize> {
        self.stack_touched
    }

    /// The task that spawned this one, if a task did and it is known. It may have ended.
    pub fn parent(&self) -> Option<TaskId> {
        Some(self.who.parent.as_ref()?.id())
    }

    /// The scope or the group that the task belongs to, if it belongs to one.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel;
    /// use gocoro::runtime::{TaskScopeKind, dump};
    /// use gocoro::{go, task};
    ///
    /// let (sender, receiver) = channel::bounded::<i32>(0);
    /// let served = go!({
    ///     task::scope(|s| (0..2).for_each(|_| drop(s.spawn(|| receiver.recv()))))
    /// });
    /// let scopes = loop {
    ///     let scopes: Vec<_> = dump().tasks().iter().filter_map(|task| task.scope()).collect();
    ///     if scopes.len() == 2 {
    ///         break scopes;
    ///     }
    ///     task::yield_now();
    /// };
    /// assert_eq!(scopes[0], scopes[1]);
    /// assert_eq!(scopes[0].kind(), TaskScopeKind::Scope);
    /// assert_eq!(scopes[0].created_at().file(), file!());
    /// drop(sender);
    /// served.wait();
    /// ```
    pub fn scope(&self) -> Option<TaskScope> {
        self.who.scope
    }

    /// Whether the task was asked to end, by a cancel.
    pub fn is_cancelled(&self) -> bool {
        self.who.cancelled
    }

    /// The number of the worker that the task belongs to, among those of its runtime.
    pub fn worker(&self) -> usize {
        self.worker
    }
}
