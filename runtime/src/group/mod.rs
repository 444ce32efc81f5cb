//! Tasks that are waited for together, in the order in which they end.

mod shared;

use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{Location, resume_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use slab::Slab;

use crate::clock;
use crate::join::{JoinError, JoinHandle};
use crate::park;
use crate::spawn::{self, Options};
use crate::task::{CauseKind, Reason};
use crate::unwind;

use shared::{Ending, Shared, State};

/// Tasks that return the same kind of value and end with their group.
///
/// Dropping it cancels the tasks whose results were not taken, and waits for them, unless it is dropped
/// by an unwinding: a group does not outlive what it was made for. A task may be in a group only; for
/// tasks that borrow there is [`scope`](crate::scope::scope).
///
/// A task's panic is given to whoever takes its result. Of those whose results nobody takes, the first
/// is raised at the end of the group, unless there is something else to return or raise; the others
/// are as those of tasks that nobody joins: `#[go_main(on_panic = …)]` says what they do.
///
/// # Parks
///
/// Dropping it does, until its tasks have ended; nothing cuts that wait short.
///
/// # Panics
///
/// Dropping it does, with the first panic of a task whose result was not taken, unless it is dropped by
/// an unwinding.
///
/// # Examples
///
/// ```
/// use gocoro::task::TaskGroup;
///
/// let mut group = TaskGroup::new();
/// for n in 1..=3 {
///     group.spawn(move || n * 10);
/// }
/// let mut sum = 0;
/// while let Some(result) = group.next() {
///     sum += result.unwrap();
/// }
/// assert_eq!(sum, 60);
/// ```
pub struct TaskGroup<T> {
    shared: Arc<Shared>,
    /// Those whose results were not taken.
    members: Slab<Member<T>>,
    spawned: usize,
    limit: Option<NonZeroUsize>,
    made_at: &'static Location<'static>,
}

struct Member<T> {
    /// Which spawn of the group it was.
    order: usize,
    handle: JoinHandle<T>,
}

impl<T> TaskGroup<T> {
    #[track_caller]
    fn make(limit: Option<NonZeroUsize>) -> TaskGroup<T> {
        TaskGroup {
            shared: Arc::default(),
            members: Slab::new(),
            spawned: 0,
            limit,
            made_at: Location::caller(),
        }
    }

    fn cancel(&self, kind: CauseKind, at: &'static Location<'static>) {
        for (_, member) in &self.members {
            member.handle.task().cancel_for(kind, at);
        }
    }

    /// The next to end, of those that are left.
    fn next_as(&mut self, reason: Reason) -> Option<(usize, Result<T, JoinError>)> {
        if self.members.is_empty() {
            return None;
        }
        let index = self.shared.wait(reason, None, |state| state.ended.front().copied())?;
        if reason == Reason::Join {
            // Its task-locals are still to be dropped, and may wait: the group has it until then.
            self.members[index].handle.wait_for_end();
        }
        self.shared.lock().ended.pop_front();
        let member = self.members.remove(index);
        Some((member.order, member.handle.join_uncut()))
    }

    /// Cancels what is left and waits for it. Returns the first panic, and loses the others.
    fn end(&mut self) -> Option<JoinError> {
        self.cancel(CauseKind::Group, self.made_at);
        let mut first: Option<JoinError> = None;
        park::shielded(|| {
            while let Some((_, result)) = self.next_as(Reason::Children) {
                match result {
                    Ok(value) => unwind::drop_quietly(value),
                    Err(error) if error.is_panic() && first.is_none() => first = Some(error),
                    Err(error) => error.lose(),
                }
            }
        });
        first
    }

    /// As [`TaskGroup::end`], where something else is returned or raised.
    fn end_quietly(&mut self) {
        if let Some(error) = self.end() {
            error.lose();
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
    /// let mut group = gocoro::task::TaskGroup::with_limit(4);
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
    /// # Parks
    ///
    /// Only at the limit of [`TaskGroup::with_limit`], until a task has ended. If the spawning task is
    /// cancelled meanwhile, `f` is dropped.
    #[track_caller]
    #[rustfmt::skip]
    pub fn spawn<F>(&mut self, f: F)
    where
        F: FnOnce() -> T,
        F: Send,    // not `Send`? `task::scope` has `spawn_local`
        F: 'static, // borrows? `task::scope` lets tasks borrow; or move it in
    {
        self.spawn_as(Options::default(), f, Location::caller());
    }

    /// Spawns a task that has options into the group, as [`TaskGroup::spawn`].
    #[track_caller]
    pub(crate) fn spawn_as<F>(&mut self, options: Options, f: F, at: &'static Location<'static>)
    where
        F: FnOnce() -> T + Send + 'static,
    {
        if let Some(limit) = self.limit {
            let most_ended = self.spawned.saturating_sub(limit.get() - 1);
            self.shared
                .wait(Reason::Join, None, |state| (state.ended_count >= most_ended).then_some(()));
        }
        let entry = self.members.vacant_entry();
        let ending = Ending { shared: self.shared.clone(), index: entry.key() };
        // Dropped in this order if it never runs: it has ended when nothing of `f` is left.
        let member = (f, ending);
        let body = move || {
            let member = member;
            let (f, _ending) = member;
            f()
        };
        // Not a builder's: a closed runtime refuses the member.
        let spawned = spawn::spawn_inner(body, options, false, at);
        let handle = match spawned {
            Ok(handle) => handle,
            Err(error) => {
                // Its closure was dropped, and said that it has ended.
                let mut state = self.shared.lock();
                state.ended.retain(|&index| index != entry.key());
                state.ended_count -= 1;
                drop(state);
                panic!("{error}");
            }
        };
        entry.insert(Member { order: self.spawned, handle });
        self.spawned += 1;
    }

    /// Waits for the next task to end, whichever that is, and returns its result; `None` at once if
    /// there is none left.
    ///
    /// # Parks
    ///
    /// Until one has ended. On a plain thread it blocks the thread.
    ///
    /// # Examples
    ///
    /// What its tasks return in an `Err` is a result like any other to a group. To stop at the first:
    ///
    /// ```
    /// use gocoro::task::{self, TaskGroup};
    ///
    /// fn all(mut group: TaskGroup<Result<u32, String>>) -> Result<Vec<u32>, String> {
    ///     let mut values = Vec::new();
    ///     while let Some(ended) = group.next() {
    ///         // The group is dropped by the `?`, which cancels the others and waits for them.
    ///         values.push(ended.map_err(|error| error.to_string())??);
    ///     }
    ///     Ok(values)
    /// }
    ///
    /// let mut group = TaskGroup::new();
    /// group.spawn(|| {
    ///     task::park();
    ///     Ok(1)
    /// });
    /// group.spawn(|| Err(String::from("no route")));
    /// assert_eq!(all(group).unwrap_err(), "no route");
    /// ```
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Result<T, JoinError>> {
        park::spent();
        self.next_as(Reason::Join).map(|(_, result)| result)
    }

    /// Waits for all tasks, and returns the results that were not taken in the order of their spawns.
    ///
    /// # Parks
    ///
    /// Until the last has ended. On a plain thread it blocks the thread.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut group = gocoro::task::TaskGroup::new();
    /// for n in 0..3 {
    ///     group.spawn(move || n);
    /// }
    /// let all: Vec<_> = group.join_all().into_iter().map(Result::unwrap).collect();
    /// assert_eq!(all, [0, 1, 2]);
    /// ```
    pub fn join_all(mut self) -> Vec<Result<T, JoinError>> {
        let mut results = Vec::with_capacity(self.members.len());
        while let Some(result) = self.next_as(Reason::Join) {
            results.push(result);
        }
        in_order(results)
    }

    /// Waits for all tasks, and returns their values in the order of their spawns; or the first error,
    /// having cancelled the others and waited for them.
    ///
    /// # Parks
    ///
    /// As [`TaskGroup::join_all`].
    ///
    /// # Errors
    ///
    /// That of the task that failed first: it panicked, was cancelled or was refused. A value is a value,
    /// also if it is an `Err`; [`TaskGroup::next`] shows how to stop at the first of those.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::task::{self, TaskGroup};
    ///
    /// let mut group = TaskGroup::new();
    /// group.spawn(|| task::park());
    /// group.spawn(|| panic!("oh no"));
    /// assert!(group.try_join_all().unwrap_err().is_panic());
    /// ```
    pub fn try_join_all(mut self) -> Result<Vec<T>, JoinError> {
        let mut values = Vec::with_capacity(self.members.len());
        while let Some((order, result)) = self.next_as(Reason::Join) {
            match result {
                Ok(value) => values.push((order, value)),
                Err(error) => {
                    self.end_quietly();
                    return Err(error);
                }
            }
        }
        Ok(in_order(values))
    }

    /// Cancels all tasks that have not ended. Returns at once: their results come as the others' do.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut group = gocoro::task::TaskGroup::new();
    /// group.spawn(|| gocoro::task::park());
    /// group.cancel_all();
    /// assert!(group.next().unwrap().unwrap_err().is_cancelled());
    /// ```
    #[track_caller]
    pub fn cancel_all(&self) {
        self.cancel(CauseKind::Asked, Location::caller());
    }

    /// How many tasks there are whose results were not taken.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Waits for the tasks to end, but not longer than `grace`: cancels those that are left, waits for
    /// them, and returns all results in the order of the spawns.
    ///
    /// # Parks
    ///
    /// Until the last has ended. On a plain thread it blocks the thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::task::{self, TaskGroup};
    /// use std::time::Duration;
    ///
    /// let mut group = TaskGroup::new();
    /// group.spawn(|| task::park());
    /// group.spawn(|| ());
    /// let results = group.shutdown(Duration::from_millis(5));
    /// assert!(results[0].as_ref().unwrap_err().is_cancelled());
    /// ```
    pub fn shutdown(mut self, grace: Duration) -> Vec<Result<T, JoinError>> {
        let all = self.spawned;
        let enough = |state: &mut State| (state.ended_count == all).then_some(());
        if self.shared.wait(Reason::Join, clock::after(grace), enough).is_none() {
            self.cancel(CauseKind::Group, self.made_at);
        }
        let mut results = Vec::with_capacity(self.members.len());
        while let Some(result) = self.next_as(Reason::Join) {
            results.push(result);
        }
        in_order(results)
    }
}

fn in_order<R>(mut results: Vec<(usize, R)>) -> Vec<R> {
    results.sort_unstable_by_key(|&(order, _)| order);
    results.into_iter().map(|(_, result)| result).collect()
}

impl<T: Send + 'static, E: Send + 'static> TaskGroup<Result<T, E>> {
    /// Waits for the first task that returns `Ok`; the others are cancelled and waited for. If none
    /// does, the last error; `None` at once if the group is empty.
    ///
    /// # Parks
    ///
    /// Until then. On a plain thread it blocks the thread.
    ///
    /// # Panics
    ///
    /// With the panic of a task that panicked before one returned `Ok`, having cancelled and waited for
    /// the others; or with a message that names the last task, if none returned anything.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::task::TaskGroup;
    ///
    /// let mut group = TaskGroup::new();
    /// group.spawn(|| Err("no route"));
    /// group.spawn(|| Ok(4));
    /// assert_eq!(group.first_ok(), Some(Ok(4)));
    /// assert_eq!(TaskGroup::<Result<(), ()>>::new().first_ok(), None);
    /// ```
    #[track_caller]
    pub fn first_ok(mut self) -> Option<Result<T, E>> {
        let (mut failed, mut none) = (None, None);
        while let Some((_, result)) = self.next_as(Reason::Join) {
            match result {
                Ok(Ok(value)) => {
                    self.end_quietly();
                    return Some(Ok(value));
                }
                Ok(Err(error)) => failed = Some(error),
                Err(error) if error.is_panic() => {
                    self.end_quietly();
                    resume_unwind(error.into_panic());
                }
                Err(error) => none = Some(error),
            }
        }
        match (failed, none) {
            (Some(error), _) => Some(Err(error)),
            (None, Some(error)) => panic!("{error}"),
            (None, None) => None,
        }
    }
}

impl<T: Send + 'static> Default for TaskGroup<T> {
    #[track_caller]
    fn default() -> TaskGroup<T> {
        TaskGroup::new()
    }
}

impl<T> Drop for TaskGroup<T> {
    fn drop(&mut self) {
        if self.members.is_empty() {
            return;
        }
        if thread::panicking() {
            // A wait here might be one for the task that unwinds.
            self.cancel(CauseKind::Group, self.made_at);
        } else if let Some(error) = self.end() {
            resume_unwind(error.into_panic());
        }
    }
}

impl<T> fmt::Debug for TaskGroup<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The writer may wait.
        let ended = self.shared.lock().ended.len();
        f.debug_struct("TaskGroup")
            .field("len", &self.members.len())
            .field("ended", &ended)
            .field("limit", &self.limit)
            .field("made_at", &format_args!("{}", self.made_at))
            .finish()
    }
}
