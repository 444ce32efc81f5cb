//! The table of tasks: those that match, sorted, in groups, and no more of them than anybody reads.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::panic::Location;

use super::http::Query;
use super::numbers::list;
use super::view::{Group, grouped};
use crate::json::Text;
use crate::observe::dump::json::{Json, maybe};
use crate::observe::dump::{DumpedTask, TaskState};
use crate::task::TaskScope;

/// How many rows there are unless the query has a `limit`, and how many at most.
const ROWS: usize = 200;
const ROWS_MAX: usize = 2000;

/// How many tasks of one group or parent are shown.
const ROWS_OF_GROUP: usize = 100;

/// Up to how many tasks are shown in open groups.
const ROWS_ALL_OPEN: usize = 50;

/// By what the rows are sorted.
#[derive(Clone, Copy)]
enum Key {
    Waited,
    Id,
    Name,
    Site,
    State,
    For,
    Worker,
    Stack,
    Count,
}

impl Key {
    fn of(name: &str) -> Key {
        match name {
            "id" => Key::Id,
            "name" => Key::Name,
            "site" => Key::Site,
            "state" => Key::State,
            "for" => Key::For,
            "worker" => Key::Worker,
            "stack" => Key::Stack,
            "count" => Key::Count,
            _ => Key::Waited,
        }
    }

    fn compare(self, a: &DumpedTask, b: &DumpedTask) -> Ordering {
        let state = |task: &DumpedTask| match task.state() {
            TaskState::Running => 0,
            TaskState::Runnable => 1,
            TaskState::Waiting => 2,
        };
        match self {
            Key::Waited | Key::Count => a.age().cmp(&b.age()),
            Key::Id => Ordering::Equal,
            // Tasks without a name come last.
            Key::Name => (a.name().is_none(), a.name()).cmp(&(b.name().is_none(), b.name())),
            Key::Site => a.spawned_at().cmp(b.spawned_at()),
            Key::State => state(a).cmp(&state(b)),
            Key::For => a.words().cmp(&b.words()),
            Key::Worker => (a.runtime(), a.worker()).cmp(&(b.runtime(), b.worker())),
            Key::Stack => {
                (a.stack_touched(), a.stack_size()).cmp(&(b.stack_touched(), b.stack_size()))
            }
        }
    }
}

/// What the page asks for.
struct Wanted<'a> {
    /// Words that all have to be there, in small letters.
    words: Vec<String>,
    states: Option<TaskState>,
    key: Key,
    descends: bool,
    rows: usize,
    /// The rows that were opened by hand, or closed.
    flipped: HashSet<&'a str>,
}

impl Wanted<'_> {
    fn of(query: &Query) -> Wanted<'_> {
        let limit = query.number("limit").and_then(|limit| usize::try_from(limit).ok());
        Wanted {
            words: query.get("filter").split_whitespace().map(str::to_lowercase).collect(),
            states: match query.get("state") {
                "running" => Some(TaskState::Running),
                "runnable" => Some(TaskState::Runnable),
                "waiting" => Some(TaskState::Waiting),
                _ => None,
            },
            key: Key::of(query.get("sort")),
            descends: query.get("order") != "up",
            rows: limit.unwrap_or(ROWS).min(ROWS_MAX),
            flipped: query.get("flipped").split(' ').filter(|key| !key.is_empty()).collect(),
        }
    }

    /// Whether a task is meant. `text` is memory that is used again.
    fn means(&self, task: &DumpedTask, text: &mut String) -> bool {
        if self.states.is_some_and(|state| state != task.state()) {
            return false;
        }
        if self.words.is_empty() {
            return true;
        }
        text.clear();
        let (name, at) = (task.name().unwrap_or_default(), task.spawned_at());
        let _ = write!(text, "task {} {name} {at} ", task.id());
        if let Some(words) = task.words() {
            text.push_str(&words);
        }
        if let Some(scope) = task.scope() {
            let _ = write!(text, " in {scope}");
        }
        for (is, word) in [(task.is_cancelled(), " cancelled"), (task.is_daemon(), " daemon")] {
            if is {
                text.push_str(word);
            }
        }
        let text = text.to_lowercase();
        self.words.iter().all(|word| text.contains(word))
    }

    fn order(&self, a: &DumpedTask, b: &DumpedTask) -> Ordering {
        let by_key = self.key.compare(a, b);
        let by_key = if self.descends { by_key.reverse() } else { by_key };
        by_key.then_with(|| match (self.key, self.descends) {
            (Key::Id, true) => b.id().cmp(&a.id()),
            _ => a.id().cmp(&b.id()),
        })
    }
}

/// Sorts, and keeps so many of the first.
pub(super) fn keep_first<T>(
    items: &mut Vec<T>,
    count: usize,
    mut order: impl FnMut(&T, &T) -> Ordering,
) {
    if count > 0 && items.len() > count {
        items.select_nth_unstable_by(count - 1, &mut order);
    }
    items.truncate(count);
    items.sort_unstable_by(order);
}

/// What the tasks of a group have in common: where they were spawned, or to what they belong.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Of {
    Site(&'static Location<'static>),
    Scope(Option<TaskScope>),
}

impl Of {
    /// What tells it apart from all others: for whoever opens it, and in what order they stand that
    /// have equal numbers.
    fn key(self) -> String {
        match self {
            Of::Site(at) => at.to_string().replace(' ', "_"),
            Of::Scope(Some(scope)) => {
                format!("{}_{}", scope.created_at(), scope.id()).replace(' ', "_")
            }
            Of::Scope(None) => String::from("none"),
        }
    }

    /// Where it was created. What is nowhere comes first.
    fn at(self) -> Option<&'static Location<'static>> {
        match self {
            Of::Site(at) => Some(at),
            Of::Scope(scope) => scope.map(|scope| scope.created_at()),
        }
    }

    fn order(self, other: Of) -> Ordering {
        let id = |of| match of {
            Of::Scope(Some(scope)) => TaskScope::id(&scope),
            _ => 0,
        };
        self.at().cmp(&other.at()).then(id(self).cmp(&id(other)))
    }
}

/// One line of the table.
enum Row<'a> {
    Task {
        depth: usize,
        children: usize,
        task: &'a DumpedTask,
        is_open: bool,
    },
    Group {
        of: Of,
        key: String,
        group: Group<'a>,
        is_open: bool,
    },
    /// Where rows end: how many more tasks are not shown.
    More {
        depth: usize,
        count: usize,
    },
}

/// The table that the query asks for.
pub(super) fn json(json: &mut String, tasks: &[DumpedTask], query: &Query) {
    let wanted = Wanted::of(query);
    let mut text = String::new();
    let matching: Vec<_> = tasks.iter().filter(|task| wanted.means(task, &mut text)).collect();
    let count = matching.len();
    let rows = match query.get("group") {
        "site" => groups(matching, &wanted, |task| Of::Site(task.spawned_at())),
        "scope" => groups(matching, &wanted, |task| Of::Scope(task.scope())),
        "parent" => tree(tasks, matching, &wanted),
        _ => flat(matching, &wanted, 0, wanted.rows),
    };
    let _ = write!(json, r#"{{"matching":{count},"rows":"#);
    list(json, rows, |json, row| row.json(json));
    json.push('}');
}

fn flat<'a>(
    mut tasks: Vec<&'a DumpedTask>,
    wanted: &Wanted<'_>,
    depth: usize,
    shown: usize,
) -> Vec<Row<'a>> {
    let left_out = tasks.len().saturating_sub(shown);
    keep_first(&mut tasks, shown, |a, b| wanted.order(a, b));
    let rows = tasks.into_iter().map(|task| Row::Task { depth, children: 0, task, is_open: false });
    let mut rows: Vec<_> = rows.collect();
    if left_out > 0 {
        rows.push(Row::More { depth, count: left_out });
    }
    rows
}

fn groups<'a>(
    tasks: Vec<&'a DumpedTask>,
    wanted: &Wanted<'_>,
    of: impl Fn(&DumpedTask) -> Of,
) -> Vec<Row<'a>> {
    let all_are_open = tasks.len() <= ROWS_ALL_OPEN;
    let mut groups: Vec<_> = grouped(tasks, of).into_iter().collect();
    let left_out = groups.len().saturating_sub(wanted.rows);
    keep_first(&mut groups, wanted.rows, |(of, group), (of2, group2)| {
        let by_key = match wanted.key {
            Key::Waited => group.longest.cmp(&group2.longest),
            Key::Site => of.at().cmp(&of2.at()),
            _ => group.tasks.len().cmp(&group2.tasks.len()),
        };
        let by_key = if wanted.descends { by_key.reverse() } else { by_key };
        by_key.then_with(|| of.order(*of2))
    });
    let mut rows = Vec::new();
    for (of, group) in groups {
        let key = of.key();
        let is_open = wanted.flipped.contains(&*key) != all_are_open;
        let tasks = if is_open { group.tasks.clone() } else { Vec::new() };
        rows.push(Row::Group { of, key, group, is_open });
        rows.extend(flat(tasks, wanted, 1, ROWS_OF_GROUP));
    }
    if left_out > 0 {
        rows.push(Row::More { depth: 0, count: left_out });
    }
    rows
}

/// Each task below the one that spawned it, if that is there. Those that match are shown, and their
/// ancestors, which are open if not all tasks match, or if there are few.
fn tree<'a>(
    tasks: &'a [DumpedTask],
    matching: Vec<&'a DumpedTask>,
    wanted: &Wanted<'_>,
) -> Vec<Row<'a>> {
    let all_are_open = matching.len() < tasks.len() || tasks.len() <= ROWS_ALL_OPEN;
    let by_id: HashMap<_, _> = tasks.iter().map(|task| (task.id(), task)).collect();
    let parent = |task: &DumpedTask| task.parent().and_then(|id| by_id.get(&id).copied());
    let mut shown = HashSet::new();
    let mut children: HashMap<_, Vec<_>> = HashMap::new();
    for task in matching {
        let mut at = Some(task);
        while let Some(task) = at.filter(|task| shown.insert(task.id())) {
            at = parent(task);
            children.entry(at.map(DumpedTask::id)).or_default().push(task);
        }
    }
    let mut rows = Vec::new();
    // What is still to be shown, the next one last.
    let mut left = vec![(0, None)];
    while let Some((depth, entry)) = left.pop() {
        if rows.len() >= wanted.rows {
            let count = left.iter().filter(|(_, entry)| !matches!(entry, Some(Err(_)))).count();
            rows.push(Row::More { depth: 0, count: count + 1 });
            break;
        }
        let (of, depth) = match entry {
            Some(Err(count)) => {
                rows.push(Row::More { depth, count });
                continue;
            }
            Some(Ok(task)) => {
                let task: &DumpedTask = task;
                let children = children.get(&Some(task.id())).map_or(0, Vec::len);
                let is_flipped = wanted.flipped.contains(&*task.id().to_string());
                let is_open = is_flipped != all_are_open;
                rows.push(Row::Task { depth, children, task, is_open: is_open && children > 0 });
                if !is_open || children == 0 {
                    continue;
                }
                (Some(task.id()), depth + 1)
            }
            None => (None, 0),
        };
        let mut below = children.remove(&of).unwrap_or_default();
        let left_out = below.len().saturating_sub(ROWS_OF_GROUP);
        keep_first(&mut below, ROWS_OF_GROUP, |a, b| wanted.order(a, b));
        if left_out > 0 {
            left.push((depth, Some(Err(left_out))));
        }
        left.extend(below.into_iter().rev().map(|task| (depth, Some(Ok(task)))));
    }
    rows
}

impl Row<'_> {
    fn json(self, json: &mut String) {
        let _ = match self {
            Row::Task { depth, children, task, is_open } => write!(
                json,
                r#"{{"depth":{depth},"children":{children},"open":{is_open},"task":{}}}"#,
                Json(task)
            ),
            Row::More { depth, count } => write!(json, r#"{{"depth":{depth},"more":{count}}}"#),
            Row::Group { of, key, group, is_open } => {
                let _ = write!(json, r#"{{"depth":0,"open":{is_open},"key":{},"#, Text(&key));
                match of {
                    Of::Site(at) => {
                        json.push_str(r#""site":{"#);
                        group.fields_at(json, at);
                    }
                    Of::Scope(scope) => {
                        let _ = write!(json, r#""group":{{"scope":{},"#, maybe(scope.as_ref()));
                        group.fields(json);
                    }
                }
                write!(json, "}}}}")
            }
        };
    }
}
