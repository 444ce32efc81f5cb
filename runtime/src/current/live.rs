//! What a worker does with the tasks that it has: it lends them out, and records what they do.

use super::Core;
use crate::recorder::What;
use crate::task::{Header, TaskRef};

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
