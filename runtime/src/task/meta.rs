//! What few tasks have: a name, a span, a parent, a cause of its cancel, task-locals. The record is
//! made when it is first needed, so that other tasks carry a null pointer only.

use std::cell::Cell;
use std::fmt;
use std::mem::offset_of;
use std::sync::OnceLock;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

use super::{Cause, Header, Locals, TaskId};
use crate::unwind;

/// The task that spawned a task, as reports name it. A copy, for that task may be gone by then.
#[derive(Clone, Default, Debug)]
pub(crate) struct Parent {
    /// Zero: there is no parent.
    id: u64,
    name: Option<Box<str>>,
}

impl Parent {
    pub(crate) fn new(task: &Header) -> Parent {
        Parent { id: task.id, name: task.name().map(Box::from) }
    }

    /// The task with this id, and what is known of its name.
    pub(crate) fn known(id: u64, name: Option<String>) -> Parent {
        Parent { id, name: name.map(Into::into) }
    }

    pub(crate) fn id(&self) -> TaskId {
        TaskId::new(self.id)
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
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
    /// The task that spawned this one, if a task did.
    parent: Parent,
    cause: OnceLock<Cause>,
    locals: Locals,
}

impl Meta {
    pub(crate) fn new(
        name: Option<Box<str>>,
        span: Option<tracing::Span>,
        parent: Option<Parent>,
    ) -> Meta {
        let parent = parent.unwrap_or_default();
        Meta { name, span: Cell::new(span), parent, ..Meta::default() }
    }

    pub(crate) fn parent(&self) -> Option<&Parent> {
        (self.parent.id != 0).then_some(&self.parent)
    }

    /// Where the parts lie, for other processes.
    pub(crate) const FIELDS: &[(&str, u64)] = &[
        ("meta.name", offset_of!(Meta, name) as u64),
        ("meta.parent", (offset_of!(Meta, parent) + offset_of!(Parent, id)) as u64),
    ];
}

/// A task's pointer to its [`Meta`]: null until that is made.
pub(super) struct MetaPtr(AtomicPtr<Meta>);

impl MetaPtr {
    /// A pointer to what the spawn knows of the task, or null.
    #[inline(always)]
    pub(super) fn new(meta: Option<Box<Meta>>) -> MetaPtr {
        MetaPtr(AtomicPtr::new(meta.map_or(std::ptr::null_mut(), Box::into_raw)))
    }

    #[inline(always)]
    pub(super) fn get(&self) -> Option<&Meta> {
        // SAFETY: the pointer is null, or came from `Box::into_raw`, and what it points to is freed
        // by `drop` only, which no borrow of `self` outlives.
        unsafe { self.0.load(Acquire).as_ref() }
    }

    /// The task's [`Meta`], made now if there is none. Two threads may race to make it.
    fn content(&self) -> &Meta {
        if let Some(content) = self.get() {
            return content;
        }
        let made = Box::into_raw(Box::default());
        let there = match self.0.compare_exchange(std::ptr::null_mut(), made, AcqRel, Acquire) {
            Ok(_) => made,
            Err(there) => {
                // SAFETY: `made` came from `Box::into_raw` just now, and the failed exchange showed
                // it to nobody.
                drop(unsafe { Box::from_raw(made) });
                there
            }
        };
        // SAFETY: `there` came from `Box::into_raw`, stands in `self`, and is freed by `drop` only,
        // which no borrow of `self` outlives.
        unsafe { &*there }
    }
}

impl Header {
    #[inline(always)]
    pub(crate) fn meta(&self) -> Option<&Meta> {
        self.meta.get()
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.meta()?.name.as_deref()
    }

    /// Takes the task's span, which is to end with the task. By whoever claimed the task.
    #[inline(always)]
    pub(crate) fn take_span(&self) -> Option<tracing::Span> {
        self.meta()?.span.take()
    }

    /// Notes why the task was cancelled. The first cause stays.
    pub(crate) fn set_cause(&self, cause: Cause) {
        let _ = self.meta.content().cause.set(cause);
    }

    pub(crate) fn cause(&self) -> Option<Cause> {
        self.meta()?.cause.get().copied()
    }

    /// Drops the task's values of task-locals. By the task itself, so that their destructors may
    /// wait; also if the task is cancelled, which would be thrown out of their waits otherwise.
    #[inline(always)]
    pub(super) fn drop_locals(&self) {
        if let Some(meta) = self.meta()
            && !meta.locals.is_empty()
        {
            drop_locals(&meta.locals, self.word.is_cancelled());
        }
    }

    /// The task's values of task-locals. By the task itself.
    pub(crate) fn locals(&self) -> &Locals {
        &self.meta.content().locals
    }
}

/// Drops values, of which few tasks have any: out of the path of the others.
#[cold]
#[inline(never)]
fn drop_locals(locals: &Locals, is_cancelled: bool) {
    let dropped = match is_cancelled {
        true => unwind::amid_cancel(|| locals.drop_all()),
        false => unwind::catch(|| locals.drop_all()),
    };
    unwind::drop_quietly(dropped);
}

impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meta").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Drop for MetaPtr {
    #[inline(always)]
    fn drop(&mut self) {
        let meta = *self.0.get_mut();
        if !meta.is_null() {
            // SAFETY: `meta` came from `Box::into_raw`, and `self` is being dropped, so nobody else
            // reaches it.
            drop_meta(unsafe { Box::from_raw(meta) });
        }
    }
}

/// Frees a task's [`Meta`]. There is no task-local left in it: a task drops its own when it ends,
/// and a task that never ran has none.
#[cold]
#[inline(never)]
#[allow(
    clippy::boxed_local,
    reason = "moved out of its box it would be copied into every frame above"
)]
fn drop_meta(meta: Box<Meta>) {
    // There is a span still if nobody claimed the task. The subscriber, which is told of the span's
    // end, may panic.
    unwind::drop_quietly(meta.span.take());
    drop(meta);
}
