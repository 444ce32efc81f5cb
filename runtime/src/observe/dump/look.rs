//! A worker's look at its own tasks.

use std::collections::VecDeque;

use super::{DumpedTask, DumpedWorker, TaskState, Wait};
use crate::channel::Sender;
use crate::clock;
use crate::current::{self, Core};
use crate::limits::OBSERVED_AT_ONCE;
use crate::park;
use crate::scheduler::{self, Worker};
use crate::task::mailbox::Message;
use crate::task::{Header, Run, TaskId, TaskRef};

/// A part of what a worker's look has found.
pub(super) struct Part {
    pub(super) tasks: Vec<DumpedTask>,
    /// The worker itself, with the last of its parts.
    pub(super) worker: Option<DumpedWorker>,
}

impl Part {
    pub(super) fn is_last(&self) -> bool {
        self.worker.is_some()
    }
}

/// A look that is under way: a slice of the tasks at a time, so that no look keeps a worker from
/// its tasks for long.
struct Look {
    /// The tasks that are still to be described, all of this worker. The list of the live ones
    /// changes between two slices, so these are references of the look's own.
    left: VecDeque<TaskRef>,
    described: usize,
}

impl Look {
    /// By the worker's thread, as all that a look does.
    fn new(core: &Core) -> Look {
        Look { left: core.live_references().into(), described: 0 }
    }

    /// Describes the next slice of tasks.
    fn step(&mut self, worker: &Worker) -> Part {
        let (runtime, index) = (worker.shared().id, worker.index());
        let slice = self.left.len().min(OBSERVED_AT_ONCE);
        let core = worker.core();
        let tasks = self.left.drain(..slice).filter_map(|task| describe(core, &task, worker));
        let tasks: Vec<_> = tasks.collect();
        self.described += tasks.len();
        let is_last = self.left.is_empty();
        let worker = is_last.then(|| DumpedWorker {
            runtime,
            worker: index,
            tasks: self.described,
            unstarted: core.unstarted.get(),
        });
        Part { tasks, worker }
    }
}

/// Describes a task of this worker. `None`: it has ended.
fn describe(core: &Core, task: &Header, worker: &Worker) -> Option<DumpedTask> {
    let state = match task.run.get() {
        Run::Done => return None,
        Run::Running => TaskState::Running,
        Run::Queued => TaskState::Runnable,
        Run::Parked => TaskState::Waiting,
    };
    let wait = park::noted(core, task).map(|noted| {
        // The boundaries lie on the parked stack too.
        let deadline = noted.deadline.into_iter().chain(task.waits.next_expiry()).min();
        let left = deadline.map(|at| at.saturating_duration_since(clock::now()));
        let from_outside = task.reason.get().is_from_outside();
        Wait { words: noted.words, since: noted.since, age: noted.age, left, from_outside }
    });
    let parent = task.meta().and_then(|meta| meta.parent());
    Some(DumpedTask {
        id: TaskId::new(task.id),
        name: task.name().map(String::from),
        spawned_at: task.spawned_at,
        parent: parent.cloned(),
        daemon: task.kind.daemon,
        cancelled: task.word.is_cancelled(),
        state,
        wait,
        stack_size: task.class.get().bytes(),
        stack_touched: park::stack_touched(core, task),
        runtime: worker.shared().id,
        worker: worker.index(),
    })
}

/// Has a worker look at its tasks. The worker does that between two tasks of its.
struct Ask {
    to: Sender<Part>,
    /// `None`: the look has not begun.
    look: Option<Look>,
}

/// What has a worker look at its tasks, and send the parts of what it finds.
pub(super) fn message(to: Sender<Part>) -> Box<dyn Message> {
    Box::new(Ask { to, look: None })
}

impl Message for Ask {
    fn deliver(mut self: Box<Self>) {
        // Whoever has asked a worker that was busy for long has given up.
        let nothing = Part { tasks: Vec::new(), worker: None };
        if self.to.send(nothing).is_err() {
            return;
        }
        let worker = scheduler::current_worker().expect("a worker has got this message");
        let look = self.look.get_or_insert_with(|| Look::new(worker.core()));
        let part = look.step(worker);
        let is_last = part.is_last();
        if self.to.send(part).is_ok() && !is_last {
            worker.core().mailbox.send(self);
        }
    }
}

/// Looks at the tasks of the workers whose thread this is: of the running task's, and of the one
/// whose task drives that, and so on.
///
/// A worker is passed over if the code that runs here is none of its task's, as that of a `tracing`
/// subscriber: a task may be between two states then.
pub(super) fn around_here(mut each: impl FnMut(Part)) {
    // The outer workers come first, and in one go: they may be gone once the running task has let
    // others run, for its own worker may be driven by somebody else then.
    for core in current::cores().skip(1).filter(|core| !core.task.get().is_null()) {
        look_at(core, &mut each, || ());
    }
    if let Some((core, _)) = current::task() {
        look_at(core, &mut each, park::yield_now);
    }
}

/// Looks at all tasks of this worker. `between` runs between two slices.
fn look_at(core: &Core, each: &mut impl FnMut(Part), between: impl Fn()) {
    let worker = scheduler::worker_of(core);
    let mut look = Look::new(core);
    loop {
        let part = look.step(worker);
        let is_last = part.is_last();
        each(part);
        if is_last {
            return;
        }
        between();
    }
}
