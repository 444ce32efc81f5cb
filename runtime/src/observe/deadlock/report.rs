//! What is said of a deadlock, and of what may be one.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};

use crate::census;
use crate::limits::{DEADLOCK_PATIENCE, DEADLOCKED_SHOWN_MAX};
use crate::observe::dump::{Dump, DumpedTask, dump_within};
use crate::task::Whom;

/// Reports a deadlock that has been found, from a thread which has nothing else to do.
pub(super) fn write(aborts: bool) {
    let still = census::census().still;
    // All workers are still, and answer as soon as the system lets them run.
    say(&text(&dump_within(DEADLOCK_PATIENCE, true), still), aborts);
}

/// Reports a deadlock where no thread can be had that could ask for more.
pub(super) fn write_short(aborts: bool) {
    say("gocoro: deadlock: every task waits, and nothing is left that could wake one\n", aborts);
}

/// Reports a cycle that has been found.
pub(super) fn write_cycle(cycle: &Cycle<'_>, aborts: bool) {
    say(&cycle_text(cycle), aborts);
}

fn say(text: &str, aborts: bool) {
    let end = if aborts { "gocoro: deadlock is \"abort\"; aborting\n" } else { "" };
    // `eprint` is not used, since it panics when stderr is closed.
    let _ = io::stderr().write_all(format!("{text}{end}").as_bytes());
}

/// What comes after a report: the end, if the process is to abort.
pub(super) fn end(aborts: bool) {
    if aborts {
        std::process::abort();
    }
}

/// The report, of a dump in which nothing runs, and of so many plain threads that wait.
fn text(dump: &Dump, threads: usize) -> String {
    let tasks = dump.tasks();
    let count = tasks.len();
    let s = if count == 1 { "" } else { "s" };
    let mut text = format!("gocoro: deadlock: {count} task{s}");
    // Writing to a string does not fail.
    let _ = match threads {
        0 => Ok(()),
        1 => write!(text, " and 1 plain thread"),
        _ => write!(text, " and {threads} plain threads"),
    };
    let waits = if count + threads == 1 { "waits" } else { "wait" };
    let _ = writeln!(text, " {waits}, and nothing is left that could wake one");
    describe(&mut text, tasks.iter());
    for cycle in cycles(tasks) {
        let _ = writeln!(text, "  {cycle}");
    }
    text
}

/// The report of a cycle.
fn cycle_text(cycle: &Cycle<'_>) -> String {
    let mut text = match cycle.tasks() {
        [_] => "gocoro: deadlock: a task waits for itself\n".to_owned(),
        tasks => format!("gocoro: deadlock: {} tasks wait for each other\n", tasks.len()),
    };
    describe(&mut text, cycle.tasks().iter().copied());
    // Writing to a string does not fail.
    let _ = writeln!(text, "  {cycle}");
    text
}

/// Writes a line for each of these tasks, up to a number.
fn describe<'a>(text: &mut String, mut tasks: impl ExactSizeIterator<Item = &'a DumpedTask>) {
    for task in tasks.by_ref().take(DEADLOCKED_SHOWN_MAX) {
        let _ = writeln!(text, "  {task}");
    }
    if tasks.len() > 0 {
        let _ = writeln!(text, "  and {} more", tasks.len());
    }
}

/// Writes the end of a dump's text: what in it is stuck, or may be.
pub(crate) fn stuck(dump: &Dump, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let tasks = dump.tasks();
    for cycle in cycles(tasks) {
        writeln!(f, "{cycle}")?;
    }
    if may_be_stuck(dump) {
        f.write_str(
            "possibly stuck: every task waits, and only a thread outside of the runtimes may wake one\n",
        )?;
    }
    Ok(())
}

/// Whether all that is known waits, and only a plain thread may end that.
pub(in crate::observe) fn may_be_stuck(dump: &Dump) -> bool {
    let tasks = dump.tasks();
    tasks.iter().all(DumpedTask::waits_within)
        && dump.unstarted() == 0
        && dump.silent_workers() == 0
        && tasks.iter().any(|task| !task.is_daemon())
}

/// Tasks of which each waits for the next, and the last for the first. None of them can go on,
/// unless one is cancelled or its time is up.
pub(in crate::observe) struct Cycle<'a>(Vec<&'a DumpedTask>);

impl<'a> Cycle<'a> {
    pub(in crate::observe) fn tasks(&self) -> &[&'a DumpedTask] {
        &self.0
    }

    pub(super) fn has(&self, id: u64) -> bool {
        self.0.iter().any(|task| task.id().get() == id)
    }
}

/// The cycles among these tasks. A task waits for one other at most, so each is in one cycle at
/// most.
pub(in crate::observe) fn cycles(tasks: &[DumpedTask]) -> Vec<Cycle<'_>> {
    let dependent = || tasks.iter().filter(|task| task.depends_on().is_some());
    let by_id: HashMap<_, _> = dependent().map(|task| (task.id().get(), task)).collect();
    let next = |task: &DumpedTask| match task.depends_on() {
        Some(Whom::Task { id, .. }) => by_id.get(id).copied(),
        _ => None,
    };
    // By id, in which walk a task was met.
    let mut met = HashMap::new();
    let mut cycles = Vec::new();
    for (walk, start) in dependent().enumerate() {
        let mut path = Vec::new();
        let mut at = Some(start);
        while let Some(task) = at {
            if let Some(&before) = met.get(&task.id()) {
                if before == walk {
                    let from = path.iter().position(|seen: &&DumpedTask| seen.id() == task.id());
                    cycles.push(Cycle(path.split_off(from.unwrap_or_default())));
                }
                break;
            }
            met.insert(task.id(), walk);
            path.push(task);
            at = next(task);
        }
    }
    cycles
}

impl fmt::Display for Cycle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cycle:")?;
        for task in &self.0 {
            write!(f, " {} waits for", Named(task))?;
        }
        match self.0.as_slice() {
            [_] => f.write_str(" itself"),
            tasks => tasks.first().map_or(Ok(()), |first| write!(f, " {}", Named(first))),
        }
    }
}

struct Named<'a>(&'a DumpedTask);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.name() {
            Some(name) => write!(f, "task '{name}'"),
            None => write!(f, "task {}", self.0.id()),
        }
    }
}
