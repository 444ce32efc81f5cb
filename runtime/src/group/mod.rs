//! Tasks that are waited for together, in the order in which they end.
//!
//! # The protocol
//!
//! A group and its tasks share one [`Tasks`]. The lock of its queue guards the state: which tasks
//! are running, the results of tasks that have ended, and the waits for results. A group with a
//! limit has a second lock, for the places and the waits for places. Nobody holds both locks.
//! Nobody waits, drops a user's value or wakes somebody under one.
//!
//! | who | does what, under which lock |
//! |---|---|
//! | a spawn | takes a place (places); makes the task (no lock); takes it in (state); queues it (no lock) |
//! | the end of a task, once it is DONE and tells its family | moves the result from the task to the results, takes the entry out, grants the result to the oldest wait (state); wakes (no lock); gives the place back, or hands it to the oldest spawn that waits (places) |
//! | `next`, an arm of `select!` | takes the oldest result that is not granted, else queues (state); once granted, takes the oldest (state) |
//! | `cancel_all` | copies the references to the running tasks (state); cancels them (no lock) |
//! | whatever takes the group by value, its drop | as `next`, and alone: nobody else can reach the group any more, but the ends of its tasks |
//!
//! - *A task that ends before its spawn returns*: a task is queued after it was taken in. So each
//!   end is noted once, and after its entry was made.
//! - *A spawn beside `next`*: the task belongs to the group from when it is taken in, which is
//!   before `spawn` returns. A `next` that looked before has answered that nothing is left, or
//!   waits for other tasks, and then waits for this task too.
//! - *Several waits*: a result is granted to one wait, and counted as granted until that wait takes
//!   a result. Others see the results that are not granted. When the last task has ended, the waits
//!   that were granted nothing are told that nothing will come.
//! - *A spawn beside `cancel_all`*: a task that was taken in before the cancel is cancelled, and a
//!   task that is taken in after it is not.
//! - *A group that is dropped by an unwinding*: the drop takes out all entries, and with them the
//!   handles, which detaches the tasks. A task's end that is noted after that finds no entry, and
//!   its result has been left to the drop of its handle. A task that itself drops its group takes
//!   its own entry out in the same way.

mod builder;
mod end;
mod results;
pub(crate) mod tasks;

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::panic::Location;
use std::sync::Arc;

use crate::join::JoinError;
use crate::park;
use crate::spawn::{Builder, spawned};
use crate::sync::QueueArm;
use crate::task::{CauseKind, Reason};
use crate::waiters::Selectable;

pub use builder::GroupBuilder;
pub use tasks::State;
use tasks::{Next, Tasks};

/// Tasks that return the same kind of value and end with their group.
///
/// Dropping a group cancels its tasks and waits for them, so they do not outlive what the group was
/// made for. If an unwinding drops it, it cancels them and does not wait. Tasks of a group do not
/// borrow; for tasks that borrow there is [`scope`](crate::scope::scope).
///
/// A shared reference is enough to spawn, to take results and to cancel. So several tasks and
/// threads may share a group, by borrowing it in a scope or in an [`Arc`], and the group's own
/// tasks may too. If one of the group's own tasks is the last to hold it and drops it, that task is
/// cancelled with the others, and not waited for.
///
/// Results are kept until they are taken. Values without a size, such as `()`, are only counted and
/// need no memory: a server that spawns into a group for as long as it runs, and takes no results,
/// does not grow by the tasks that have ended. Errors are kept whole, for whoever takes the
/// results.
///
/// Whoever takes a task's result gets its panic. Of the panics whose results nobody takes, the
/// first is raised at the end of the group, unless there is something else to return or raise. The
/// others are lost, as panics of tasks that nobody joins are: `#[go_main(on_panic = …)]` says what
/// happens then.
///
/// In `select!`, `wait(group)` gives what [`TaskGroup::next`] returns, so it is chosen at once if
/// the group is empty. An arm that is not chosen takes nothing.
///
/// # Parks
///
/// Dropping a group waits until its tasks have ended, unless an unwinding drops it. Nothing cuts
/// that wait short.
///
/// # Panics
///
/// Dropping a group panics with the first panic of a task whose result was not taken, unless an
/// unwinding drops it.
///
/// # Examples
///
/// ```
/// use gocoro::task::TaskGroup;
///
/// let group = TaskGroup::new();
/// for n in 1..=3 {
///     group.spawn(move || n * 10);
/// }
/// let mut sum = 0;
/// while let Some(result) = group.next() {
///     sum += result.unwrap();
/// }
/// assert_eq!(sum, 60);
/// ```
///
/// Tasks that spawn into their own group, and a wait for the next to end, or for a signal:
///
/// ```
/// use gocoro::sync::{Arc, Event};
/// use gocoro::{select, task::TaskGroup};
///
/// fn visit(depth: u32, group: &Arc<TaskGroup<u32>>) {
///     let theirs = group.clone();
///     group.spawn(move || {
///         if depth < 3 {
///             (0..2).for_each(|_| visit(depth + 1, &theirs));
///         }
///         depth
///     });
/// }
///
/// let (group, stop) = (Arc::new(TaskGroup::new()), Event::new());
/// visit(0, &group);
/// let mut visited = 0;
/// loop {
///     select! {
///         wait(group) -> ended => match ended {
///             Some(depth) => visited += (depth.unwrap() <= 3) as u32,
///             None => break,
///         },
///         wait(stop) -> _ => break group.cancel_all(),
///     }
/// }
/// assert_eq!(visited, 1 + 2 + 4 + 8);
/// ```
pub struct TaskGroup<T> {
    tasks: Arc<Tasks<T>>,
}

impl<T> TaskGroup<T> {
    #[track_caller]
    fn make(limit: Option<NonZeroUsize>) -> TaskGroup<T> {
        TaskGroup { tasks: Arc::new(Tasks::new(limit)) }
    }

    /// Cancels all tasks that have not ended.
    fn cancel(&self, kind: CauseKind, at: &'static Location<'static>) {
        for task in self.tasks.running() {
            task.cancel_for(kind, at);
        }
    }
}

impl<T: Send + 'static> TaskGroup<T> {
    /// An empty group.
    #[must_use]
    #[track_caller]
    pub fn new() -> TaskGroup<T> {
        TaskGroup::make(None)
    }

    /// An empty group that never has more than `limit` tasks that have not ended.
    ///
    /// # Panics
    ///
    /// If `limit` is zero, for nothing could ever be spawned.
    ///
    /// # Examples
    ///
    /// ```
    /// let group = gocoro::task::TaskGroup::with_limit(4);
    /// for n in 0..100 {
    ///     group.spawn(move || n);
    /// }
    /// assert_eq!(group.join_all().len(), 100);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn with_limit(limit: usize) -> TaskGroup<T> {
        let limit = NonZeroUsize::new(limit);
        TaskGroup::make(Some(limit.expect("a group's limit is at least one task")))
    }

    /// Spawns a task into the group, as [`spawn`](crate::spawn::spawn) does.
    ///
    /// [`TaskGroup::builder`] gives the task a name or a stack size.
    ///
    /// # Parks
    ///
    /// Only at the limit of [`TaskGroup::with_limit`], until a task of the group has ended. Spawns
    /// that wait get their places in their order. If the spawning task is cancelled meanwhile, `f`
    /// is dropped. If all tasks of the group wait here, none ends, so none goes on.
    ///
    /// # Panics
    ///
    /// If the default runtime is needed and cannot start; or if the group's limit is one task and
    /// that task spawns into the group.
    #[track_caller]
    #[rustfmt::skip]
    pub fn spawn<F>(&self, f: F)
    where
        F: FnOnce() -> T,
        F: Send,    // not `Send`? `task::scope` has `spawn_local`
        F: 'static, // borrows? `task::scope` lets tasks borrow; or move it in
    {
        spawned(self.spawn_as(Builder::new(), f, Location::caller()));
    }

    /// Settings for a task that is about to be spawned into the group: its name and its stack size.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::task::{self, TaskGroup};
    ///
    /// let group = TaskGroup::new();
    /// let builder = group.builder().name("parser").stack_size(128 * 1024);
    /// builder.spawn(|| task::current().name().map(str::to_owned))?;
    /// assert_eq!(group.next().unwrap().unwrap().as_deref(), Some("parser"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn builder(&self) -> GroupBuilder<'_, T> {
        GroupBuilder::new(self)
    }

    /// Spawns a task into the group. All spawns end here. If the runtime is closed, the task is
    /// made and refused.
    pub(crate) fn spawn_as<F>(
        &self,
        builder: Builder,
        f: F,
        at: &'static Location<'static>,
    ) -> io::Result<()>
    where
        F: FnOnce() -> T + Send + 'static,
    {
        let room = self.tasks.room();
        let enter = |handle| (self.tasks.enter(handle, room), ());
        // `Builder::spawn` returns an error if the runtime is closed. A group's task is refused
        // instead, and its result says so.
        builder.spawn_into(f, at, enter)
    }

    /// Waits for the next task to end, whichever that is, and returns its result. `None`: the group
    /// has no task, and no result that was not taken.
    ///
    /// Several tasks and threads may wait here. Each result is given to one of them, and those that
    /// got none get `None` when the last task has ended. A task of the group may wait for the other
    /// tasks.
    ///
    /// # Parks
    ///
    /// Until a task has ended. On a plain thread it blocks the thread. A cancel point: whoever is
    /// cancelled here has taken nothing.
    ///
    /// # Examples
    ///
    /// To a group, an `Err` that a task returns is a value like any other. To stop at the first:
    ///
    /// ```
    /// use gocoro::task::{self, TaskGroup};
    ///
    /// fn all(group: TaskGroup<Result<u32, String>>) -> Result<Vec<u32>, String> {
    ///     let mut values = Vec::new();
    ///     while let Some(ended) = group.next() {
    ///         // The group is dropped by the `?`, which cancels the others and waits for them.
    ///         values.push(ended.map_err(|error| error.to_string())??);
    ///     }
    ///     Ok(values)
    /// }
    ///
    /// let group = TaskGroup::new();
    /// group.spawn(|| {
    ///     task::park();
    ///     Ok(1)
    /// });
    /// group.spawn(|| Err(String::from("no route")));
    /// assert_eq!(all(group).unwrap_err(), "no route");
    /// ```
    #[allow(clippy::should_implement_trait)]
    pub fn next(&self) -> Option<Result<T, JoinError>> {
        park::spent();
        match self.tasks.next(Reason::Join, None) {
            Next::Ended(_, result) => Some(result),
            Next::NotYet | Next::NoneLeft => None,
        }
    }

    /// The oldest result that was not taken, if there is one.
    ///
    /// # Parks
    ///
    /// Never for a result. Like every operation, it lets other tasks run when many were done in a
    /// row, which is a cancel point.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::task::{self, TaskGroup};
    ///
    /// // A server's loop looks after its tasks beside what it waits for.
    /// let connections = TaskGroup::new();
    /// for n in 0..10 {
    ///     connections.spawn(move || assert!(n != 7, "oh no"));
    ///     while let Some(ended) = connections.try_next() {
    ///         if let Err(error) = ended {
    ///             eprintln!("{error}");
    ///         }
    ///     }
    /// }
    /// # connections.join_all();
    /// ```
    pub fn try_next(&self) -> Option<Result<T, JoinError>> {
        park::spent();
        match self.tasks.try_next() {
            Next::Ended(_, result) => Some(result),
            Next::NotYet | Next::NoneLeft => None,
        }
    }

    /// Cancels all tasks that have not ended. Returns at once: their results come as those of other
    /// tasks do.
    ///
    /// All tasks whose spawns have returned are cancelled. A task that is spawned at the same time,
    /// by another task or thread, may be cancelled or not. A task that is spawned later is not.
    ///
    /// # Examples
    ///
    /// ```
    /// let group = gocoro::task::TaskGroup::new();
    /// group.spawn(|| gocoro::task::park());
    /// group.cancel_all();
    /// assert!(group.next().unwrap().unwrap_err().is_cancelled());
    /// ```
    #[track_caller]
    pub fn cancel_all(&self) {
        self.cancel(CauseKind::Asked, Location::caller());
    }

    /// How many tasks the group has whose results were not taken, ended or not.
    ///
    /// # Parks
    ///
    /// Only to let other tasks run once in a while, which is no cancel point.
    pub fn len(&self) -> usize {
        park::looked();
        let (running, ended) = self.tasks.counts();
        running + ended
    }

    /// Whether the group has no task whose result was not taken.
    ///
    /// # Parks
    ///
    /// As [`TaskGroup::len`].
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Send + 'static> Default for TaskGroup<T> {
    #[track_caller]
    fn default() -> TaskGroup<T> {
        TaskGroup::new()
    }
}

impl<T: Send + 'static> crate::waiters::Sealed for &TaskGroup<T> {}

/// In `select!`, `wait(group)` gives what [`TaskGroup::next`] returns.
impl<'a, T: Send + 'static> Selectable for &'a TaskGroup<T> {
    type Output = Option<Result<T, JoinError>>;
    type Arm = QueueArm<'a, Option<Result<T, JoinError>>, State<T>>;

    fn arm(self) -> Self::Arm {
        QueueArm::new(&*self.tasks)
    }
}

impl<T: Send + 'static> crate::waiters::Sealed for &mut TaskGroup<T> {}

/// In `select!`, `wait(group)` gives what [`TaskGroup::next`] returns.
impl<'a, T: Send + 'static> Selectable for &'a mut TaskGroup<T> {
    type Output = Option<Result<T, JoinError>>;
    type Arm = QueueArm<'a, Option<Result<T, JoinError>>, State<T>>;

    fn arm(self) -> Self::Arm {
        QueueArm::new(&*self.tasks)
    }
}

impl<T> fmt::Debug for TaskGroup<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The counts are read before anything is written, for the writer may wait, and no lock may
        // be held then.
        let (running, ended) = self.tasks.counts();
        f.debug_struct("TaskGroup")
            .field("len", &(running + ended))
            .field("ended", &ended)
            .field("limit", &self.tasks.limit())
            .field("made_at", &format_args!("{}", self.tasks.made_at))
            .finish()
    }
}
