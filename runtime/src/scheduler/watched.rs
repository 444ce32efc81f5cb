//! A worker's batch of tasks while somebody watches: the flight recorder, or a `tracing`
//! subscriber, which is told when tasks had to wait for long.
//!
//! What is watched is learned between two tasks. So this is a loop of its own, which a turn chooses
//! once, and the usual loop pays nothing for it.
//!
//! Whom a task has woken is seen in the queues: tasks that stand there now, and did not before,
//! were put there by whatever ran meanwhile, for nobody else touches this worker's queues.

use std::time::Duration;

use super::worker::Worker;
use crate::clock::Coarse;
use crate::limits::RESUMED_LATE;
use crate::recorder::{By, Event, Recorder, What};
use crate::task::{Header, Run};
use crate::trace::{self, Late};

/// How the queues of a worker that records stood at some time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    at: u64,
    /// The end of the queue of ready tasks, as `ReadyQueue::end` counts.
    end: usize,
    /// The task that was to run next.
    next: *const Header,
}

impl Worker {
    /// Whether the next batch is run by [`Worker::run_watched`].
    #[inline(always)]
    pub(super) fn is_watched(&self) -> bool {
        self.core.recorder.is_some() || trace::is_on()
    }

    /// Runs a batch of tasks, as a turn does. Whether it has run any.
    #[cold]
    #[inline(never)]
    pub(super) fn run_watched(&self) -> bool {
        let pace = &self.core.pace;
        let mut ran = false;
        // When the last task suspended.
        let mut since = self.core.recorder.as_ref().map_or(0, |recorder| recorder.now());
        loop {
            let newest = self.core.live.get();
            let Some(task) = self.pick() else {
                self.core.picked.set(self.core.picked.get().wrapping_sub(1));
                pace.pause();
                return ran;
            };
            // SAFETY: a picked task is alive, and belongs to this worker.
            let task = unsafe { &*task };
            let begun = trace::is_on().then(Coarse::now);
            match &self.core.recorder {
                None => self.switch_to(task),
                Some(recorder) => {
                    // A task that starts becomes the first of the live ones.
                    if self.core.live.get() != newest {
                        recorder.started(task);
                    }
                    since = self.run_recorded(recorder, task, since);
                }
            }
            if let Some(waited) = begun.map(Coarse::elapsed).filter(|&took| took >= RESUMED_LATE) {
                self.tell_late(task, waited);
            }
            if task.run.get() == Run::Done {
                self.finish(task);
            }
            super::check_not_forked();
            ran = true;
            if !pace.goes_on() {
                return true;
            }
        }
    }

    /// Tells of the tasks that have waited for this one to suspend.
    #[cold]
    fn tell_late(&self, behind: &Header, waited: Duration) {
        let ready = self.core.ready.len() + usize::from(!self.core.next.get().is_null());
        let tasks = ready + self.unstarted.own(&self.core) + self.seat().unstarted();
        if tasks > 0 {
            let (runtime, worker) = (self.shared.id, self.index);
            trace::resumed_late(&Late { runtime, worker, tasks, behind, waited });
        }
    }

    /// Runs a task until it suspends or ends, and records that, and whom it has woken. Returns when
    /// it was over.
    fn run_recorded(&self, recorder: &Recorder, task: &Header, since: u64) -> u64 {
        let mark = self.mark_at(since);
        recorder.runs(task.id, since);
        self.switch_to(task);
        let at = recorder.now();
        recorder.does_nothing();
        let what = match task.run.get() {
            Run::Parked => What::Waits(task.reason.get()),
            Run::Done => What::Ends(task.outcome.get()),
            Run::Queued | Run::Running => What::Yields,
        };
        recorder.write(Event { at, took: at.saturating_sub(since), what, task: task.id, by: 0 });
        self.record_queued(recorder, mark, By::Task, at, Some(task));
        if let What::Ends(_) = what {
            recorder.ended(task);
        }
        at
    }

    /// How the queues stand now, if the worker records.
    #[inline(always)]
    pub(super) fn mark(&self) -> Option<Mark> {
        self.core.recorder.as_ref().map(|recorder| self.mark_at(recorder.now()))
    }

    fn mark_at(&self, at: u64) -> Mark {
        Mark { at, end: self.core.ready.end(), next: self.core.next.get() }
    }

    /// Records whom something else than a task has woken since then.
    #[inline(always)]
    pub(super) fn record_woken(&self, mark: Option<Mark>, by: By) {
        if let (Some(mark), Some(recorder)) = (mark, &self.core.recorder) {
            self.record_queued(recorder, mark, by, recorder.now(), None);
        }
    }

    /// How the queues stand now, before a look at the poll, if the worker records.
    #[inline(always)]
    pub(super) fn mark_poll(&self, timeout: Option<Duration>) -> Option<Mark> {
        let mark = self.mark()?;
        if let Some(recorder) = &self.core.recorder
            && timeout != Some(Duration::ZERO)
            && self.core.task.get().is_null()
        {
            recorder.sleeps(mark.at);
        }
        Some(mark)
    }

    /// Records a look at the poll that was begun at `mark`, and whom it has woken.
    #[inline(always)]
    pub(super) fn record_poll(&self, mark: Option<Mark>, timeout: Option<Duration>) {
        if let (Some(mark), Some(recorder)) = (mark, &self.core.recorder) {
            self.record_poll_since(recorder, mark, timeout);
        }
    }

    #[cold]
    fn record_poll_since(&self, recorder: &Recorder, mark: Mark, timeout: Option<Duration>) {
        let (at, slept) = (recorder.now(), timeout != Some(Duration::ZERO));
        if self.core.task.get().is_null() {
            recorder.does_nothing();
        }
        let woke = self.mark_at(0);
        if slept || woke.end != mark.end || woke.next != mark.next {
            let what = if slept { What::Slept } else { What::Polled };
            recorder.write(Event { at, took: at.saturating_sub(mark.at), what, task: 0, by: 0 });
            self.record_queued(recorder, mark, By::Poll, at, None);
        }
    }

    /// Records who was queued since `mark`, by this task, if one ran meanwhile. That the task
    /// itself was queued says that it has given way, and is recorded so.
    fn record_queued(
        &self,
        recorder: &Recorder,
        mark: Mark,
        by: By,
        at: u64,
        task: Option<&Header>,
    ) {
        let ready = &self.core.ready;
        let first = usize::try_from(ready.distance(mark.end)).unwrap_or(0);
        let new = (first..ready.len()).filter_map(|place| ready.peek(place));
        let next = Some(self.core.next.get()).filter(|next| !next.is_null());
        let (itself, id) = task.map_or((std::ptr::null(), 0), |task| (&raw const *task, task.id));
        // The task that was to run next before may stand in the queue now, as another one is.
        for woken in new.chain(next).filter(|&woken| woken != mark.next && woken != itself) {
            // SAFETY: a task in the ready queue, or next, is alive, and belongs to this worker.
            let woken = unsafe { (*woken).id };
            recorder.write(Event { at, took: 0, what: What::Woken(by), task: woken, by: id });
        }
    }
}
