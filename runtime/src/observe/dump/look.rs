//! A worker's look at its own tasks.

use std::mem;

use super::{DumpedTask, DumpedWorker, TaskState, Wait, Wanted};
use crate::channel::Sender;
use crate::clock;
use crate::current::{self, Core};
use crate::limits::{OBSERVED_AT_ONCE, OBSERVED_BETWEEN_LOOKS, OBSERVED_FOR};
use crate::observe::backtrace::Tracer;
use crate::observe::identity::Identity;
use crate::park;
use crate::scheduler::{self, Worker};
use crate::task::mailbox::Message;
use crate::task::{Header, Run, TaskRef};

/// How many tasks a look has references to at a time. It makes them in some 40 microseconds.
const WINDOW: usize = 8 * OBSERVED_AT_ONCE;

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
    /// The tasks that are described next, all of this worker. The list of the live ones changes
    /// between two slices, so these are references of the look's own.
    window: Vec<TaskRef>,
    /// How many of these have been looked at.
    at: usize,
    /// Whether no older tasks are left.
    is_last: bool,
    /// The id of the task that is to be described. `None`: all are.
    only: Option<u64>,
    /// What makes backtraces. `None`: they are not wanted, or there are none.
    tracer: Option<Tracer>,
}

impl Look {
    /// By the worker's thread, as all that a look does.
    fn new(core: &Core, wanted: Wanted) -> Look {
        let tracer = if wanted.traces { Tracer::new() } else { None };
        let mut look =
            Look { window: Vec::new(), at: 0, is_last: false, only: wanted.only, tracer };
        look.move_to(core, None, WINDOW);
        look
    }

    /// Makes a window of at most so many tasks: of those that are older than `after`, or of any.
    fn move_to(&mut self, core: &Core, after: Option<&Header>, most: usize) {
        self.window = core.live_references(after, most);
        self.at = 0;
        self.is_last = self.window.len() < most;
    }

    /// Goes on to the next window.
    fn advance(&mut self, core: &Core) {
        let before = mem::take(&mut self.window);
        match before.iter().rev().find(|task| task.run.get() != Run::Done) {
            Some(last) => self.move_to(core, Some(last), WINDOW),
            // All of them have ended, so nobody knows how far the look had come. It begins again,
            // and in one go. What is described twice, `Dump::finish` leaves out.
            None => self.move_to(core, None, usize::MAX),
        }
    }

    /// Describes the next slice of tasks.
    fn step(&mut self, worker: &Worker) -> Part {
        if self.tracer.is_some() {
            if let Some(part) = Tracer::with_room(|| self.slice(worker)) {
                return part;
            }
            self.tracer = None;
        }
        self.slice(worker)
    }

    fn slice(&mut self, worker: &Worker) -> Part {
        let core = worker.core();
        let until = clock::now() + OBSERVED_FOR;
        if self.at == self.window.len() && !self.is_last {
            self.advance(core);
        }
        if let Some(tracer) = &mut self.tracer {
            tracer.begin();
        }
        let first = self.at;
        let mut tasks = Vec::with_capacity(OBSERVED_AT_ONCE.min(self.window.len() - first));
        while self.at - first < OBSERVED_AT_ONCE && (self.at == first || clock::now() < until) {
            let some = (self.window.len() - self.at).min(OBSERVED_BETWEEN_LOOKS);
            if some == 0 {
                break;
            }
            let only = self.only;
            let window = &self.window[self.at..self.at + some];
            for task in window.iter().filter(|task| only.is_none_or(|id| id == task.id)) {
                tasks.extend(describe(core, task, worker, self.tracer.as_mut()));
            }
            self.at += some;
        }
        let is_last = self.is_last && self.at == self.window.len();
        let worker = is_last.then(|| DumpedWorker {
            runtime: worker.shared().id,
            worker: worker.index(),
            tasks: 0,
            unstarted: core.unstarted.get(),
        });
        Part { tasks, worker }
    }
}

/// Describes a task of this worker. `None`: it has ended.
fn describe(
    core: &Core,
    task: &Header,
    worker: &Worker,
    tracer: Option<&mut Tracer>,
) -> Option<DumpedTask> {
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
    Some(DumpedTask {
        who: Identity::of(task),
        state,
        wait,
        run: None,
        backtrace: tracer.and_then(|tracer| tracer.trace(core, task)),
        stack_touched: park::stack_touched(core, task),
        own_stack: task.own_stack.get(),
        runtime: worker.shared().id,
        worker: worker.index(),
    })
}

/// Has a worker look at its tasks. The worker does that between two tasks of its.
struct Ask {
    to: Sender<Part>,
    wanted: Wanted,
    /// `None`: the look has not begun.
    look: Option<Look>,
}

/// What has a worker look at its tasks, and send the parts of what it finds.
pub(super) fn message(to: Sender<Part>, wanted: Wanted) -> Box<dyn Message> {
    Box::new(Ask { to, wanted, look: None })
}

impl Message for Ask {
    fn deliver(mut self: Box<Self>) {
        // Whoever has asked a worker that was busy for long has given up.
        let nothing = Part { tasks: Vec::new(), worker: None };
        if self.to.send(nothing).is_err() {
            return;
        }
        let worker = scheduler::current_worker().expect("a worker has got this message");
        let look = self.look.get_or_insert_with(|| Look::new(worker.core(), self.wanted));
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
/// subscriber: a task may be between two states then. So is a worker of gocoro's own.
pub(super) fn around_here(wanted: Wanted, mut each: impl FnMut(Part)) {
    // The outer workers come first, and in one go: they may be gone once the running task has let
    // others run, for its own worker may be driven by somebody else then.
    for core in current::cores().skip(1).filter(|core| !core.task.get().is_null()) {
        look_at(core, wanted, &mut each, || ());
    }
    if let Some((core, _)) = current::task()
        && !core.mailbox.is_internal()
    {
        look_at(core, wanted, &mut each, park::yield_now);
    }
}

/// Looks at all tasks of this worker. `between` runs between two slices.
fn look_at(core: &Core, wanted: Wanted, each: &mut impl FnMut(Part), between: impl Fn()) {
    let worker = scheduler::worker_of(core);
    let mut look = Look::new(core, wanted);
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
