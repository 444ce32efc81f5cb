//! A task of a group, before it is spawned.

use std::fmt;
use std::io;
use std::panic::Location;

use super::TaskGroup;
use crate::scheduler;
use crate::spawn::Builder;

/// What a task of a [`TaskGroup`] is to be, before it is spawned; from [`TaskGroup::builder`].
///
/// # Examples
///
/// ```
/// use gocoro::task::TaskGroup;
///
/// let group = TaskGroup::new();
/// for n in 0..3 {
///     group.builder().name(format!("worker {n}")).spawn(move || assert_ne!(n, 1))?;
/// }
/// let error = group.try_join_all().unwrap_err();
/// assert!(error.to_string().contains("worker 1"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "a builder does nothing until it spawns"]
pub struct GroupBuilder<'a, T> {
    group: &'a TaskGroup<T>,
    builder: Builder,
}

impl<'a, T: Send + 'static> GroupBuilder<'a, T> {
    pub(super) fn new(group: &'a TaskGroup<T>) -> GroupBuilder<'a, T> {
        GroupBuilder { group, builder: Builder::new() }
    }

    /// Names the task, as [`Builder::name`].
    pub fn name(self, name: impl Into<String>) -> GroupBuilder<'a, T> {
        GroupBuilder { builder: self.builder.name(name), ..self }
    }

    /// Sets the stack's size in bytes, as [`Builder::stack_size`].
    pub fn stack_size(self, bytes: usize) -> GroupBuilder<'a, T> {
        GroupBuilder { builder: self.builder.stack_size(bytes), ..self }
    }

    /// Spawns the task into the group, as [`TaskGroup::spawn`].
    ///
    /// # Parks
    ///
    /// As [`TaskGroup::spawn`].
    ///
    /// # Errors
    ///
    /// As [`Builder::spawn`]; then the group is as before.
    ///
    /// # Panics
    ///
    /// If the group's only task, by its limit, spawns into it.
    #[track_caller]
    #[rustfmt::skip]
    pub fn spawn<F>(self, f: F) -> io::Result<()>
    where
        F: FnOnce() -> T,
        F: Send,    // not `Send`? `task::scope` has `spawn_local`
        F: 'static, // borrows? `task::scope` lets tasks borrow; or move it in
    {
        scheduler::check_open()?;
        self.group.spawn_as(self.builder, f, Location::caller())
    }
}

impl<T> fmt::Debug for GroupBuilder<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupBuilder")
            .field("builder", &self.builder)
            .field("group", self.group)
            .finish()
    }
}
