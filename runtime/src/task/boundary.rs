//! Boundaries: what bounds or shields the waits of a task or a plain thread, as records on its stack.
//!
//! Innermost first. A throw goes to the outermost boundary that has run out and that no shield hides;
//! the task's own cancel goes before all of them and to the root.

use std::any::Any;
use std::cell::Cell;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Instant;

use super::{Flags, Header};
use crate::unwind::Payload;

/// What a boundary does to the waits inside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BoundaryKind {
    /// Nothing from outside is thrown into it.
    Shield,
    /// It unwinds what is inside once its deadline has passed.
    Timeout,
    /// I/O waits inside it end with an error once its deadline has passed.
    IoDeadline,
    /// It unwinds what is inside once one of its children has failed.
    Scope,
    /// It only marks that something is open which a coroutine must not be suspended in.
    Value,
}

/// One record. It lies on the stack of what it bounds, between its opening and its closing.
#[derive(Debug)]
pub(crate) struct Boundary {
    pub(crate) kind: BoundaryKind,
    pub(crate) deadline: Option<Instant>,
    /// Given out at the first throw, zero before. Never used again in this process: an unwind that
    /// outlives its boundary finds no other.
    id: Cell<u64>,
    pub(crate) expired: Cell<bool>,
    /// A scope's: set by whoever runs the child that failed. It outlives the record.
    failed: *const AtomicBool,
    pub(crate) outer: Cell<*const Boundary>,
}

impl Boundary {
    pub(crate) fn new(kind: BoundaryKind, deadline: Option<Instant>) -> Boundary {
        Boundary {
            kind,
            deadline,
            id: Cell::new(0),
            expired: Cell::new(false),
            failed: std::ptr::null(),
            outer: Cell::new(std::ptr::null()),
        }
    }

    /// A scope's boundary.
    ///
    /// # Safety
    ///
    /// The flag outlives the record.
    pub(crate) unsafe fn of_scope(failed: &AtomicBool) -> Boundary {
        Boundary { failed, ..Boundary::new(BoundaryKind::Scope, None) }
    }

    /// Whether what is inside is to be unwound.
    pub(crate) fn has_run_out(&self) -> bool {
        match self.kind {
            BoundaryKind::Timeout => self.expired.get(),
            // SAFETY: the flag outlives the record.
            BoundaryKind::Scope => unsafe { &*self.failed }.load(Acquire),
            BoundaryKind::Shield | BoundaryKind::IoDeadline | BoundaryKind::Value => false,
        }
    }

    /// What unwinds to this boundary.
    fn throw(&self) -> Throw {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        if self.id.get() == 0 {
            self.id.set(NEXT.fetch_add(1, Relaxed));
        }
        Throw { to: Some(self.id.get()), under_way: None }
    }

    /// Whether an unwinding was thrown to this boundary.
    pub(crate) fn is_target_of(&self, payload: &(dyn Any + Send)) -> bool {
        payload.downcast_ref().is_some_and(|throw: &Throw| throw.to == Some(self.id.get()))
    }
}

/// What the runtime throws. Private: user code can catch and rethrow it, not make one.
#[derive(Debug)]
pub(crate) struct Throw {
    /// The id of the boundary that it leads to; none: the task's root.
    to: Option<u64>,
    /// What ends with it.
    pub(crate) under_way: Option<Payload>,
}

impl Throw {
    /// To the task's root.
    pub(crate) const CANCEL: Throw = Throw { to: None, under_way: None };
}

/// Whether a payload is the runtime's.
pub(crate) fn is_throw(payload: &(dyn Any + Send)) -> bool {
    payload.is::<Throw>()
}

/// What an unwinding that left a task means: `Err` with it if the task was cancelled, else its panic.
///
/// One that user code kept and raised again when its boundary was gone, or in another task, is a
/// panic like any other, and no longer one that a boundary could take for its own.
pub(crate) fn panic_of(task: &Header, payload: Payload) -> Result<Payload, Payload> {
    task.clear(Flags::THROWN);
    if !is_throw(&*payload) {
        Ok(payload)
    } else if task.word.is_cancelled() {
        Err(payload)
    } else {
        Ok(Box::new("the unwinding of a cancel or a timeout was raised again after its end"))
    }
}

/// The boundaries from `first` on, outwards.
///
/// # Safety
///
/// On the thread whose stacks the records lie on, and none is closed while the iterator is used.
pub(crate) unsafe fn outwards<'a>(first: *const Boundary) -> impl Iterator<Item = &'a Boundary> {
    let mut next = first;
    std::iter::from_fn(move || {
        // SAFETY: the records are linked while they lie on their stack.
        let boundary = unsafe { next.as_ref() }?;
        next = boundary.outer.get();
        Some(boundary)
    })
}

/// What is to be thrown at a wait inside `first`, if it may be thrown to at all.
///
/// # Safety
///
/// As [`outwards`].
pub(crate) unsafe fn pending(first: *const Boundary, cancelled: bool) -> Option<Throw> {
    let mut target = None;
    // SAFETY: the caller's promise.
    for boundary in unsafe { outwards(first) } {
        if boundary.kind == BoundaryKind::Shield {
            return target.map(Boundary::throw);
        }
        if boundary.has_run_out() {
            target = Some(boundary);
        }
    }
    if cancelled { Some(Throw::CANCEL) } else { target.map(Boundary::throw) }
}

/// Whether anything is pending for a wait inside `first`: as [`pending`], and uses no id up.
///
/// # Safety
///
/// As [`outwards`].
pub(crate) unsafe fn is_pending(first: *const Boundary, cancelled: bool) -> bool {
    // SAFETY: the caller's promise.
    for boundary in unsafe { outwards(first) } {
        if boundary.kind == BoundaryKind::Shield {
            return false;
        }
        if boundary.has_run_out() {
            return true;
        }
    }
    cancelled
}

/// Marks the timeouts whose deadlines have passed.
///
/// # Safety
///
/// As [`outwards`].
pub(crate) unsafe fn expire(first: *const Boundary, now: Instant) -> bool {
    let mut any = false;
    // SAFETY: the caller's promise.
    for boundary in unsafe { outwards(first) } {
        if boundary.kind == BoundaryKind::Timeout && boundary.deadline.is_some_and(|at| at <= now) {
            boundary.expired.set(true);
            any = true;
        }
    }
    any
}

/// The earliest deadline of a timeout that is not marked as expired and that no shield hides.
///
/// # Safety
///
/// As [`outwards`].
pub(crate) unsafe fn next_expiry(first: *const Boundary) -> Option<Instant> {
    // SAFETY: the caller's promise.
    unsafe { outwards(first) }
        .take_while(|boundary| boundary.kind != BoundaryKind::Shield)
        .filter(|boundary| boundary.kind == BoundaryKind::Timeout && !boundary.expired.get())
        .filter_map(|boundary| boundary.deadline)
        .min()
}

/// The earliest deadline that I/O waits inside `first` have to keep.
///
/// # Safety
///
/// As [`outwards`].
pub(crate) unsafe fn io_deadline(first: *const Boundary) -> Option<Instant> {
    // SAFETY: the caller's promise.
    unsafe { outwards(first) }
        .take_while(|boundary| boundary.kind != BoundaryKind::Shield)
        .filter(|boundary| boundary.kind == BoundaryKind::IoDeadline)
        .filter_map(|boundary| boundary.deadline)
        .min()
}
