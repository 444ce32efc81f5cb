//! What the program's tasks do now: [`dump`].
//!
//! Each worker describes its own tasks, for nobody else may look into a parked one (`note` in
//! [`crate::task`]). Whoever asks sends each worker a message ([`look`]), which the worker answers
//! between two tasks, a slice of its tasks at a time, and puts the answers together here. The
//! workers whose thread this is need no message: they cannot run meanwhile.
//!
//! # To grow
//!
//! - *Which task keeps a worker from answering.* Only its own thread knows. A worker would have to
//!   show the running task's id, and a count of its resumes, to others: what stalls need as well.
//! - *An observer thread and SIGQUIT* are callers of [`dump`], which works on any plain thread.
//! - *JSON, and the grouping of equal tasks*, are other ways to write a [`Dump`]: all that it shows
//!   is in [`DumpedTask`], in fields.
//! - *Backtraces* belong where the note is read, in `look`: there the stack stands still.
//! - *The wait-for graph* has its edges in [`Words::depends_on`](crate::task::Words), for locks,
//!   once-cells and joins.
//! - *Tasks that have not started* are counted and not listed: a deque shows nothing but its ends.

mod look;

use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::channel;
use crate::clock;
use crate::current;
use crate::limits::DUMP_PATIENCE;
use crate::task::mailbox::Mailbox;
use crate::task::{TaskId, Whom, Words};

/// What a task does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TaskState {
    /// The task runs, or waits in the middle of an unwinding and keeps its worker.
    Running,
    /// The task could run, and waits for its worker.
    Runnable,
    /// The task waits for something.
    Waiting,
}

/// One task, as [`dump`] found it.
#[derive(Clone, Debug)]
pub struct DumpedTask {
    id: TaskId,
    name: Option<String>,
    spawned_at: &'static Location<'static>,
    parent: Option<String>,
    daemon: bool,
    state: TaskState,
    wait: Option<Wait>,
    stack_size: usize,
    runtime: u32,
    worker: usize,
}

/// A task's wait.
#[derive(Clone, Debug)]
struct Wait {
    words: Words,
    age: Duration,
    /// How long the wait may last.
    left: Option<Duration>,
}

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
/// Its `Display` is the text for people: a line for each worker, and one for each task. The words
/// of that text may change in any version.
#[derive(Clone, Debug)]
pub struct Dump {
    workers: Vec<DumpedWorker>,
    tasks: Vec<DumpedTask>,
    silent: usize,
}

/// Describes all started tasks of all runtimes of this process: who they are, and what each one
/// waits for.
///
/// No task is woken for that. Each worker describes its own tasks between two of them, at most a
/// few hundred microseconds at a time. So the dump is no picture of one moment: a task may have
/// gone on while another one was described. Tasks that have not started are only counted, and plain
/// threads are not shown.
///
/// A worker that runs one task for long does not answer, nor does a
/// [`LocalRuntime`](crate::runtime::LocalRuntime) that nobody drives. After 100 ms the dump goes
/// without them, and says how many are missing.
///
/// A wait seems longer than it is by as long as the task's worker had run tasks when it began,
/// usually less than 100 µs, and by up to 10 ms, for the clock that is read is a coarse one.
///
/// # Parks
///
/// Until the workers have answered, for 100 ms at most. On a plain thread it blocks the thread. A
/// cancel point.
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
    crate::park::spent();
    let (to, answers) = channel::unbounded();
    let here: Vec<u16> = current::cores().map(|core| core.mailbox.id()).collect();
    let (asked, flooded) =
        Mailbox::send_to_all(|id| (!here.contains(&id)).then(|| look::message(to.clone())));
    drop(to);
    let silent = here.len() + flooded;
    let mut dump = Dump { workers: Vec::new(), tasks: Vec::new(), silent };
    look::around_here(|part| {
        dump.silent -= usize::from(part.is_last());
        dump.add(part);
    });
    // The answers end when each message has been answered, or was dropped with its worker's end.
    let deadline = clock::now() + DUMP_PATIENCE;
    let mut answered = 0;
    let all = loop {
        match answers.recv_deadline(deadline) {
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
    dump.finish();
    dump
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

    fn add(&mut self, part: look::Part) {
        self.workers.extend(part.worker);
        self.tasks.extend(part.tasks);
    }

    /// Sorts, and finds the names of those on whom others wait.
    fn finish(&mut self) {
        self.workers.sort_by_key(|worker| (worker.runtime, worker.worker));
        self.tasks.sort_by_key(|task| (task.runtime, task.worker, task.id));
        let named = self.tasks.iter().filter_map(|task| Some((task.id.get(), task.name.clone()?)));
        let names: HashMap<u64, String> = named.collect();
        for task in &mut self.tasks {
            let whom = task.wait.as_mut().and_then(|wait| wait.words.depends_on());
            if let Some(Whom::Task { id, name: name @ None }) = whom {
                *name = names.get(id).cloned();
            }
        }
    }
}

impl DumpedTask {
    /// The task's id.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// The task's name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where in the source the task was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }

    /// Whether the task runs, could run, or waits.
    pub fn state(&self) -> TaskState {
        self.state
    }

    /// What the task waits for, in words, such as `recv on a channel created at src/a.rs:10`.
    /// `None`: it does not wait. The words may change in any version.
    pub fn waits_for(&self) -> Option<String> {
        Some(self.wait.as_ref()?.words.to_string())
    }

    /// How long the task has waited. `None`: it does not wait.
    pub fn waited(&self) -> Option<Duration> {
        Some(self.wait.as_ref()?.age)
    }

    /// How long the task waits still at most, by the deadline of its operation or by a timeout
    /// around it. `None`: it does not wait, or for as long as it takes.
    pub fn time_left(&self) -> Option<Duration> {
        self.wait.as_ref()?.left
    }

    /// The size of the task's stack in bytes.
    pub fn stack_size(&self) -> usize {
        self.stack_size
    }

    /// The number of the worker that the task belongs to, among those of its runtime.
    pub fn worker(&self) -> usize {
        self.worker
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tasks = self.tasks.iter().peekable();
        for worker in &self.workers {
            let DumpedWorker { runtime, worker, tasks: count, unstarted } = *worker;
            let plural = if count == 1 { "" } else { "s" };
            write!(f, "runtime {runtime}, worker {worker}: {count} task{plural}")?;
            if unstarted > 0 {
                write!(f, ", {unstarted} not started")?;
            }
            writeln!(f)?;
            while let Some(task) = tasks.next_if(|t| (t.runtime, t.worker) == (runtime, worker)) {
                writeln!(f, "  {task}")?;
            }
        }
        for task in tasks {
            writeln!(f, "  {task}")?;
        }
        if self.silent > 0 {
            let plural = if self.silent == 1 { " does" } else { "s do" };
            writeln!(f, "{} worker{plural} not answer", self.silent)?;
        }
        Ok(())
    }
}

impl fmt::Display for DumpedTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "task '{name}'")?,
            None => write!(f, "task {}", self.id)?,
        }
        write!(f, " (spawned at {}", self.spawned_at)?;
        if let Some(parent) = &self.parent {
            write!(f, " by {parent}")?;
        }
        write!(f, ", stack {} KiB", self.stack_size / 1024)?;
        if self.daemon {
            f.write_str(", daemon")?;
        }
        f.write_str("): ")?;
        match (&self.wait, self.state) {
            (Some(wait), _) => wait.fmt(f),
            (None, TaskState::Runnable) => f.write_str("runnable"),
            (None, _) => f.write_str("running"),
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}", self.words, Span(self.age))?;
        match self.left {
            Some(left) => write!(f, ", {} left", Span(left)),
            None => Ok(()),
        }
    }
}

/// A time as people read it.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match seconds {
            0 => write!(f, "{} ms", self.0.as_millis()),
            1..60 => write!(f, "{seconds}.{} s", self.0.subsec_millis() / 100),
            60..3600 => write!(f, "{} min {} s", seconds / 60, seconds % 60),
            _ => write!(f, "{} h {} min", seconds / 3600, seconds % 3600 / 60),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let show = |seconds: f64| Span(Duration::from_secs_f64(seconds)).to_string();
        let times = [0.0, 0.0255, 3.26, 59.99, 125.0, 7260.0].map(show);
        assert_eq!(times, ["0 ms", "25 ms", "3.2 s", "59.9 s", "2 min 5 s", "2 h 1 min"]);
    }
}
