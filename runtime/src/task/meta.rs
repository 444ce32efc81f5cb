//! What few tasks have: made when it is needed, so that the others don't carry it.

use std::cell::Cell;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

use super::{Cause, Header, Locals};
use crate::unwind;

/// Which task spawned a task, for reports: what is left of it when it is gone.
pub(crate) struct Parent {
    id: u64,
    name: Option<Box<str>>,
}

impl Parent {
    pub(crate) fn new(task: &Header) -> Parent {
        Parent { id: task.id, name: task.name().map(Box::from) }
    }
}

impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "task '{name}'"),
            None => write!(f, "task {}", self.id),
        }
    }
}

/// What few tasks have.
#[derive(Default)]
pub(crate) struct Meta {
    pub(crate) name: Option<Box<str>>,
    span: Cell<Option<tracing::Span>>,
    /// The task that spawned it, if one did.
    pub(crate) parent: Option<Parent>,
    cause: OnceLock<Cause>,
    locals: Locals,
}

impl Meta {
    pub(crate) fn new(
        name: Option<Box<str>>,
        span: Option<tracing::Span>,
        parent: Option<Parent>,
    ) -> Meta {
        Meta { name, span: Cell::new(span), parent, ..Meta::default() }
    }
}

/// The pointer to it that a task carries.
pub(super) struct Cold(AtomicPtr<Meta>);

impl Cold {
    /// With what the spawn knows, if anything.
    #[inline(always)]
    pub(super) fn new(meta: Option<Box<Meta>>) -> Cold {
        Cold(AtomicPtr::new(meta.map_or(std::ptr::null_mut(), Box::into_raw)))
    }

    #[inline(always)]
    pub(super) fn get(&self) -> Option<&Meta> {
        // SAFETY: null, or from `Box::into_raw` and freed by `drop` only.
        unsafe { self.0.load(Acquire).as_ref() }
    }

    fn content(&self) -> &Meta {
        if let Some(content) = self.get() {
            return content;
        }
        let made = Box::into_raw(Box::default());
        let there = match self.0.compare_exchange(std::ptr::null_mut(), made, AcqRel, Acquire) {
            Ok(_) => made,
            Err(there) => {
                // SAFETY: made just now, and nobody has seen it.
                drop(unsafe { Box::from_raw(made) });
                there
            }
        };
        // SAFETY: as in `get`.
        unsafe { &*there }
    }

    /// Drops the task's values of task-locals, on its stack.
    #[inline(always)]
    pub(super) fn drop_locals(&self) {
        if let Some(meta) = self.get() {
            meta.locals.drop_all();
        }
    }
}

impl Header {
    #[inline(always)]
    pub(crate) fn meta(&self) -> Option<&Meta> {
        self.cold.get()
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.meta()?.name.as_deref()
    }

    /// Takes the task's span, which ends with it. By whoever claimed the task.
    #[inline(always)]
    pub(crate) fn take_span(&self) -> Option<tracing::Span> {
        self.meta()?.span.take()
    }

    /// Keeps the first cause.
    pub(crate) fn set_cause(&self, cause: Cause) {
        let _ = self.cold.content().cause.set(cause);
    }

    pub(crate) fn cause(&self) -> Option<Cause> {
        self.meta()?.cause.get().copied()
    }

    /// The task's values of task-locals. By the task itself.
    pub(crate) fn locals(&self) -> &Locals {
        &self.cold.content().locals
    }
}

impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meta").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Drop for Cold {
    #[inline(always)]
    fn drop(&mut self) {
        let meta = *self.0.get_mut();
        if !meta.is_null() {
            // SAFETY: made by `Box::into_raw`, and nobody else reaches it any more.
            drop_meta(unsafe { Box::from_raw(meta) });
        }
    }
}

/// The task has dropped its locals when it ended; one that never ran has none.
#[cold]
#[inline(never)]
#[allow(
    clippy::boxed_local,
    reason = "moved out of its box it would be copied into every frame above"
)]
fn drop_meta(meta: Box<Meta>) {
    // Of a task that nobody claimed. A subscriber that is told of the end may panic.
    unwind::drop_quietly(meta.span.take());
    drop(meta);
}
