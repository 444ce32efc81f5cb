//! Boundaries: what bounds or shields the waits of a task, as records on its stack.
//!
//! Innermost first. A throw goes to the outermost expired timeout that no shield hides; the task's own
//! cancel goes before all of them and to the root.

use std::any::Any;
use std::cell::Cell;
use std::time::Instant;

use super::Header;

/// What a boundary does to the waits inside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BoundaryKind {
    /// Nothing from outside is thrown into it.
    Shield,
    /// It unwinds what is inside once its deadline has passed.
    Timeout,
    /// I/O waits inside it end with an error once its deadline has passed.
    IoDeadline,
}

/// One record. It lies on the task's stack, between its opening and its closing.
#[derive(Debug)]
pub(crate) struct Boundary {
    pub(crate) kind: BoundaryKind,
    pub(crate) deadline: Option<Instant>,
    /// Never used again in this process: an unwind that outlives its boundary finds no other.
    pub(crate) id: u64,
    pub(crate) expired: Cell<bool>,
    pub(crate) outer: Cell<*const Boundary>,
}

/// What the runtime throws. Private: user code can catch and rethrow it, not make one.
#[derive(Debug)]
pub(crate) enum Throw {
    /// To the task's root.
    Cancel,
    /// To the boundary with this id.
    Expired(u64),
}

/// Whether a payload is the cancel's.
pub(crate) fn is_cancel(payload: &(dyn Any + Send)) -> bool {
    matches!(payload.downcast_ref(), Some(Throw::Cancel))
}

/// Whether a payload is the runtime's.
pub(crate) fn is_throw(payload: &(dyn Any + Send)) -> bool {
    payload.is::<Throw>()
}

/// The boundaries of a task, innermost first.
///
/// # Safety
///
/// On the owner's thread, and no boundary is closed while the iterator is used.
pub(crate) unsafe fn boundaries(task: &Header) -> impl Iterator<Item = &Boundary> {
    let mut next = task.boundary.get();
    std::iter::from_fn(move || {
        // SAFETY: the records are linked while they lie on the task's stack.
        let boundary = unsafe { next.as_ref() }?;
        next = boundary.outer.get();
        Some(boundary)
    })
}

/// What is to be thrown at the task's wait now, if it may be thrown to at all.
pub(crate) fn pending(task: &Header, cancelled: bool) -> Option<Throw> {
    if task.boundary.get().is_null() {
        return cancelled.then_some(Throw::Cancel);
    }
    let mut throw = None;
    // SAFETY: on the owner's thread; nothing below closes a boundary.
    for boundary in unsafe { boundaries(task) } {
        match boundary.kind {
            BoundaryKind::Shield => return throw,
            BoundaryKind::Timeout if boundary.expired.get() => {
                throw = Some(Throw::Expired(boundary.id));
            }
            BoundaryKind::Timeout | BoundaryKind::IoDeadline => {}
        }
    }
    if cancelled { Some(Throw::Cancel) } else { throw }
}

/// The earliest deadline that I/O waits of the task have to keep.
pub(crate) fn io_deadline(task: &Header) -> Option<Instant> {
    // SAFETY: on the owner's thread; nothing below closes a boundary.
    unsafe { boundaries(task) }
        .take_while(|boundary| boundary.kind != BoundaryKind::Shield)
        .filter(|boundary| boundary.kind == BoundaryKind::IoDeadline)
        .filter_map(|boundary| boundary.deadline)
        .min()
}

/// Whether a shield stands around the task's waits.
pub(crate) fn is_shielded(task: &Header) -> bool {
    // SAFETY: on the owner's thread; nothing below closes a boundary.
    unsafe { boundaries(task) }.any(|boundary| boundary.kind == BoundaryKind::Shield)
}
