//! One boundary: a record on the stack of what it bounds, between its opening and its closing.

use std::any::Any;
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Instant;

use crate::unwind::{self, Destination};

/// What a boundary does to the waits inside it.
#[derive(Debug)]
pub(super) enum Kind<'a> {
    /// Nothing from outside is thrown into it.
    Shield,
    /// It unwinds what is inside once its deadline has passed; `None`: that is beyond all time.
    Timeout(Option<Instant>),
    /// I/O waits inside it end with an error once its deadline has passed.
    IoDeadline(Instant),
    /// It unwinds what is inside once this is set: one of its children has failed.
    Scope(&'a AtomicBool),
}

/// What bounds or shields the waits of the code that it is open around.
#[derive(Debug)]
pub(crate) struct Boundary<'a> {
    pub(super) kind: Kind<'a>,
    /// A timeout's deadline has passed.
    expired: Cell<bool>,
    /// Given out at the first throw; zero before. It is never used again in this process, so a
    /// payload that outlives its boundary finds no other.
    id: Cell<u64>,
    /// The next one outwards, while this one is open.
    pub(super) outer: Cell<*const Boundary<'static>>,
}

impl<'a> Boundary<'a> {
    fn new(kind: Kind<'a>) -> Boundary<'a> {
        Boundary {
            kind,
            expired: Cell::new(false),
            id: Cell::new(0),
            outer: Cell::new(ptr::null()),
        }
    }

    pub(crate) fn shield() -> Boundary<'static> {
        Boundary::new(Kind::Shield)
    }

    /// Unwinds what is inside once `deadline` has passed; `expired`: it has.
    pub(crate) fn timeout(deadline: Option<Instant>, expired: bool) -> Boundary<'static> {
        let boundary = Boundary::new(Kind::Timeout(deadline));
        boundary.expired.set(expired);
        boundary
    }

    pub(crate) fn io_deadline(at: Instant) -> Boundary<'static> {
        Boundary::new(Kind::IoDeadline(at))
    }

    /// Unwinds what is inside once `failed` is set and the task has been told.
    pub(crate) fn scope(failed: &'a AtomicBool) -> Boundary<'a> {
        Boundary::new(Kind::Scope(failed))
    }

    /// Its deadline has passed.
    pub(crate) fn expire(&self) {
        self.expired.set(true);
    }

    /// Whether what is inside is to be unwound.
    pub(crate) fn has_run_out(&self) -> bool {
        match self.kind {
            Kind::Timeout(_) => self.expired.get(),
            Kind::Scope(failed) => failed.load(Acquire),
            Kind::Shield | Kind::IoDeadline(_) => false,
        }
    }

    pub(super) fn is_shield(&self) -> bool {
        matches!(self.kind, Kind::Shield)
    }

    /// Where a throw that ends here leads.
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
