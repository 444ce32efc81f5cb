//! A dump as people read it.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::panic::Location;
use std::time::Duration;

use super::{Dump, DumpedTask, DumpedWorker, Silent, TaskState};
use crate::observe::backtrace::TaskFrame;
use crate::observe::deadlock;
use crate::task::{TaskScope, TaskScopeKind};

/// Tasks of a runtime that share a line.
struct Group<'a> {
    first: &'a DumpedTask,
    count: usize,
    ages: Option<Times>,
    left: Option<Times>,
    /// Whether all have the parent of the first.
    one_parent: bool,
    /// The numbers of the scopes or groups of theirs, all of which are of one kind and place.
    scopes: HashSet<u64>,
    /// The largest of theirs.
    stack_size: usize,
    stack_touched: Option<usize>,
    workers: RangeInclusive<usize>,
}

/// The shortest of some times, and the longest.
struct Times(Duration, Duration);

impl Times {
    fn of(time: Duration) -> Times {
        Times(time, time)
    }

    fn add(&mut self, time: Duration) {
        *self = Times(time.min(self.0), time.max(self.1));
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = (Span(self.0).to_string(), Span(self.1).to_string());
        f.write_str(&least)?;
        if least == most { Ok(()) } else { write!(f, " to {most}") }
    }
}

/// What a line says of a scope or group: its kind, and where it was created.
type Site = (TaskScopeKind, &'static Location<'static>);

/// What tasks have in common that share a line. All of them have a deadline or none has.
type Common<'a> = (
    (Option<&'a str>, &'a Location<'static>, Option<Site>, (bool, bool)),
    (TaskState, Option<(String, bool)>, Option<&'a str>, Option<(&'a [TaskFrame], bool)>),
);

fn common(task: &DumpedTask) -> Common<'_> {
    let wait = task.wait.as_ref().map(|wait| (wait.words.to_string(), wait.left.is_some()));
    let site = task.who.scope.map(|scope| (scope.kind(), scope.created_at()));
    let who = (task.name(), task.who.spawned_at, site, (task.who.daemon, task.who.cancelled));
    let calls = task.backtrace().map(|backtrace| (backtrace.frames(), backtrace.is_cut()));
    (who, (task.state, wait, task.does(), calls))
}

impl<'a> Group<'a> {
    fn of(task: &'a DumpedTask) -> Group<'a> {
        Group {
            first: task,
            count: 1,
            ages: task.age().map(Times::of),
            left: task.time_left().map(Times::of),
            one_parent: true,
            scopes: task.who.scope.iter().map(TaskScope::id).collect(),
            stack_size: task.who.stack_size,
            stack_touched: task.stack_touched,
            workers: task.worker..=task.worker,
        }
    }

    fn add(&mut self, task: &DumpedTask) {
        self.count += 1;
        if let (Some(ages), Some(age)) = (&mut self.ages, task.age()) {
            ages.add(age);
        }
        if let (Some(left), Some(time)) = (&mut self.left, task.time_left()) {
            left.add(time);
        }
        self.one_parent &= task.parent() == self.first.parent();
        self.scopes.extend(task.who.scope.iter().map(TaskScope::id));
        self.stack_size = self.stack_size.max(task.who.stack_size);
        self.stack_touched = self.stack_touched.max(task.stack_touched);
        let workers = &self.workers;
        self.workers = task.worker.min(*workers.start())..=task.worker.max(*workers.end());
    }
}

/// The tasks in groups, in the order of their first ones.
fn grouped(tasks: &[DumpedTask]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places = HashMap::new();
    for task in tasks {
        match places.get(&common(task)) {
            Some(&place) => {
                let group: &mut Group<'_> = &mut groups[place];
                group.add(task);
            }
            None => {
                places.insert(common(task), groups.len());
                groups.push(Group::of(task));
            }
        }
    }
    groups
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name_calls();
        // Each worker's line stands before the tasks of its runtime.
        let at = |worker: &DumpedWorker| (worker.runtime, worker.worker);
        let mut heads: Vec<((u32, usize), &dyn fmt::Display)> =
            self.workers.iter().map(|worker| (at(worker), worker as _)).collect();
        heads.extend(self.found.iter().map(|one| ((one.runtime, one.worker), one as _)));
        heads.sort_by_key(|&(at, _)| at);
        let mut heads = heads.into_iter().peekable();
        for tasks in self.tasks.chunk_by(|one, next| one.runtime == next.runtime) {
            // Runtimes without a started task come before.
            while let Some((_, head)) = heads.next_if(|&((of, _), _)| of <= tasks[0].runtime) {
                writeln!(f, "{head}")?;
            }
            for group in grouped(tasks) {
                writeln!(f, "  {group}")?;
            }
        }
        for (_, head) in heads {
            writeln!(f, "{head}")?;
        }
        if self.silent > 0 {
            let plural = if self.silent == 1 { " does" } else { "s do" };
            writeln!(f, "{} worker{plural} not answer", self.silent)?;
        }
        if let Some(why) = self.no_backtraces {
            writeln!(f, "no backtraces: {why}")?;
        }
        deadlock::stuck(self, f)
    }
}

impl fmt::Display for DumpedWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DumpedWorker { runtime, worker, tasks: count, unstarted } = *self;
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "runtime {runtime}, worker {worker}: {count} task{plural}")?;
        match unstarted {
            0 => Ok(()),
            _ => write!(f, ", {unstarted} not started"),
        }
    }
}

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Silent { runtime, worker, does } = self;
        write!(f, "runtime {runtime}, worker {worker}: does not answer; {does}")
    }
}

impl fmt::Display for DumpedTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Group::of(self).fmt(f)
    }
}

impl fmt::Display for Group<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = self.first;
        match (self.count, &task.who.name) {
            (1, Some(name)) => write!(f, "task '{name}'")?,
            (1, None) => write!(f, "task {}", task.who.id)?,
            (count, Some(name)) => write!(f, "{count} tasks '{name}'")?,
            (count, None) => write!(f, "{count} tasks")?,
        }
        write!(f, " (spawned at {}", task.who.spawned_at)?;
        match &task.who.parent {
            Some(parent) if self.one_parent => write!(f, " by {parent}")?,
            _ => {}
        }
        match &task.who.scope {
            Some(scope) if self.scopes.len() > 1 => {
                let (kind, at) = (scope.kind().word(), scope.created_at());
                write!(f, ", in {} {kind}s at {}:{}", self.scopes.len(), at.file(), at.line())?;
            }
            Some(scope) => write!(f, ", in {scope}")?,
            None => {}
        }
        match (self.workers.start(), self.workers.end()) {
            (first, last) if first == last => write!(f, ", worker {first}")?,
            (first, last) => write!(f, ", workers {first} to {last}")?,
        }
        f.write_str(", stack ")?;
        if let Some(touched) = self.stack_touched {
            write!(f, "{} of ", touched / 1024)?;
        }
        write!(f, "{} KiB", self.stack_size / 1024)?;
        if task.who.daemon {
            f.write_str(", daemon")?;
        }
        if task.who.cancelled {
            f.write_str(", cancelled")?;
        }
        f.write_str("): ")?;
        match (&task.wait, &self.ages) {
            (Some(wait), Some(ages)) => {
                write!(f, "{} for {ages}", wait.words)?;
                if let Some(left) = &self.left {
                    write!(f, ", {left} left")?;
                }
            }
            (None, Some(ages)) => {
                let does = task.does().unwrap_or_default();
                write!(f, "has run for {ages} without a wait, {does}")?;
            }
            _ if task.state == TaskState::Runnable => f.write_str("runnable")?,
            _ => f.write_str("running")?,
        }
        let Some(backtrace) = task.backtrace() else { return Ok(()) };
        backtrace.to_string().lines().try_for_each(|line| write!(f, "\n      {line}"))
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
