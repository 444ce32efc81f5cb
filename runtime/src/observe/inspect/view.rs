//! What the page shows of a dump: of a hundred thousand tasks, those that matter.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::Hash;
use std::panic::Location;
use std::time::Duration;

use super::http::Query;
use super::numbers::list;
use super::snapshot::{Snapshot, State};
use super::{graph, table};
use crate::json::Text;
use crate::observe::deadlock::{cycles, may_be_stuck};
use crate::observe::dump::json::{Json, Maybe};
use crate::observe::dump::{DumpedTask, TaskState};
use crate::task::Whom;

/// How many tasks are named of each kind that may be stuck.
const STUCK_SHOWN_MAX: usize = 10;

/// How many cycles, and how many tasks of each, are named.
const CYCLES_SHOWN_MAX: usize = 20;

/// How many spawn sites are listed.
const SITES_SHOWN_MAX: usize = 40;

/// How long a task that was asked to end may take before that is worth a word.
const CANCEL_PATIENCE: Duration = Duration::from_secs(1);

/// The tasks of a spawn site, or of a scope, together.
#[derive(Default)]
pub(super) struct Group<'a> {
    pub(super) tasks: Vec<&'a DumpedTask>,
    running: usize,
    runnable: usize,
    waiting: usize,
    pub(super) longest: Option<Duration>,
    /// The one that has waited longest, or kept its worker from answering.
    eldest: Option<&'a DumpedTask>,
    stack_bytes: usize,
    touched_most: Option<usize>,
    touched_sum: usize,
}

impl<'a> Group<'a> {
    fn add(&mut self, task: &'a DumpedTask) {
        self.tasks.push(task);
        match task.state() {
            TaskState::Running => self.running += 1,
            TaskState::Runnable => self.runnable += 1,
            TaskState::Waiting => self.waiting += 1,
        }
        if task.age() > self.longest {
            (self.longest, self.eldest) = (task.age(), Some(task));
        }
        self.stack_bytes = self.stack_bytes.max(task.stack_size());
        self.touched_most = self.touched_most.max(task.stack_touched());
        self.touched_sum += task.stack_touched().unwrap_or(0);
    }

    /// The fields of a site and its tasks, without the braces.
    pub(super) fn fields_at(&self, json: &mut String, at: &Location<'_>) {
        let _ = write!(json, r#""file":{},"line":{},"#, Text(at.file()), at.line());
        let _ = write!(json, r#""column":{},"#, at.column());
        self.fields(json);
    }

    /// The fields of a group, without the braces.
    pub(super) fn fields(&self, json: &mut String) {
        let Group { tasks, running, runnable, waiting, stack_bytes, touched_sum, .. } = self;
        let _ = write!(json, r#""count":{},"#, tasks.len());
        let _ = write!(json, r#""running":{running},"runnable":{runnable},"waiting":{waiting},"#);
        let longest = Maybe(self.longest.map(|time| time.as_millis()));
        let touched = Maybe(self.touched_most);
        let words = self.eldest.and_then(DumpedTask::words);
        let words = Maybe(words.as_deref().map(Text));
        let _ = write!(json, r#""longest_ms":{longest},"for":{words},"#);
        let _ = write!(json, r#""stack_bytes":{stack_bytes},"#);
        let _ = write!(json, r#""touched_most":{touched},"touched_sum":{touched_sum}"#);
    }
}

/// Groups the tasks by what `of` says of each.
pub(super) fn grouped<'a, K: Eq + Hash>(
    tasks: impl IntoIterator<Item = &'a DumpedTask>,
    of: impl Fn(&DumpedTask) -> K,
) -> HashMap<K, Group<'a>> {
    let mut groups: HashMap<_, Group<'a>> = HashMap::new();
    for task in tasks {
        groups.entry(of(task)).or_default().add(task);
    }
    groups
}

/// All that the page shows of a dump.
pub(super) fn json(snapshot: &Snapshot, state: &State, query: &Query) -> String {
    let mut json = String::from(r#"{"version":1,"#);
    program(&mut json, snapshot, state);
    stuck(&mut json, snapshot);
    json.push_str(r#""graph":"#);
    graph::json(&mut json, snapshot.dump.tasks());
    sites(&mut json, snapshot);
    json.push_str(r#","table":"#);
    table::json(&mut json, snapshot.dump.tasks(), query);
    json.push('}');
    json
}

/// What program this is, and what dump.
fn program(json: &mut String, snapshot: &Snapshot, state: &State) {
    let Snapshot { dump, number, taken, took, silent, .. } = snapshot;
    let path = std::env::current_exe().ok();
    let name = path.as_deref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy());
    let name = Maybe(name.as_deref().map(Text));
    let (process, up) = (std::process::id(), state.begun.elapsed().as_millis());
    let _ = write!(json, r#""program":{{"name":{name},"process":{process},"served_ms":{up}}},"#);
    let (age, took) = (taken.elapsed(), took.as_micros());
    let next = snapshot.lasts().saturating_sub(age).as_millis();
    let (age, tasks, unstarted) = (age.as_millis(), dump.tasks().len(), dump.unstarted());
    let _ = write!(json, r#""dump":{{"number":{number},"age_ms":{age},"took_us":{took},"#);
    let _ = write!(json, r#""next_ms":{next},"tasks":{tasks},"unstarted":{unstarted},"#);
    let count = |state| dump.tasks().iter().filter(|task| task.state() == state).count();
    let (running, runnable) = (count(TaskState::Running), count(TaskState::Runnable));
    let waiting = tasks - running - runnable;
    let _ = write!(json, r#""running":{running},"runnable":{runnable},"waiting":{waiting},"#);
    let _ = write!(json, r#""silent_workers":{},"silent":"#, dump.silent_workers());
    list(json, silent, |json, (runtime, worker, since)| {
        let ms = since.elapsed().as_millis();
        let (does, task) = dump.silent((*runtime, *worker)).unzip();
        let (does, task) = (Maybe(does.map(Text)), Maybe(task.flatten().map(Json)));
        let _ = write!(json, r#"{{"runtime":{runtime},"worker":{worker},"ms":{ms},"#);
        let _ = write!(json, r#""does":{does},"task":{task}}}"#);
    });
    json.push_str("},");
}

/// What is stuck, or may be.
fn stuck(json: &mut String, snapshot: &Snapshot) {
    let tasks = snapshot.dump.tasks();
    let _ = write!(json, r#""stuck":{{"all_wait":{},"cycles":"#, may_be_stuck(&snapshot.dump));
    list(json, cycles(tasks).iter().take(CYCLES_SHOWN_MAX), |json, cycle| {
        list(json, cycle.tasks().iter().take(CYCLES_SHOWN_MAX), |json, &task| {
            let _ = write!(json, "{}", Json(task));
        });
    });
    json.push_str(r#","behind_others":"#);
    behind_others(json, tasks);
    json.push_str(r#","cancelled":"#);
    let is_late = |task: &&DumpedTask| {
        task.is_cancelled() && task.waited().is_some_and(|waited| waited >= CANCEL_PATIENCE)
    };
    let mut late: Vec<_> = tasks.iter().filter(is_late).collect();
    table::keep_first(&mut late, STUCK_SHOWN_MAX, |a, b| b.waited().cmp(&a.waited()));
    list(json, late, |json, task| {
        let _ = write!(json, "{}", Json(task));
    });
    json.push_str("},");
}

/// Writes who waits for another task or thread: of all that wait for the same one, who has waited
/// longest, and how many others there are.
fn behind_others(json: &mut String, tasks: &[DumpedTask]) {
    let whom = |task: &DumpedTask| match task.depends_on() {
        Some(&Whom::Task { id, .. }) => Some((false, id)),
        Some(&Whom::Thread(mark)) => Some((true, mark as u64)),
        None => None,
    };
    let mut groups = grouped(tasks, whom);
    groups.remove(&None);
    let mut groups: Vec<_> = groups.into_values().collect();
    table::keep_first(&mut groups, STUCK_SHOWN_MAX, |a, b| b.longest.cmp(&a.longest));
    let groups = groups.iter().filter_map(|group| Some((group.eldest?, group.tasks.len() - 1)));
    list(json, groups, |json, (task, others)| {
        let _ = write!(json, r#"{{"task":{},"others":{others}}}"#, Json(task));
    });
}

/// Where tasks were spawned: where there are most, and where there are ever more.
fn sites(json: &mut String, snapshot: &Snapshot) {
    let (since, earlier) = &snapshot.earlier;
    let groups = grouped(snapshot.dump.tasks(), DumpedTask::spawned_at);
    let all = groups.len();
    let mut groups: Vec<_> = groups
        .into_iter()
        .map(|(at, group)| (at, earlier.get(at).copied().unwrap_or(0), group))
        .collect();
    table::keep_first(&mut groups, SITES_SHOWN_MAX, |(at, was, group), (at2, was2, group2)| {
        let (count, count2) = (group.tasks.len(), group2.tasks.len());
        let grown = count2.saturating_sub(*was2).cmp(&count.saturating_sub(*was));
        grown.then(count2.cmp(&count)).then(at.cmp(at2))
    });
    let period = snapshot.taken.saturating_duration_since(*since).as_millis();
    let _ = write!(json, r#","sites":{{"all":{all},"period_ms":{period},"list":"#);
    list(json, groups, |json, (at, was, group)| {
        json.push('{');
        group.fields_at(json, at);
        let _ = write!(json, r#","earlier":{was}}}"#);
    });
    json.push('}');
}
