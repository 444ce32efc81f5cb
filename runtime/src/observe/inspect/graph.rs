//! Who waits for whom, by locks, once-cells and joins: the edges that matter.
//!
//! A task waits for one other at most. So the graph is made of trees, each of which ends in a task
//! that waits for no other, in a plain thread, in a task that is not known, or in a cycle.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use super::numbers::list;
use super::table::keep_first;
use crate::json::Text;
use crate::observe::deadlock::cycles;
use crate::observe::dump::DumpedTask;
use crate::observe::dump::json::{Json, Maybe};
use crate::task::Whom;

/// How many edges are shown.
const EDGES_MAX: usize = 150;

/// How many of those are shown who wait for the same, and for whom nobody waits.
const LEAVES_MAX: usize = 4;

/// Who is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Node {
    Task(u64),
    Thread(usize),
}

impl Node {
    fn of(whom: &Whom) -> Node {
        match *whom {
            Whom::Task { id, .. } => Node::Task(id),
            Whom::Thread(mark) => Node::Thread(mark),
        }
    }

    fn key(self) -> String {
        match self {
            Node::Task(id) => id.to_string(),
            Node::Thread(mark) => format!("thread-{mark}"),
        }
    }
}

/// One task that waits for another.
struct Edge<'a> {
    from: &'a DumpedTask,
    to: Node,
    name: Option<&'a str>,
    is_in_cycle: bool,
    is_leaf: bool,
}

impl Edge<'_> {
    /// The ids of the tasks at its ends.
    fn tasks(&self) -> impl Iterator<Item = u64> + use<> {
        let to = match self.to {
            Node::Task(id) => Some(id),
            Node::Thread(_) => None,
        };
        [self.from.id().get()].into_iter().chain(to)
    }
}

/// Writes the graph: its nodes by their keys, its edges from key to key, and how many more wait for
/// a node.
pub(super) fn json(json: &mut String, tasks: &[DumpedTask]) {
    let cycles = cycles(tasks);
    let in_cycle: HashSet<_> =
        cycles.iter().flat_map(|cycle| cycle.tasks()).map(|t| t.id()).collect();
    let mut edges: Vec<Edge<'_>> = Vec::new();
    for from in tasks {
        let Some(whom) = from.depends_on() else { continue };
        let name = match whom {
            Whom::Task { name, .. } => name.as_deref(),
            Whom::Thread(_) => None,
        };
        let is_in_cycle = in_cycle.contains(&from.id());
        edges.push(Edge { from, to: Node::of(whom), name, is_in_cycle, is_leaf: true });
    }
    let waited_for: HashSet<_> = edges.iter().map(|edge| edge.to).collect();
    for edge in &mut edges {
        edge.is_leaf = !waited_for.contains(&Node::Task(edge.from.id().get()));
    }
    let all = edges.len();
    // First what is certain to be stuck, then what holds others up, then the longest waits.
    edges.sort_unstable_by(|a, b| {
        let rank = |edge: &Edge<'_>| (!edge.is_in_cycle, edge.is_leaf);
        let waited = b.from.waited().cmp(&a.from.waited());
        rank(a).cmp(&rank(b)).then(waited).then(a.from.id().cmp(&b.from.id()))
    });
    let mut leaves: HashMap<Node, usize> = HashMap::new();
    edges.retain(|edge| {
        let count = leaves.entry(edge.to).or_default();
        *count += usize::from(edge.is_leaf);
        !edge.is_leaf || *count <= LEAVES_MAX
    });
    edges.truncate(EDGES_MAX);
    let shown: HashSet<_> =
        edges.iter().flat_map(|edge| [edge.to, Node::Task(edge.from.id().get())]).collect();
    let mut more: Vec<_> =
        leaves.into_iter().filter(|(to, n)| *n > LEAVES_MAX && shown.contains(to)).collect();
    keep_first(&mut more, EDGES_MAX, |a, b| b.1.cmp(&a.1));

    let _ = write!(json, r#"{{"all":{all},"shown":{},"nodes":"#, edges.len());
    nodes(json, tasks, &edges, &in_cycle);
    json.push_str(r#","edges":"#);
    list(json, &edges, |json, edge| {
        let (from, to) = (Text(&edge.from.id().to_string()).to_string(), edge.to.key());
        let _ =
            write!(json, r#"{{"from":{from},"to":{},"cycle":{}}}"#, Text(&to), edge.is_in_cycle);
    });
    json.push_str(r#","more":"#);
    list(json, more, |json, (to, count)| {
        let count = count - LEAVES_MAX;
        let _ = write!(json, r#"{{"to":{},"count":{count}}}"#, Text(&to.key()));
    });
    json.push('}');
}

fn nodes(
    json: &mut String,
    tasks: &[DumpedTask],
    edges: &[Edge<'_>],
    in_cycle: &HashSet<crate::task::TaskId>,
) {
    let ids: HashSet<_> = edges.iter().flat_map(Edge::tasks).collect();
    let known = tasks.iter().filter(|task| ids.contains(&task.id().get()));
    let known: HashMap<_, _> = known.map(|task| (task.id().get(), task)).collect();
    let mut done = HashSet::new();
    let ends = edges.iter().flat_map(|edge| {
        [(Node::Task(edge.from.id().get()), edge.from.name()), (edge.to, edge.name)]
    });
    let ends = ends.filter(|&(node, _)| done.insert(node));
    list(json, ends, |json, (node, name)| {
        let _ = write!(json, r#"{{"key":{},"#, Text(&node.key()));
        let task = match node {
            Node::Task(id) => known.get(&id),
            Node::Thread(_) => None,
        };
        let is_in_cycle = task.is_some_and(|task| in_cycle.contains(&task.id()));
        let name = Maybe(name.map(Text));
        let _ = match task {
            Some(&task) => write!(json, r#""task":{},"#, Json(task)),
            None => write!(json, r#""task":null,"#),
        };
        let _ = write!(json, r#""name":{name},"cycle":{is_in_cycle}}}"#);
    });
}
