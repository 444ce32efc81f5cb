//! A task of a group, before it is spawned.

use std::fmt;
use std::io;
use std::panic::Location;

use super::TaskGroup;
use crate::scheduler;
use crate::spawn::Builder;

/// The settings of a task of a [`TaskGroup`] that is about to be spawned; from
/// [`TaskGroup::builder`].
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

    /// Names the task, as [`Builder::name`] does.
    pub fn name(self, name: impl Into<String>) -> GroupBuilder<'a, T> {
        GroupBuilder { builder: self.builder.name(name), ..self }
    }

    /// Sets the size of the task's stack in bytes, as [`Builder::stack_size`] does.
    pub fn stack_size(self, bytes: usize) -> GroupBuilder<'a, T> {
        GroupBuilder { builder: self.builder.stack_size(bytes), ..self }
    }

    /// Spawns the task into the group, as [`TaskGroup::spawn`] does.
    ///
    /// # Parks
    ///
    /// As [`TaskGroup::spawn`].
    ///
    /// # Errors
    ///
    /// As [`Builder::spawn`]. After an error the group is as it was before.
    ///
    /// # Panics
    ///
    /// If the group's limit is one task and that task spawns into the group.
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
