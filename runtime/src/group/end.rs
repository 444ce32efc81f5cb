//! The end of a group: waiting for all of its tasks, and what becomes of the tasks that are left.

use std::panic::resume_unwind;
use std::thread;
use std::time::{Duration, Instant};

use super::TaskGroup;
use super::results::Results;
use super::tasks::Next;
use crate::clock;
use crate::current;
use crate::join::JoinError;
use crate::scheduler;
use crate::task::{CauseKind, Naming, Reason};
use crate::unwind;

/// Drops a task's error that is given to nobody. A panic in it is lost to the runtime.
fn lose(error: JoinError) {
    if error.is_panic() {
        scheduler::lose(error.into_panic());
    }
}

impl<T> TaskGroup<T> {
    /// Waits for all tasks that are left, but not beyond the deadline, and adds their results.
    fn collect(&mut self, results: &mut Results<T>, deadline: Option<Instant>) {
        while let Next::Ended(spawn, result) = self.tasks.next(Reason::Join, deadline) {
            results.push(spawn, result);
        }
    }

    /// Waits for all tasks that are left. Returns the results that were not taken, and how many had
    /// been taken before.
    fn collected(&mut self) -> (Results<T>, usize) {
        self.refuse_own();
        let gone = self.tasks.taken();
        let mut results = Results::new();
        self.collect(&mut results, None);
        (results, gone)
    }

    /// Panics if the running task, which is about to wait for the whole group, is one of the
    /// group's.
    fn refuse_own(&self) {
        if self.tasks.has_own()
            && let Some((_, running)) = current::task()
        {
            panic!("{} waits for all of its own group, which can never end", Naming(running));
        }
    }

    /// Cancels the tasks that are left, and waits for them. Returns the first panic; the others are
    /// lost.
    fn end(&mut self) -> Option<JoinError> {
        self.cancel(CauseKind::Group, self.tasks.made_at);
        self.tasks.let_own_go();
        let mut first: Option<JoinError> = None;
        current::waits().shielded(|| {
            while let Next::Ended(_, result) = self.tasks.next(Reason::Children, None) {
                match result {
                    Ok(value) => unwind::drop_quietly(value),
                    Err(error) if error.is_panic() && first.is_none() => first = Some(error),
                    Err(error) => lose(error),
                }
            }
        });
        first
    }

    /// Ends the group as [`TaskGroup::end`] does, where something else is returned or raised. All
    /// panics are lost.
    fn end_quietly(&mut self) {
        if let Some(error) = self.end() {
            lose(error);
        }
    }
}

impl<T: Send + 'static> TaskGroup<T> {
    /// Waits for all tasks, and returns the results that were not taken, in the order of the
    /// spawns.
    ///
    /// Values without a size are only counted, so it is not known which of them were taken before.
    /// Each error then stands where it would if the taken values had been spawned first.
    ///
    /// # Parks
    ///
    /// Until the last task has ended. On a plain thread it blocks the thread.
    ///
    /// # Panics
    ///
    /// If one of the group's tasks calls it, which would wait for itself.
    ///
    /// # Examples
    ///
    /// ```
    /// let group = gocoro::task::TaskGroup::new();
    /// for n in 0..3 {
    ///     group.spawn(move || n);
    /// }
    /// let all: Vec<_> = group.join_all().into_iter().map(Result::unwrap).collect();
    /// assert_eq!(all, [0, 1, 2]);
    /// ```
    pub fn join_all(mut self) -> Vec<Result<T, JoinError>> {
        let (results, gone) = self.collected();
        results.in_order(gone)
    }

    /// Waits for all tasks, and returns their values in the order of the spawns. At the first
    /// error, the other tasks are cancelled and waited for, and the error is returned.
    ///
    /// # Parks
    ///
    /// As [`TaskGroup::join_all`].
    ///
    /// # Errors
    ///
    /// That of the task that failed first: it panicked, was cancelled or was refused. A value that
    /// is an `Err` is a value all the same; [`TaskGroup::next`] shows how to stop at the first of
    /// those.
    ///
    /// # Panics
    ///
    /// As [`TaskGroup::join_all`].
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::task::{self, TaskGroup};
    ///
    /// let group = TaskGroup::new();
    /// group.spawn(|| task::park());
    /// group.spawn(|| panic!("oh no"));
    /// assert!(group.try_join_all().unwrap_err().is_panic());
    /// ```
    pub fn try_join_all(mut self) -> Result<Vec<T>, JoinError> {
        self.refuse_own();
        let mut values = Results::new();
        while let Next::Ended(spawn, result) = self.tasks.next(Reason::Join, None) {
            match result {
                Ok(value) => values.push(spawn, Ok(value)),
                Err(error) => {
                    self.end_quietly();
                    return Err(error);
                }
            }
        }
        values.in_order(0).into_iter().collect()
    }

    /// Waits for the tasks to end, but not longer than `grace`. Then cancels the tasks that are
    /// left, and waits for them. Returns the results as [`TaskGroup::join_all`] does.
    ///
    /// # Parks
    ///
    /// Until the last task has ended. On a plain thread it blocks the thread.
    ///
    /// # Panics
    ///
    /// As [`TaskGroup::join_all`].
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::task::{self, TaskGroup};
    /// use std::time::Duration;
    ///
    /// let group = TaskGroup::new();
    /// group.spawn(|| task::park());
    /// group.spawn(|| ());
    /// let results = group.shutdown(Duration::from_millis(5));
    /// assert!(results[0].as_ref().unwrap_err().is_cancelled());
    /// ```
    pub fn shutdown(mut self, grace: Duration) -> Vec<Result<T, JoinError>> {
        self.refuse_own();
        let gone = self.tasks.taken();
        let mut results = Results::new();
        if let Some(end) = clock::after(grace) {
            self.collect(&mut results, Some(end));
            self.cancel(CauseKind::Group, self.tasks.made_at);
        }
        self.collect(&mut results, None);
        results.in_order(gone)
    }
}

impl<T: Send + 'static, E: Send + 'static> TaskGroup<Result<T, E>> {
    /// Waits for the first task that returns `Ok`, and returns its value. The other tasks are
    /// cancelled and waited for. If no task returns `Ok`, the last `Err` is returned; `None` at
    /// once if the group is empty.
    ///
    /// # Parks
    ///
    /// Until a task has returned `Ok` and the others have ended. On a plain thread it blocks the
    /// thread.
    ///
    /// # Panics
    ///
    /// With the panic of a task that panicked before one returned `Ok`; the other tasks are
    /// cancelled and waited for first. With a message that names the last task, if no task returned
    /// anything. And as [`TaskGroup::join_all`].
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::task::TaskGroup;
    ///
    /// let group = TaskGroup::new();
    /// group.spawn(|| Err("no route"));
    /// group.spawn(|| Ok(4));
    /// assert_eq!(group.first_ok(), Some(Ok(4)));
    /// assert_eq!(TaskGroup::<Result<(), ()>>::new().first_ok(), None);
    /// ```
    #[track_caller]
    pub fn first_ok(mut self) -> Option<Result<T, E>> {
        self.refuse_own();
        let (mut failed, mut none) = (None, None);
        while let Next::Ended(_, result) = self.tasks.next(Reason::Join, None) {
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

impl<T> Drop for TaskGroup<T> {
    fn drop(&mut self) {
        if self.tasks.counts() == (0, 0) {
            return;
        }
        if thread::panicking() {
            // The group does not wait for its tasks here, for one of them may wait for the task
            // that unwinds.
            self.cancel(CauseKind::Group, self.tasks.made_at);
            let mut results = self.tasks.abandon();
            while let Some((_, result)) = results.pop() {
                match result {
                    Ok(value) => unwind::drop_quietly(value),
                    Err(error) => lose(error),
                }
            }
        } else if let Some(error) = self.end() {
            resume_unwind(error.into_panic());
        }
    }
}
