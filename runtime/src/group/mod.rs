//! Tasks that are waited for together, in the order in which they end.
//!
//! # The protocol
//!
//! A group and its tasks share one [`Tasks`], whose queue's lock guards the state: which tasks are
//! running, the results of those that have ended, and the waits for results. A group with a limit
//! has a second lock, for the places and the waits for them. Nobody holds both, and under neither
//! is anything waited for, dropped that is a user's, or woken.
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
//! - *A spawn beside `next`*: the task is the group's from when it is taken in, which is before
//!   `spawn` returns. A `next` that looked before has answered that nothing is left, or waits for
//!   other tasks, and then for this one too.
//! - *Several waits*: a result is granted to one of them, and counted as granted until that one
//!   takes a result; others see what is left. When the last task has ended, those that were not
//!   granted anything are told that nothing will come.
//! - *A spawn beside `cancel_all`*: a task that was taken in before is cancelled, and one that is
//!   taken in after that is not.
//! - *A group that an unwinding drops*: it takes out all entries, and with them the handles, which
//!   detaches the tasks. An end that is noted after that finds no entry, and leaves the result to
//!   the handle's end. The same goes for the entry of a task that itself drops its group.

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
use crate::spawn::Builder;
use crate::sync::QueueArm;
use crate::task::{CauseKind, Reason};
use crate::waiters::Selectable;

pub use builder::GroupBuilder;
pub use tasks::State;
use tasks::{Next, Tasks};

/// Tasks that return the same kind of value and end with their group.
///
/// Dropping it cancels the tasks whose results were not taken, and waits for them, unless it is
/// dropped by an unwinding: a group does not outlive what it was made for. A task may be in a group
/// only; for tasks that borrow there is [`scope`](crate::scope::scope).
///
/// A shared reference is enough to spawn, to take results and to cancel, so several tasks and
/// threads may share a group, also those that are in it: by borrowing it in a scope, or in an
/// [`Arc`]. One of the group's own tasks that drops it, as the last to hold it, is cancelled with
/// the others, and not waited for.
///
/// Results are kept until they are taken. Values without a size, as `()`, are only counted and need
/// no memory: a server that spawns into a group for as long as it runs, and takes no results, does
/// not grow by the tasks that have ended. Errors are kept whole, for whoever takes the results.
///
/// A task's panic is given to whoever takes its result. Of those whose results nobody takes, the
/// first is raised at the end of the group, unless there is something else to return or raise; the
/// others are as those of tasks that nobody joins: `#[go_main(on_panic = …)]` says what they do.
///
/// In `select!`, `wait(group)` gives what [`TaskGroup::next`] returns, and so is chosen at once if
/// the group is empty; an arm that is not chosen takes nothing.
///
/// # Parks
///
/// Dropping it does, until its tasks have ended; nothing cuts that wait short.
///
/// # Panics
///
/// Dropping it does, with the first panic of a task whose result was not taken, unless it is
/// dropped by an unwinding.
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
/// Tasks that spawn into the group they are in, and a wait for the first to end, or for a signal:
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
    made_at: &'static Location<'static>,
}

impl<T> TaskGroup<T> {
    #[track_caller]
    fn make(limit: Option<NonZeroUsize>) -> TaskGroup<T> {
        TaskGroup { tasks: Arc::new(Tasks::new(limit)), made_at: Location::caller() }
    }

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
    /// If the limit is zero, with which nothing could ever be spawned.
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

    /// Spawns a task into the group, as [`spawn`](crate::spawn::spawn).
    ///
    /// [`TaskGroup::builder`] gives the task a name or a stack size.
    ///
    /// # Parks
    ///
    /// Only at the limit of [`TaskGroup::with_limit`], until a task has ended, in the order of the
    /// spawns that wait. If the spawning task is cancelled meanwhile, `f` is dropped. A task of the
    /// group that waits here does not end meanwhile: when all of them do, none goes on.
    ///
    /// # Panics
    ///
    /// If the default runtime is needed and cannot start; or if the group's only task, by its
    /// limit, spawns into it.
    #[track_caller]
    #[rustfmt::skip]
    pub fn spawn<F>(&self, f: F)
    where
        F: FnOnce() -> T,
        F: Send,    // not `Send`? `task::scope` has `spawn_local`
        F: 'static, // borrows? `task::scope` lets tasks borrow; or move it in
    {
        if let Err(error) = self.spawn_as(Builder::new(), f, Location::caller()) {
            panic!("{error}");
        }
    }

    /// What a task of the group is to be, before it is spawned: its name, its stack size.
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

    /// All spawns from here; a closed runtime refuses the task.
    pub(crate) fn spawn_as<F>(
        &self,
        builder: Builder,
        f: F,
        at: &'static Location<'static>,
    ) -> io::Result<()>
    where
        F: FnOnce() -> T + Send + 'static,
    {
        let place = self.tasks.place();
        let enter = |handle| (self.tasks.enter(handle, place), ());
        // Not by a builder's rule: a closed runtime refuses the task.
        builder.spawn_into(f, at, enter)
    }

    /// Waits for the next task to end, whichever that is, and returns its result; `None` if there
    /// is no task, and no result that was not taken.
    ///
    /// Several may wait: each result is given to one of them, and those that are left get `None`
    /// when the last task has ended. A task of the group may wait for the others.
    ///
    /// # Parks
    ///
    /// Until one has ended. On a plain thread it blocks the thread. A cancel point: whoever is
    /// cancelled has taken nothing.
    ///
    /// # Examples
    ///
    /// What its tasks return in an `Err` is a result like any other to a group. To stop at the
    /// first:
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

    /// The result of a task that has ended, if there is one that was not taken: the oldest.
    ///
    /// # Parks
    ///
    /// Never for a result; as every operation, it gives way when many have been done in a row,
    /// which is a cancel point.
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

    /// Cancels all tasks that have not ended. Returns at once: their results come as the others'
    /// do.
    ///
    /// Those are the tasks whose spawns have returned. One that is spawned meanwhile, by another
    /// task or thread, may be cancelled or not; one that is spawned later is not.
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

    /// How many tasks there are whose results were not taken.
    ///
    /// # Parks
    ///
    /// Only to let others run once in a while, which is no cancel point.
    pub fn len(&self) -> usize {
        park::looked();
        let (running, ended) = self.tasks.counts();
        running + ended
    }

    /// Whether there are none.
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

/// As for a shared reference.
impl<'a, T: Send + 'static> Selectable for &'a mut TaskGroup<T> {
    type Output = Option<Result<T, JoinError>>;
    type Arm = QueueArm<'a, Option<Result<T, JoinError>>, State<T>>;

    fn arm(self) -> Self::Arm {
        QueueArm::new(&*self.tasks)
    }
}

impl<T> fmt::Debug for TaskGroup<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The writer may wait.
        let (running, ended) = self.tasks.counts();
        f.debug_struct("TaskGroup")
            .field("len", &(running + ended))
            .field("ended", &ended)
            .field("limit", &self.tasks.limit())
            .field("made_at", &format_args!("{}", self.made_at))
            .finish()
    }
}
