//! Tasks that wait for each other in a cycle, noticed when the cycle closes.
//!
//! # The table
//!
//! A task that is about to wait for a lock that somebody holds, for an initialisation that somebody
//! runs, or for the end of a task, writes an [`Edge`] into a table of the process: that it waits
//! for this object, and whom the object waits for. Both are numbers, a task's id or an address.
//! Then it follows the edges from itself. If they lead back, the cycle is complete.
//!
//! The table is a suspicion, no truth. It has a fixed number of places, an edge takes the place of
//! another one with the same hash, and two words of a place are not written at once. So a cycle
//! may be missed, and one may be seen where there is none. Whoever is told looks again, and then
//! asks the workers (`observe/deadlock`). Nothing that the table says is followed as a pointer, so
//! nothing need be kept alive for it.
//!
//! # Who writes what, and when
//!
//! - The edge of a *task* is written by the task, before its wait can end, and removed by the task
//!   after the wait, however it ends.
//! - The edge of a *lock* is written under the lock's queue, by whoever begins to wait there, and
//!   changed under it by whoever hands the lock on while others wait. A lock in whose queue nobody
//!   waits may have an old edge, to which no task's edge leads. That of an initialisation is
//!   changed when its run ends.
//! - An edge to a task whose end is waited for needs no edge of its own: it leads to nothing more
//!   once that task has ended.
//!
//! A task that was given a lock and has not run since has an old edge to the lock, and the lock
//! has one to the task. That is a cycle of two without any other task, and nobody's search leads
//! back to whoever began it.
//!
//! # Why a cycle is found
//!
//! Two tasks may close a cycle at the same moment, each by its own edge. Each one writes its edge
//! before a fence, and reads the others' after it. Of two sequentially consistent fences one comes
//! first, and whoever's is second sees both edges. So the task whose fence is last sees the whole
//! cycle.
//!
//! Joins are too many for a fence each, and nearly all are joins of tasks that have not started. A
//! task that has not started waits for nobody, so such a join closes no cycle. It writes its edge
//! before it announces the joiner in the word of the task that it joins. That task is claimed by a
//! later read-modify-write of the same word, or, where no other thread can reach it, by the same
//! thread. So whatever it does then, a search of its own included, comes after the edge. If the
//! announcement finds the task started, the joiner searches.
//!
//! What this costs: a join that finds its task unstarted makes three stores more and reads one word
//! more. A lock is handed over without any of this unless there is a queue.
//!
//! # Open
//!
//! - *Scopes and groups.* A scope waits for several tasks, so its edge is a set, of which the table
//!   knows nothing. A task that holds a lock and waits for the children of its scope, one of which
//!   waits for the lock, is found when the rest of the program stands still too.
//! - *Readers* of an `RwLock`, holders of a semaphore's permits, and plain threads are not known by
//!   name.
//! - *Many that wait.* Where some thousand tasks wait for one lock, edges take each other's places.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use crate::current;
use crate::limits::CYCLE_STEPS_MAX;
use crate::loom::{AtomicU64, const_fn, fence};
use crate::task::Header;

/// How many places the table has for tasks, and how many for locks: 64 KiB each, of which the
/// system gives only those pages that are written.
#[cfg(not(all(test, loom)))]
const PLACES: usize = 4096;

#[cfg(not(all(test, loom)))]
static TABLE: Table<PLACES> = Table::new();

/// Whether a runtime has been made that wants to know of cycles.
static WANTED: AtomicBool = AtomicBool::new(false);

/// From now on, tasks say for whom they wait.
pub(crate) fn want() {
    WANTED.store(true, Relaxed);
}

#[inline(always)]
fn is_wanted() -> bool {
    WANTED.load(Relaxed)
}

/// The tasks that wait, and what they wait for.
#[cfg(not(all(test, loom)))]
fn table() -> &'static Table<PLACES> {
    &TABLE
}

/// A model's tasks are threads, for which nothing is written here.
#[cfg(all(test, loom))]
fn table() -> &'static Table<1> {
    unreachable!("no task runs in a model")
}

/// One that waits, or is waited for: a task, or what somebody holds. Zero is nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Node(u64);

impl Node {
    pub(crate) const NOBODY: Node = Node(0);

    /// The running task. On a plain thread it is nobody.
    #[inline(always)]
    pub(crate) fn running(task: Option<&Header>) -> Node {
        task.map_or(Node::NOBODY, |task| Node::task(task.id))
    }

    #[inline(always)]
    pub(crate) fn task(id: u64) -> Node {
        Node(id << 1 | 1)
    }

    /// What is held. Its address is even, for it has an atomic number in it.
    #[inline(always)]
    pub(crate) fn held<T>(object: &T) -> Node {
        const { assert!(align_of::<T>() > 1) };
        Node::at(std::ptr::from_ref(object).addr() as u64)
    }

    #[inline(always)]
    pub(crate) fn at(address: u64) -> Node {
        Node(address)
    }

    #[inline(always)]
    fn is_task(self) -> bool {
        self.0 & 1 != 0
    }
}

/// Where edges are written. Tasks and locks have places of their own.
pub(crate) struct Table<const PLACES: usize> {
    tasks: [Place; PLACES],
    locks: [Place; PLACES],
}

/// An edge: whose it is, and where it leads to.
struct Place {
    from: AtomicU64,
    to: AtomicU64,
}

impl Place {
    const_fn! {
        fn new() -> Place {
            Place { from: AtomicU64::new(0), to: AtomicU64::new(0) }
        }
    }

    #[inline(always)]
    fn write(&self, from: Node, to: Node) {
        self.to.store(to.0, Relaxed);
        self.from.store(from.0, Relaxed);
    }
}

impl<const PLACES: usize> Table<PLACES> {
    #[cfg(not(all(test, loom)))]
    const fn new() -> Table<PLACES> {
        Table { tasks: [const { Place::new() }; PLACES], locks: [const { Place::new() }; PLACES] }
    }

    #[cfg(all(test, loom))]
    pub(crate) fn new() -> Table<PLACES> {
        let places = || std::array::from_fn(|_| Place::new());
        Table { tasks: places(), locks: places() }
    }

    /// The place of this node's edge. Tasks of one worker have ids in a row, and places too, and
    /// locks that lie side by side have places near each other.
    fn place(&self, of: Node) -> &Place {
        if of.is_task() { self.of_task(of) } else { self.of_held(of) }
    }

    #[inline(always)]
    fn of_task(&self, task: Node) -> &Place {
        &self.tasks[(task.0 >> 1) as usize % PLACES]
    }

    #[inline(always)]
    fn of_held(&self, held: Node) -> &Place {
        &self.locks[(held.0 >> 3 ^ held.0 >> 14) as usize % PLACES]
    }

    /// Writes the edge of a task.
    #[inline(always)]
    pub(crate) fn wait(&self, task: Node, to: Node) {
        self.of_task(task).write(task, to);
    }

    /// Writes the edge of what a task holds.
    #[inline(always)]
    pub(crate) fn hold(&self, held: Node, holder: Node) {
        self.of_held(held).write(held, holder);
    }

    /// Lets the edge of what somebody held lead to its next holder, if there is one, who does not
    /// wait any more.
    #[inline(always)]
    fn hand_over(&self, held: Node, holder: Node) {
        let place = self.of_held(held);
        if place.from.load(Relaxed) == held.0 {
            place.to.store(holder.0, Relaxed);
        }
        self.end(holder);
    }

    /// Removes the edge of a task, if there is one.
    #[inline(always)]
    fn end(&self, task: Node) {
        let place = self.of_task(task);
        if place.from.load(Relaxed) == task.0 {
            place.from.store(0, Relaxed);
        }
    }

    /// Where the edge from this node leads to.
    fn next(&self, from: Node) -> Option<Node> {
        let place = self.place(from);
        let to = Node(place.to.load(Relaxed));
        (place.from.load(Relaxed) == from.0 && to != Node::NOBODY).then_some(to)
    }

    /// Whether the edges from this task, which the caller has written, lead back to it. The first
    /// task on the way is `to`. Of several who have written the edges of one cycle, at least one
    /// is told so.
    #[inline(always)]
    pub(crate) fn closes(&self, task: Node, to: Node) -> bool {
        fence(SeqCst);
        // Most of those that are waited for do not wait themselves.
        self.of_task(to).from.load(Relaxed) == to.0 && self.leads_back(task)
    }

    #[cold]
    #[inline(never)]
    fn leads_back(&self, task: Node) -> bool {
        let Some(first) = self.next(task) else { return false };
        let mut at = first;
        for _ in 0..CYCLE_STEPS_MAX {
            if at == task {
                return true;
            }
            let Some(next) = self.next(at) else { return false };
            // A cycle of others, in which this task has no part.
            if next == first || (!at.is_task() && self.next(next) == Some(at)) && next != task {
                return false;
            }
            at = next;
        }
        false
    }
}

/// An entry of the table: the running task waits for somebody. The entry is there for as long as
/// the `Edge` lives. On a plain thread, and in a runtime that does not want to know, there is none.
#[must_use]
pub(crate) struct Edge {
    /// The task that waits, or nobody.
    from: Node,
    /// The task that ends the wait, as far as that is known.
    to: Node,
}

impl Edge {
    /// The edge of the running task `from`, which waits for the end of the task `to`.
    #[inline(always)]
    pub(crate) fn to_task(from: Node, to: Node) -> Edge {
        if !is_wanted() || from == Node::NOBODY {
            return Edge::none();
        }
        table().wait(from, to);
        Edge { from, to }
    }

    /// The edge of the running task `from`, which waits for `object`, held by `to` or somebody
    /// else. The caller has locked the queue of those who wait for the object.
    #[inline(always)]
    pub(crate) fn to_held<T>(from: Node, object: &T, to: Node) -> Edge {
        if !is_wanted() || from == Node::NOBODY {
            return Edge::none();
        }
        let held = Node::held(object);
        table().hold(held, to);
        table().wait(from, held);
        Edge { from, to }
    }

    /// Nobody is known for whom the running task waits.
    #[inline(always)]
    pub(crate) fn none() -> Edge {
        Edge { from: Node::NOBODY, to: Node::NOBODY }
    }

    /// Tells of a cycle, if this edge has closed one. Others may have written its other edges at
    /// the same time.
    #[inline(always)]
    pub(crate) fn look(&self) {
        if self.from != Node::NOBODY && table().closes(self.from, self.to) {
            tell(self.from);
        }
    }
}

#[cold]
#[inline(never)]
fn tell(from: Node) {
    if let Some(tell) = current::core().and_then(|core| core.when_cyclic.get()) {
        tell(from.0 >> 1);
    }
}

impl Drop for Edge {
    #[inline(always)]
    fn drop(&mut self) {
        if self.from != Node::NOBODY {
            table().end(self.from);
        }
    }
}

/// What somebody held, and others wait for, is held by this task now, which has waited for it, or
/// by nobody who is known. The caller has locked the queue of those who wait for it.
#[inline(always)]
pub(crate) fn hand_over<T>(object: &T, holder: Node) {
    if is_wanted() {
        table().hand_over(Node::held(object), holder);
    }
}

/// Whether the edges from this task still lead back to it.
pub(crate) fn is_closed(id: u64) -> bool {
    table().leads_back(Node::task(id))
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge").field("from", &self.from).field("to", &self.to).finish()
    }
}
