//! Users' handle to a task, how reports name a task, and the report of a task that panicked.

use std::any::Any;
use std::fmt;
use std::num::NonZeroU64;
use std::panic::Location;
use std::sync::OnceLock;

use super::{Flags, Header, TaskRef};
use crate::unwind;

/// Identifies a task among all tasks of the process's life.
///
/// Like [`std::thread::ThreadId`]: unique, never used again, and without a meaning in its order.
///
/// # Examples
///
/// ```
/// let (a, b) = (gocoro::go!({}), gocoro::go!({}));
/// assert_ne!(a.id(), b.id());
/// # a.wait(); b.wait();
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(NonZeroU64);

impl TaskId {
    pub(crate) fn new(id: u64) -> TaskId {
        TaskId(NonZeroU64::new(id).expect("ids start at one"))
    }

    pub(crate) fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({})", self.0)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A handle to a task, as [`std::thread::Thread`] is to a thread.
///
/// It tells the task's name and spawn site, gives it the token that
/// [`park`](crate::spawn::park()) waits for, and can cancel it. It keeps the task's memory alive,
/// not
/// the task: a task may have ended while handles to it go on.
///
/// # Examples
///
/// ```
/// let handle = gocoro::go!(name = "worker" => {
///     assert_eq!(gocoro::task::current().name(), Some("worker"));
/// });
/// assert_eq!(handle.task().name(), Some("worker"));
/// handle.wait();
/// ```
#[derive(Clone)]
pub struct Task {
    pub(crate) inner: TaskRef,
}

impl Task {
    pub(crate) fn new(inner: TaskRef) -> Task {
        Task { inner }
    }

    /// The task's id.
    pub fn id(&self) -> TaskId {
        TaskId::new(self.inner.id)
    }

    /// The task's name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.inner.name()
    }

    /// Where in the source the task was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.inner.spawned_at
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("id", &self.id())
            .field("name", &self.name())
            .field("spawned_at", &format_args!("{}", self.spawned_at()))
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Naming(&self.inner).fmt(f)
    }
}

/// Displays a task as reports name it: `task 'name' (spawned at file:line:column)`.
pub(crate) struct Naming<'a>(pub(crate) &'a Header);

impl fmt::Display for Naming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.name() {
            Some(name) => write!(f, "task '{name}'")?,
            None => write!(f, "task {}", self.0.id)?,
        }
        write!(f, " (spawned at {})", self.0.spawned_at)
    }
}

/// What is called when a panic has reached a task's root, with the panic's message.
static WHEN_PANICKED: OnceLock<fn(&Header, &str)> = OnceLock::new();

/// Has `f` called when a panic has reached a task's root: in the task, and before anybody is told
/// of the task's end. Only the first call does something.
pub(crate) fn when_panicked(f: fn(&Header, &str)) {
    let _ = WHEN_PANICKED.set(f);
}

/// Tells of a panic that has reached a task's root.
pub(super) fn panicked(task: &Header, payload: &(dyn Any + Send)) {
    report_panic(task, payload);
    if let Some(f) = WHEN_PANICKED.get() {
        f(task, unwind::message(payload));
    }
}

/// Says once, on stderr, that a task ended by a panic, if the panic hook has reported that panic.
///
/// Where the program has set a panic hook of its own, that hook decides what is said, and this adds
/// nothing. The line goes through `eprint!`, so a test harness captures it with the panic's own
/// message.
fn report_panic(task: &Header, payload: &(dyn Any + Send)) {
    if !task.has(Flags::REPORTED) {
        return;
    }
    task.clear(Flags::REPORTED);
    let parent = task.meta().and_then(|meta| meta.parent());
    let parent = parent.map_or_else(String::new, |parent| format!(", a child of {parent},"));
    let message = unwind::message(payload);
    let report = format!("gocoro: {}{parent} panicked: {message}\n", Naming(task));
    // Written in one piece, for other threads write to stderr too. `eprint!` panics when stderr is
    // broken, which is ignored: the panic of the task is what counts.
    if let Err(payload) = unwind::catch(|| eprint!("{report}")) {
        unwind::drop_quietly(payload);
    }
}
