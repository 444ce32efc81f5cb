//! What a task may belong to, a scope or a group, and how others name it.

use std::fmt;
use std::mem::offset_of;
use std::panic::Location;

use super::Header;
use super::packet::End;
use crate::unwind::{self, Payload};

/// A task's membership in what it belongs to: a scope, a group, or nothing. It lies in the task's
/// allocation.
pub(crate) trait Family: Send + Sync {
    /// Whether this is a family at all: whether [`Family::ended`] and [`Family::scope`] are called.
    const IS_TOLD: bool;

    /// Where another process finds what [`Family::scope`] says.
    const PLAIN: PlainScope = PlainScope::NONE;

    /// The end of a task that was refused. Its closure was dropped; `dropped` has the panic of
    /// that, if it panicked.
    fn refused<T>(&self, _task: &Header, dropped: Result<(), Payload>) -> End<T> {
        unwind::drop_quietly(dropped);
        End::Refused
    }

    /// Deals with an end that nobody can take any more. It is called at most once for each task.
    /// Before DONE the task calls it, and it must not unwind. After DONE whoever drops the handle
    /// calls it.
    fn unclaimed<T>(&self, task: &Header, end: End<T>);

    /// Tells the family that the task is DONE. It is called once for each task, on the thread where
    /// the task ended. It does not wait, does not unwind, and runs none of the user's code.
    fn ended(&self);

    /// Names the family. It is called at any time, by any thread, and reads nothing but what the
    /// membership itself keeps alive.
    fn scope(&self) -> Option<TaskScope>;
}

/// What can be read of a family without running any code of the program. It is a constant of the
/// membership's type, which stands in the task's table of operations, so it costs a task nothing.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct PlainScope {
    /// 0: a scope; 1: a group; all bits set: it is not said here.
    kind: u32,
    /// Where the membership, and in the end the task, has the `Arc` of what the family shares.
    shared: u32,
    /// Where that has the `&'static Location` at which it was created.
    site: u32,
}

impl PlainScope {
    /// No family, or one of which nothing is said.
    pub(crate) const NONE: PlainScope = PlainScope { kind: u32::MAX, shared: 0, site: 0 };

    /// A family whose membership has an `Arc<T>` at the one offset, and `T` its place at the other.
    pub(crate) const fn of<T>(kind: TaskScopeKind, shared: usize, site: usize) -> PlainScope {
        // Behind the counts, what needs more than this begins further away than others do.
        if align_of::<T>() > 2 * size_of::<usize>() {
            return PlainScope::NONE;
        }
        PlainScope { kind: kind as u32, shared: shared as u32, site: site as u32 }
    }

    /// The same, of a task that has the membership at this offset.
    pub(super) const fn in_task(self, membership: usize) -> PlainScope {
        PlainScope { shared: self.shared + membership as u32, ..self }
    }

    /// Where the parts lie, for other processes.
    pub(crate) const FIELDS: &[(&str, u64)] = &[
        ("scope.kind", offset_of!(PlainScope, kind) as u64),
        ("scope.shared", offset_of!(PlainScope, shared) as u64),
        ("scope.site", offset_of!(PlainScope, site) as u64),
    ];
}

/// What kind of thing a task belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum TaskScopeKind {
    /// A scope: that of [`scope`](crate::scope::scope), of [`race`](crate::scope::race), or of
    /// `thread::scope`.
    Scope,
    /// A [`TaskGroup`](crate::group::TaskGroup).
    Group,
}

/// The scope or the group that a task belongs to, as a dump names it:
/// [`DumpedTask::scope`](crate::observe::DumpedTask::scope).
///
/// Two are equal if they are the same scope or group. Its `Display` is in words, such as `the scope
/// at src/a.rs:10`, which may change in any version.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TaskScope {
    kind: TaskScopeKind,
    created_at: &'static Location<'static>,
    id: u64,
}

impl TaskScope {
    /// The scope or group that was created at `created_at`, and whose tasks share `shared`, by the
    /// address of which it is told from others.
    pub(crate) fn new<T>(
        kind: TaskScopeKind,
        created_at: &'static Location<'static>,
        shared: *const T,
    ) -> TaskScope {
        TaskScope { kind, created_at, id: shared.addr() as u64 }
    }

    /// Whether it is a scope or a group.
    pub fn kind(&self) -> TaskScopeKind {
        self.kind
    }

    /// Where in the source the scope was opened, or the group was made.
    pub fn created_at(&self) -> &'static Location<'static> {
        self.created_at
    }

    /// The number that tells it apart from all others that there are at the same time, such as
    /// those that were created at the same place. One that is created after its end may have the
    /// same number.
    pub fn id(&self) -> u64 {
        self.id
    }
}

impl fmt::Display for TaskScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.created_at;
        write!(f, "the {} at {}:{}", self.kind.word(), at.file(), at.line())
    }
}

impl TaskScopeKind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            TaskScopeKind::Scope => "scope",
            TaskScopeKind::Group => "group",
        }
    }
}
