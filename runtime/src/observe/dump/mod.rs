//! What the program's tasks do now: [`dump`].
//!
//! Each worker describes its own tasks, for nobody else may look into a parked one (`note` in
//! [`crate::task`]). Whoever asks sends each worker a message ([`look`]), which the worker answers
//! between two tasks, a slice of its tasks at a time, and puts the answers together here. The
//! workers whose thread this is need no message: they cannot run meanwhile.
//!
//! Workers that have not answered in time are asked in another way, what keeps them busy
//! ([`silent`]).
//!
//! # To grow
//!
//! - *Grouping by what is waited for.* Tasks that wait on different objects are told apart, so ten
//!   thousand reads from as many sockets are as many lines. The reason alone would join them.
//! - *The wait-for graph* has its edges in [`DumpedTask::depends_on`], for locks, once-cells and
//!   joins.
//! - *Tasks that have not started* are counted and not listed: a deque shows nothing but its ends.

pub(super) mod json;
mod look;
mod silent;
mod task;
mod text;

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use self::silent::Silent;
use self::task::{Run, Wait};
use crate::channel;
use crate::current;
use crate::limits::DUMP_PATIENCE;
use crate::observe::backtrace;
use crate::task::Whom;
use crate::task::mailbox::Mailbox;

pub use self::task::{DumpedTask, TaskState};

/// One worker, as [`dump`] found it.
#[derive(Clone, Debug)]
struct DumpedWorker {
    runtime: u32,
    worker: usize,
    tasks: usize,
    unstarted: usize,
}

/// What all tasks of the process do, at about one time. Made by [`dump`].
///
/// The `Display` of a dump is the text for people: a line for each worker, and one for each task.
/// Tasks that differ in nothing but their ages, parents, stacks and workers share a line: those of
/// one runtime that were spawned at one place, in one scope or in scopes of one place, have the
/// same name or none, and do the same or wait for the same. The words of that text may change in
/// any version. [`Dump::json`] is for programs.
#[derive(Clone, Default, Debug)]
pub struct Dump {
    workers: Vec<DumpedWorker>,
    tasks: Vec<DumpedTask>,
    /// How many workers did not answer.
    silent: usize,
    /// What was found of these.
    found: Vec<Silent>,
    /// Why there are no backtraces, where there should be some.
    no_backtraces: Option<&'static str>,
}

/// Describes all started tasks of all runtimes of this process: who they are, and what each one
/// waits for.
///
/// With the cargo feature `backtrace` it also tells by which calls each task came there.
///
/// No task is woken for that. Each worker describes its own tasks between two of them, at most a
/// few hundred microseconds at a time; 10 000 tasks take some 40 ms in all, optimised. So the dump
/// is no picture of one moment: a task may have gone on while another one was described. Tasks that
/// have not started are only counted, and plain threads are not shown.
///
/// A worker that runs one task for long does not answer, nor does a
/// [`LocalRuntime`](crate::runtime::LocalRuntime) that nobody drives. Once no answer has come for
/// 100 ms the dump goes without their tasks, and says how many workers are missing. On Linux it
/// says of each what its thread does, and shows the task that it runs ([`DumpedTask::ran`]): a
/// signal asks the thread for that, unless it is in a system call that the signal would end. C's
/// sleeps are ended by it, std's are not.
///
/// The text ends in the cycles of tasks that wait for each other by locks, once-cells and joins, if
/// there are any. Where every task waits, and none for the time, the kernel, the blocking pool or a
/// future, it says that they are possibly stuck: only a thread that gocoro does not know of may
/// wake one then. What is certain [`OnDeadlock`](crate::observe::OnDeadlock) tells of.
///
/// A wait seems longer than it is by as long as the task's worker had run tasks when it began,
/// usually less than 100 µs, and by up to 10 ms, for the clock that is read is a coarse one.
///
/// # Parks
///
/// Until the workers have answered, or none has for 100 ms; then until the threads of those that
/// have not were asked, two seconds at most. On a plain thread it blocks the thread. A cancel
/// point.
///
/// # Examples
///
/// ```
/// use gocoro::runtime::{TaskState, dump};
/// use gocoro::{channel, go, task};
///
/// let (sender, receiver) = channel::bounded::<i32>(1);
/// let waits = go!(name = "reader" => receiver.recv());
/// let reader = loop {
///     let dump = go!(dump()).wait();
///     let found = dump.tasks().iter().find(|task| task.name() == Some("reader")).cloned();
///     match found {
///         Some(task) if task.state() == TaskState::Waiting => break task,
///         _ => task::yield_now(),
///     }
/// };
/// assert!(reader.waits_for().unwrap().starts_with("recv on a channel created at "));
/// sender.send(1)?;
/// assert_eq!(waits.wait(), Ok(1));
/// # Ok::<(), channel::SendError<i32>>(())
/// ```
pub fn dump() -> Dump {
    dump_of(DUMP_PATIENCE, Wanted { traces: true, asks: true, only: None })
}

/// As [`dump`], for the page: without backtraces, which take most of the time where there are many
/// tasks.
#[cfg(feature = "inspect")]
pub(super) fn dump_for_page() -> Dump {
    dump_of(DUMP_PATIENCE, Wanted { traces: false, asks: true, only: None })
}

/// As [`dump`], with backtraces if `traces`. A worker that has not answered when no answer has come
/// for `patience` is silent, and is not asked what keeps it.
pub(in crate::observe) fn dump_within(patience: Duration, traces: bool) -> Dump {
    dump_of(patience, Wanted { traces, asks: false, only: None })
}

fn dump_of(patience: Duration, wanted: Wanted) -> Dump {
    crate::park::spent();
    let (to, answers) = channel::unbounded();
    let here = current::cores().filter(|core| !core.mailbox.is_internal());
    let here: Vec<u16> = here.map(|core| core.mailbox.id()).collect();
    let (asked, flooded) =
        Mailbox::send_to_all(|id| (!here.contains(&id)).then(|| look::message(to.clone(), wanted)));
    drop(to);
    let silent = here.len() + flooded;
    let mut dump = Dump { silent, ..Dump::default() };
    look::around_here(wanted, |part| {
        dump.silent -= usize::from(part.is_last());
        dump.add(part);
    });
    // The answers end when each message has been answered, or was dropped with its worker's end.
    let mut answered = 0;
    let all = loop {
        match answers.recv_timeout(patience) {
            Ok(part) => {
                answered += usize::from(part.is_last());
                dump.add(part);
            }
            Err(channel::RecvTimeoutError::Disconnected) => break true,
            Err(channel::RecvTimeoutError::Timeout) => break false,
        }
    };
    if !all {
        dump.silent += asked - answered;
    }
    if dump.silent > 0 && wanted.asks {
        dump.ask_silent(wanted);
    }
    dump.no_backtraces = if wanted.traces { backtrace::why_none() } else { None };
    dump.finish();
    dump
}

/// Describes the one task with this id, if it is there, as [`dump`] does.
#[cfg(feature = "inspect")]
pub(super) fn dump_one(id: u64) -> Dump {
    dump_of(DUMP_PATIENCE, Wanted { traces: true, asks: true, only: Some(id) })
}

/// What a dump is to describe.
#[derive(Clone, Copy)]
struct Wanted {
    /// Whether backtraces are made.
    traces: bool,
    /// Whether workers that do not answer are asked what keeps them.
    asks: bool,
    /// The id of the only task that is described. `None`: all are.
    only: Option<u64>,
}

impl Dump {
    /// The tasks that have started and not ended, by runtime, worker and id.
    pub fn tasks(&self) -> &[DumpedTask] {
        &self.tasks
    }

    /// How many workers did not answer in time, so that their tasks are missing or incomplete.
    pub fn silent_workers(&self) -> usize {
        self.silent
    }

    /// The dump as one JSON object, with each task by itself.
    ///
    /// The `Display` of what is returned writes one line. This is version 1 of the schema:
    ///
    /// | field | what |
    /// |---|---|
    /// | `version` | 1. Fields may be added without a new version |
    /// | `silent_workers` | how many workers did not answer |
    /// | `silent` | a list of what is known of these: `runtime`, `worker`; `does`, what its thread does in words |
    /// | `workers` | a list: `runtime`, `worker`; `tasks`, how many it has, and `unstarted`, how many wait there for their start |
    /// | `tasks` | a list, with the fields below |
    ///
    /// | field of a task | what |
    /// |---|---|
    /// | `id`, `name` | a number; a string, or null |
    /// | `runtime`, `worker` | to whom it belongs, by the same numbers as in `workers` |
    /// | `spawned_at` | `file`, `line`, `column` |
    /// | `parent` | `id` and `name` of the task that spawned it, or null |
    /// | `scope` | the scope or group it belongs to: `kind`, `"scope"` or `"group"`; `file`, `line`, `column`, where that was created; `id`, the number of [`TaskScope::id`](crate::task::TaskScope::id); or null |
    /// | `daemon`, `cancelled` | whether the program's end waits for it; whether it was asked to end |
    /// | `state` | `"running"`, `"runnable"` or `"waiting"` |
    /// | `wait` | null, or `for`, the words; `ms`, how long; `left_ms`, for how long still, or null; `outside`, whether the kernel, the blocking pool or a future may end it; and `depends_on` |
    /// | `wait.depends_on` | who has to do something for the wait to end: the `task` or the `thread` with that number, or null |
    /// | `run` | null, or what keeps the worker from answering: `ms`, how long the task has run without a wait, and `does`, the words of [`DumpedTask::does`] |
    /// | `stack` | `bytes`, its size, and `touched`, how much of it was in use, or null |
    /// | `backtrace` | null where there is none, or a list of calls, innermost first |
    ///
    /// | field of a call | what |
    /// |---|---|
    /// | `function`, `file`, `line` | each null where it is not known |
    /// | `address` | where it goes on, as a string with a hexadecimal number |
    /// | `module` | null, or `name`, the file, and `address`, as that file has it, also a string |
    /// | `stack` | 0 for the innermost stack, 1 for that of whoever resumed the coroutine there, and so on |
    ///
    /// Numbers are whole and not negative.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::runtime::dump;
    ///
    /// let json = dump().json().to_string();
    /// assert!(json.starts_with(r#"{"version":1,"silent_workers":"#));
    /// ```
    pub fn json(&self) -> impl fmt::Display {
        json::Json(self)
    }

    /// The workers that have answered, each by its runtime and its number there.
    #[cfg(feature = "inspect")]
    pub(super) fn workers(&self) -> impl Iterator<Item = (u32, usize)> {
        self.workers.iter().map(|worker| (worker.runtime, worker.worker))
    }

    /// What is said here of the task with this id, if it is there, as in a dump of that task alone.
    #[cfg(feature = "inspect")]
    pub(super) fn only(&self, id: u64) -> Dump {
        let task = self.tasks.iter().find(|task| task.who.id.get() == id).cloned();
        let mut dump = Dump {
            workers: self.workers.clone(),
            tasks: task.into_iter().collect(),
            silent: self.silent,
            found: self.found.clone(),
            no_backtraces: self.no_backtraces,
        };
        dump.finish();
        dump
    }

    /// How many tasks have not started.
    pub(super) fn unstarted(&self) -> usize {
        self.workers.iter().map(|worker| worker.unstarted).sum()
    }

    /// Looks up the names of all calls at once.
    fn name_calls(&self) {
        backtrace::resolve_all(self.tasks.iter().filter_map(DumpedTask::backtrace));
    }

    /// Asks the workers that have not answered what keeps them.
    fn ask_silent(&mut self, wanted: Wanted) {
        let answered = self.workers.iter().map(|worker| (worker.runtime, worker.worker));
        let (found, tasks) = silent::ask(&answered.collect(), wanted.traces);
        self.found = found;
        for task in
            tasks.into_iter().filter(|task| wanted.only.is_none_or(|id| task.who.id.get() == id))
        {
            // The worker may have described it before, when it waited.
            self.tasks.retain(|known| known.who.id != task.who.id);
            self.tasks.push(task);
        }
    }

    /// What was found of this worker, if it did not answer: what its thread does, and the task that
    /// it runs.
    #[cfg(feature = "inspect")]
    pub(super) fn silent(&self, who: (u32, usize)) -> Option<(&str, Option<&DumpedTask>)> {
        let found = self.found.iter().find(|found| (found.runtime, found.worker) == who)?;
        let is_it = |task: &&DumpedTask| task.run.is_some() && (task.runtime, task.worker) == who;
        Some((&found.does, self.tasks.iter().find(is_it)))
    }

    fn add(&mut self, part: look::Part) {
        self.workers.extend(part.worker);
        self.tasks.extend(part.tasks);
    }

    /// Sorts, and finds the names of those on whom others wait.
    fn finish(&mut self) {
        self.workers.sort_by_key(|worker| (worker.runtime, worker.worker));
        self.tasks.sort_by_key(|task| (task.runtime, task.worker, task.who.id));
        self.tasks.dedup_by_key(|task| task.who.id);
        for worker in &mut self.workers {
            let key = (worker.runtime, worker.worker);
            let end = |up_to: bool| {
                let before = |of: (u32, usize)| of < key || (up_to && of == key);
                self.tasks.partition_point(|task| before((task.runtime, task.worker)))
            };
            worker.tasks = end(true) - end(false);
        }
        let named =
            self.tasks.iter().filter_map(|task| Some((task.who.id.get(), task.who.name.clone()?)));
        let names: HashMap<u64, String> = named.collect();
        for task in &mut self.tasks {
            let whom = task.wait.as_mut().and_then(|wait| wait.words.depends_on());
            if let Some(Whom::Task { id, name: name @ None }) = whom {
                *name = names.get(id).cloned();
            }
        }
    }
}
