//! What a worker does with the tasks that it has: it lends them out, and records what they do.

use std::cell::Cell;
use std::fmt;

use super::Core;
use crate::recorder::What;
use crate::task::{Header, TaskRef};

/// The task that runs on a thread, with its worker. It stays right across the task's waits.
pub(crate) type Here = Option<(&'static Core, &'static Header)>;

/// A place for one unstarted task that only the worker of this thread may start. While the task is
/// here, nobody can claim it.
#[derive(Default)]
pub(crate) struct Newest(Cell<Option<TaskRef>>);

impl Newest {
    /// Puts a task here, and takes out the one that was here before.
    #[inline(always)]
    pub(crate) fn replace(&self, task: TaskRef) -> Option<TaskRef> {
        self.0.replace(Some(task))
    }

    #[inline(always)]
    pub(crate) fn take(&self) -> Option<TaskRef> {
        self.0.take()
    }

    /// How many tasks are here.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.look(|newest| newest.is_some()))
    }

    /// Whether this task is here.
    #[inline(always)]
    fn is(&self, task: &Header) -> bool {
        self.look(|newest| newest.is_some_and(|newest| std::ptr::eq(newest.as_ptr(), task)))
    }

    #[inline(always)]
    fn look<R>(&self, look: impl FnOnce(Option<&TaskRef>) -> R) -> R {
        let newest = self.0.take();
        let seen = look(newest.as_ref());
        // What is replaced is the `None` that `take` has left.
        std::mem::forget(self.0.replace(newest));
        seen
    }
}

impl fmt::Debug for Newest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Newest").field(&self.len()).finish()
    }
}

impl Core {
    /// The live tasks, newest first. The caller starts and ends no task while it uses the iterator.
    pub(crate) fn live(&self) -> impl Iterator<Item = &Header> {
        self.live_from(self.live.get())
    }

    /// The live task `next` and those that are older. The caller starts and ends no task while it
    /// uses the iterator.
    fn live_from(&self, mut next: *const Header) -> impl Iterator<Item = &Header> {
        std::iter::from_fn(move || {
            // SAFETY: the worker holds a reference to each task of the list until it unlinks the
            // task, and none is unlinked while the iterator is used.
            let task = unsafe { next.as_ref() }?;
            next = task.live_next.get();
            Some(task)
        })
    }

    /// Whether no other thread can reach the task, which the running task is about to join: only
    /// this worker may start it, and there are no more than the two references. A task that has
    /// started may wait where another thread finds it without a reference, and takes one.
    #[inline(always)]
    pub(crate) fn is_alone_with(&self, task: &Header) -> bool {
        self.newest.is(task) && task.has_two_references()
    }

    /// Records what the running task does to the task with this id, if the worker records.
    pub(crate) fn record(&self, what: What, task: u64) {
        if let Some(recorder) = &self.recorder {
            // SAFETY: a worker holds a reference to the task that it runs.
            let by = unsafe { self.task.get().as_ref() }.map_or(0, |by| by.id);
            recorder.happened(what, task, by);
        }
    }

    /// References to at most so many of the live tasks, newest first: to those that are older than
    /// `after`, which is one of them, or to any.
    pub(crate) fn live_references(&self, after: Option<&Header>, most: usize) -> Vec<TaskRef> {
        let first = after.map_or(self.live.get(), |task| task.live_next.get());
        // SAFETY: the worker holds a reference to each task of the list.
        self.live_from(first).take(most).map(|task| unsafe { TaskRef::retain(task) }).collect()
    }
}
