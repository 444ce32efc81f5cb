//! One boundary: a record in the frame of the function that opened it, which lives until it is
//! closed.

use std::any::Any;
use std::cell::Cell;
use std::mem::offset_of;
use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Instant;

use crate::unwind::{self, Destination};

/// The numbers of variants of [`Kind`].
const SHIELD: u32 = 0;
const TIMEOUT: u32 = 1;

/// What a boundary does to the waits inside it. The layout is laid down, for other processes read
/// it: first the number of the variant, and then what the variant has.
#[derive(Debug)]
#[repr(u32)]
pub(super) enum Kind<'a> {
    /// Nothing from outside the shield is thrown into the code inside.
    Shield = SHIELD,
    /// The code inside is unwound once this deadline has passed. `None`: the deadline lies beyond
    /// all time.
    Timeout(Option<Instant>) = TIMEOUT,
    /// I/O waits inside end with an error once this deadline has passed.
    IoDeadline(Instant),
    /// The code inside is unwound once this flag is set, for a child of the scope has failed.
    Scope(&'a AtomicBool),
    /// None. A coroutine must not suspend in there, for what runs inside belongs to this task: a
    /// task-local has another value, or the task polls a future.
    Fixed,
}

/// Bounds or shields the waits of the code inside it, while it is open.
#[derive(Debug)]
pub(crate) struct Boundary<'a> {
    pub(super) kind: Kind<'a>,
    /// The boundary is a timeout, and its deadline has passed.
    expired: Cell<bool>,
    /// Names the boundary in a throw's payload. Given at the first throw; zero before. No id is
    /// used twice in a process, so a payload that outlives its boundary never matches another one.
    id: Cell<u64>,
    /// The next open boundary outwards, while this one is open.
    pub(super) outer: Cell<*const Boundary<'static>>,
}

impl<'a> Boundary<'a> {
    /// Where the parts lie, and what they mean, for other processes.
    pub(crate) const FIELDS: &'static [(&'static str, u64)] = &[
        ("boundary.kind", offset_of!(Boundary<'_>, kind) as u64),
        ("boundary.deadline", Self::DEADLINE as u64),
        ("boundary.expired", offset_of!(Boundary<'_>, expired) as u64),
        ("boundary.outer", offset_of!(Boundary<'_>, outer) as u64),
        ("boundary.is_shield", SHIELD as u64),
        ("boundary.is_timeout", TIMEOUT as u64),
    ];

    /// Where the deadline of a timeout lies: behind the variant's number, as it is aligned.
    const DEADLINE: usize = {
        let align = align_of::<Option<Instant>>();
        offset_of!(Boundary<'_>, kind) + if align > size_of::<u32>() { align } else { 4 }
    };

    fn new(kind: Kind<'a>) -> Boundary<'a> {
        Boundary {
            kind,
            expired: Cell::new(false),
            id: Cell::new(0),
            outer: Cell::new(ptr::null()),
        }
    }

    /// A boundary into which nothing is thrown.
    pub(crate) fn shield() -> Boundary<'static> {
        Boundary::new(Kind::Shield)
    }

    /// A boundary whose inside is unwound once `deadline` has passed. `expired`: it has passed
    /// already.
    pub(crate) fn timeout(deadline: Option<Instant>, expired: bool) -> Boundary<'static> {
        let boundary = Boundary::new(Kind::Timeout(deadline));
        boundary.expired.set(expired);
        boundary
    }

    /// A boundary whose I/O waits end with an error at `at`.
    pub(crate) fn io_deadline(at: Instant) -> Boundary<'static> {
        Boundary::new(Kind::IoDeadline(at))
    }

    /// A boundary whose inside is unwound once `failed` is set and the task has been told.
    pub(crate) fn scope(failed: &'a AtomicBool) -> Boundary<'a> {
        Boundary::new(Kind::Scope(failed))
    }

    /// A boundary that only keeps coroutines from being suspended inside.
    pub(crate) fn fixed() -> Boundary<'static> {
        Boundary::new(Kind::Fixed)
    }

    /// Marks that the timeout's deadline has passed.
    pub(crate) fn expire(&self) {
        self.expired.set(true);
    }

    /// Whether the code inside is to be unwound.
    pub(crate) fn has_run_out(&self) -> bool {
        match self.kind {
            Kind::Timeout(_) => self.expired.get(),
            Kind::Scope(failed) => failed.load(Acquire),
            Kind::Shield | Kind::IoDeadline(_) | Kind::Fixed => false,
        }
    }

    pub(super) fn is_shield(&self) -> bool {
        matches!(self.kind, Kind::Shield)
    }

    /// The destination of a throw that ends at this boundary.
    pub(super) fn destination(&self) -> Destination {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        if self.id.get() == 0 {
            self.id.set(NEXT.fetch_add(1, Relaxed));
        }
        Destination::Boundary(self.id.get())
    }

    /// Whether a payload was thrown to this boundary.
    pub(super) fn is_destination_of(&self, payload: &(dyn Any + Send)) -> bool {
        unwind::leads_to(payload, Destination::Boundary(self.id.get()))
    }
}
