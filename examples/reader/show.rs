//! The tables, trees and stacks that people read.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::time::Duration;

use crate::failure::Failure;
use crate::memory::Process;
use crate::stacks::{Frame, Program, Stack};
use crate::wait::{Wait, Whom};
use crate::walk::{Reader, State, Task, Worker};

/// The longest name that a column makes room for.
const NAME_CHARS: usize = 40;

/// The names of all tasks that were found.
struct Names(HashMap<u64, Option<String>>);

impl Names {
    fn of(workers: &[Worker]) -> Self {
        let tasks = workers.iter().flat_map(|worker| &worker.tasks);
        Self(tasks.map(|task| (task.id, task.name.clone())).collect())
    }

    /// A task as it is called: by its name, or its number.
    fn call(&self, id: u64, name: Option<&str>) -> String {
        let name = name.or_else(|| self.0.get(&id)?.as_deref());
        name.map_or_else(|| format!("task {id}"), |name| format!("task '{name}'"))
    }

    fn words(&self, wait: &Wait) -> String {
        match &wait.whom {
            None => wait.words.clone(),
            Some(Whom::Thread) => format!("{} a plain thread", wait.words),
            Some(Whom::Task { id, name }) => {
                format!("{} {}", wait.words, self.call(*id, name.as_deref()))
            }
        }
    }

    /// What a task does, in words.
    fn does(&self, task: &Task) -> String {
        let mut does = match (&task.wait, task.state) {
            (_, State::Running) => String::from("running"),
            (_, State::Runnable) => String::from("runnable"),
            (None, State::Waiting) => String::from("waiting, too shortly to be read"),
            (Some(wait), State::Waiting) => self.words(wait),
        };
        if let Some(left) = task.wait.as_ref().and_then(|wait| wait.left) {
            does += &format!(", {} left", Span(left));
        }
        if task.is_cancelled {
            does += " (cancelled)";
        }
        does
    }
}

/// Writes what was found in general: the process, its gocoro, and what may be missing.
pub(crate) fn head(
    out: &mut impl Write,
    process: &Process,
    gocoro: &str,
    file: &str,
    workers: &[Worker],
) -> io::Result<()> {
    let tasks: usize = workers.iter().map(|worker| worker.tasks.len()).sum();
    let stopped = if process.is_stopped() { ", stopped" } else { "" };
    let (number, name) = (process.number, &process.name);
    write!(out, "process {number} ({name}{stopped}), gocoro {gocoro} in {file}: ")?;
    writeln!(out, "{} on {}", count(tasks, "task"), count(workers.len(), "worker"))?;
    for worker in workers {
        let Worker { runtime, index, thread, unstarted, .. } = worker;
        write!(out, "runtime {runtime}, worker {index}, thread {thread}: ")?;
        write!(out, "{}", count(worker.tasks.len(), "task"))?;
        if *unstarted > 0 {
            write!(out, ", {unstarted} not started")?;
        }
        if let Some(call) = in_call(process, *thread) {
            write!(out, "; {call}")?;
        }
        if !worker.is_whole {
            write!(out, "; its tasks change faster than they can be read, and some are missing")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// What a thread does, if the kernel says so.
fn in_call(process: &Process, thread: u32) -> Option<String> {
    let call = fs::read_to_string(process.file(&format!("task/{thread}/syscall"))).ok()?;
    let number = call.split_ascii_whitespace().next()?;
    if number == "running" {
        return Some(String::from("on a processor"));
    }
    let number: i64 = number.parse().ok()?;
    let known = [
        (libc::SYS_futex, "futex"),
        (libc::SYS_epoll_pwait, "epoll_wait"),
        (libc::SYS_read, "read"),
        (libc::SYS_write, "write"),
        (libc::SYS_clock_nanosleep, "clock_nanosleep"),
        (libc::SYS_ppoll, "poll"),
        (libc::SYS_wait4, "wait4"),
        (libc::SYS_fsync, "fsync"),
        (libc::SYS_connect, "connect"),
        (libc::SYS_accept4, "accept"),
        (libc::SYS_recvfrom, "recv"),
        (libc::SYS_sendto, "send"),
        (libc::SYS_flock, "flock"),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_epoll_wait, "epoll_wait"),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_poll, "poll"),
    ];
    match known.iter().find(|&&(known, _)| known == number) {
        Some((_, name)) => Some(format!("in the system call `{name}`")),
        None if number < 0 => None,
        None => Some(format!("in the system call {number}")),
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Writes a line for each task.
pub(crate) fn table(out: &mut impl Write, workers: &[Worker]) -> io::Result<()> {
    let names = Names::of(workers);
    let mut rows = vec![
        ["ID", "NAME", "STATE", "SINCE", "WORKER", "STACK", "SPAWNED AT", "IN", "WAITS FOR"]
            .map(String::from),
    ];
    for worker in workers {
        for task in &worker.tasks {
            let state = match task.state {
                State::Running => "running",
                State::Runnable => "runnable",
                State::Waiting => "waiting",
            };
            let does = if task.state == State::Waiting { names.does(task) } else { "-".into() };
            let age = task.wait.as_ref().and_then(|wait| wait.age);
            let mut flags = String::from(state);
            if task.is_daemon {
                flags += ", daemon";
            }
            if task.is_cancelled && task.state != State::Waiting {
                flags += ", cancelled";
            }
            rows.push([
                task.id.to_string(),
                task.name.clone().unwrap_or_else(|| "-".into()),
                flags,
                age.map_or_else(|| "-".into(), |age| Span(age).to_string()),
                format!("{}/{}", worker.runtime, worker.index),
                format!("{} KiB", task.stack_bytes / 1024),
                task.site.clone(),
                task.scope.clone().unwrap_or_else(|| "-".into()),
                does,
            ]);
        }
    }
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        let width = widths.max().unwrap_or(0);
        if column == 1 { width.min(NAME_CHARS) } else { width }
    };
    let widths: [usize; 8] = std::array::from_fn(width);
    for row in &rows {
        for (cell, width) in row.iter().zip(widths) {
            write!(out, "{cell:width$}  ")?;
        }
        writeln!(out, "{}", row[8])?;
    }
    Ok(())
}

/// Writes each task under the one that spawned it.
pub(crate) fn tree(out: &mut impl Write, workers: &[Worker]) -> io::Result<()> {
    let names = Names::of(workers);
    let tasks: BTreeMap<u64, &Task> =
        workers.iter().flat_map(|worker| &worker.tasks).map(|task| (task.id, task)).collect();
    let mut children: BTreeMap<u64, Vec<&Task>> = BTreeMap::new();
    for task in tasks.values() {
        children.entry(task.parent).or_default().push(task);
    }
    let roots = children.keys().copied().filter(|parent| !tasks.contains_key(parent));
    // What was read of a parent may be wrong, but no task is shown twice.
    let mut shown = HashSet::new();
    for root in roots.collect::<Vec<_>>() {
        if root != 0 {
            writeln!(out, "task {root}, which has ended")?;
        }
        // The tasks to show, the next one last, with what stands before them.
        let mut left: Vec<(&Task, String)> = Vec::new();
        let indent = if root == 0 { "" } else { "  " };
        left.extend(children[&root].iter().rev().map(|&task| (task, indent.to_owned())));
        while let Some((task, indent)) = left.pop() {
            if !shown.insert(task.id) {
                continue;
            }
            let name = names.call(task.id, task.name.as_deref());
            writeln!(out, "{indent}{name}, {}: {}", from(task), names.does(task))?;
            let below = children.get(&task.id).into_iter().flatten().rev();
            left.extend(below.map(|&task| (task, format!("{indent}  "))));
        }
    }
    Ok(())
}

/// Where a task is from, in words.
fn from(task: &Task) -> String {
    match &task.scope {
        Some(scope) => format!("spawned at {}, in the {scope}", task.site),
        None => format!("spawned at {}", task.site),
    }
}

/// Writes the stack of each task; those that are the same once.
pub(crate) fn stacks(
    out: &mut impl Write,
    reader: &Reader<'_>,
    workers: &[Worker],
    whole: bool,
) -> Result<io::Result<()>, Failure> {
    let names = Names::of(workers);
    let program = Program::open(reader.process)?;
    let mut groups: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    let mut places: HashMap<Vec<u64>, usize> = HashMap::new();
    for worker in workers {
        for task in &worker.tasks {
            let name = names.call(task.id, task.name.as_deref());
            let who = format!("{name}, {}: {}", from(task), names.does(task));
            match program.stack(reader, task)? {
                Stack::Frames(addresses) => {
                    if let Some(&place) = places.get(&addresses) {
                        groups[place].0.push(who);
                        continue;
                    }
                    let frames: Vec<_> =
                        addresses.iter().flat_map(|&address| program.frames(address)).collect();
                    let shown = if whole { frames.iter().collect() } else { own(&frames) };
                    let lines = shown.iter().map(|frame| match &frame.place {
                        Some(place) => format!("{}\n          at {place}", frame.function),
                        None => frame.function.clone(),
                    });
                    places.insert(addresses, groups.len());
                    groups.push((vec![who], lines.collect()));
                }
                Stack::Nothing(why) => {
                    let thread = worker.thread;
                    let mut line = format!("no stack: {why}");
                    if task.state == State::Running {
                        line += &format!(", on thread {thread}");
                        line += &in_call(reader.process, thread)
                            .map_or_else(String::new, |call| format!(", {call}"));
                    }
                    groups.push((vec![who], vec![line]));
                }
            }
        }
    }
    Ok((|| {
        for (tasks, lines) in &groups {
            writeln!(out)?;
            tasks.iter().try_for_each(|task| writeln!(out, "{task}"))?;
            lines.iter().try_for_each(|line| writeln!(out, "      {line}"))?;
        }
        Ok(())
    })())
}

/// The frames of a stack that are the program's, and of what the runtime and std have around them
/// the operations alone that the program has called.
fn own(frames: &[Frame]) -> Vec<&Frame> {
    const AROUND: [&str; 12] = [
        "gocoro_runtime::",
        "generator::",
        "corosensei::",
        "std::panicking::",
        "std::panic::",
        "core::ops::function::",
        "core::panic::unwind_safe::",
        "alloc::boxed::Box<F,A> as core::ops::function::",
        "__rust_try",
        "__rustc::",
        "bootstrap_green_task",
        "stack_init_trampoline",
    ];
    let is_around = |frame: &Frame| {
        let name = frame.function.trim_start_matches(['<', '&']);
        AROUND.iter().any(|prefix| name.starts_with(prefix))
    };
    let is_shown = |number: usize| {
        let calls = frames.get(number + 1).is_some_and(|caller| !is_around(caller));
        calls || !is_around(&frames[number])
    };
    let shown: Vec<_> =
        (0..frames.len()).filter(|&at| is_shown(at)).map(|at| &frames[at]).collect();
    if shown.is_empty() { frames.iter().collect() } else { shown }
}

/// A time as people read it.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let text = match seconds {
            0 => format!("{} ms", self.0.as_millis()),
            1..60 => format!("{seconds}.{} s", self.0.subsec_millis() / 100),
            60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
            _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        };
        f.pad(&text)
    }
}
