//! The boundaries that a task or a plain thread has open.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::ptr;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Instant;

use super::record::{Boundary, Kind};
use crate::unwind::{self, AbortIfPanic, Destination, Payload};

/// What the waits of one task, or of one plain thread, have to know of the code around them.
///
/// Only whoever runs that code reaches it: the worker of the task, or the thread.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    innermost: Cell<*const Boundary<'static>>,
}

/// A boundary that is open: closed when this is dropped.
struct Open<'a> {
    waits: &'a Waits,
    record: *const Boundary<'static>,
}

impl Drop for Open<'_> {
    #[inline]
    fn drop(&mut self) {
        if !ptr::eq(self.waits.innermost.get(), self.record) {
            out_of_order();
        }
        // SAFETY: the record outlives this guard, by `Waits::within`.
        self.waits.innermost.set(unsafe { (*self.record).outer.get() });
    }
}

#[cold]
fn out_of_order() -> ! {
    let _abort = AbortIfPanic("closing a boundary out of order");
    panic!("boundaries close in the order they were opened");
}

impl Waits {
    pub(crate) const fn new() -> Waits {
        Waits { innermost: Cell::new(ptr::null()) }
    }

    /// Whether nothing bounds or shields the waits.
    #[inline(always)]
    pub(crate) fn are_free(&self) -> bool {
        self.innermost.get().is_null()
    }

    /// The open boundaries, innermost first.
    fn outwards(&self) -> impl Iterator<Item = &Boundary<'_>> {
        let mut next = self.innermost.get();
        std::iter::from_fn(move || {
            // SAFETY: a record is linked from its opening to its closing, between which it stays in
            // the frame of `within`. Both happen in the code whose waits these are, which does not
            // run while the iterator, which does not leave this module, is used.
            let boundary = unsafe { next.as_ref() }?;
            next = boundary.outer.get();
            Some(boundary)
        })
    }

    /// The open boundaries up to the innermost shield.
    fn unshielded(&self) -> impl Iterator<Item = &Boundary<'_>> {
        self.outwards().take_while(|boundary| !boundary.is_shield())
    }

    /// Runs `f` inside a boundary.
    #[inline]
    pub(crate) fn within<R>(&self, record: &Boundary<'_>, f: impl FnOnce() -> R) -> R {
        // Only the lifetime changes: the guard takes the record out before this returns.
        let record = ptr::from_ref(record).cast::<Boundary<'static>>();
        // SAFETY: the record is borrowed for this call.
        unsafe { (*record).outer.set(self.innermost.replace(record)) };
        let _open = Open { waits: self, record };
        f()
    }

    /// Runs `f` with every throw held back: for code that waits where it must not unwind.
    pub(crate) fn shielded<R>(&self, f: impl FnOnce() -> R) -> R {
        self.within(&Boundary::shield(), f)
    }

    /// Runs `f` inside a boundary. `Err(None)`: it was unwound to this boundary.
    #[inline]
    pub(crate) fn caught<T>(
        &self,
        record: &Boundary<'_>,
        f: impl FnOnce() -> T,
    ) -> Result<T, Option<Payload>> {
        match self.within(record, || unwind::catch(f)) {
            Ok(value) => {
                if unwind::is_thrown() && !thread::panicking() {
                    // User code has swallowed what was thrown, and keeps it.
                    unwind::not_thrown();
                }
                Ok(value)
            }
            // What was thrown ends here, and its mark with it.
            Err(payload) if record.is_destination_of(&*payload) => Err(None),
            Err(payload) => {
                if !unwind::is_throw(&*payload) {
                    unwind::not_thrown();
                }
                Err(Some(payload))
            }
        }
    }

    /// Runs `f` until it returns or unwinds. It is unwound from one of its waits once `failed` is set
    /// and the task is told: then `Err(None)`.
    pub(crate) fn scoped<T>(
        &self,
        failed: &AtomicBool,
        f: impl FnOnce() -> T,
    ) -> Result<T, Option<Payload>> {
        self.caught(&Boundary::scope(failed), f)
    }

    /// As [`Waits::caught`], of a timeout: `None` if it has run out.
    #[inline]
    pub(crate) fn timed<T>(&self, record: &Boundary<'_>, f: impl FnOnce() -> T) -> Option<T> {
        match self.caught(record, f) {
            Ok(value) => Some(value),
            Err(None) => None,
            Err(Some(payload)) => resume_unwind(payload),
        }
    }

    /// Where a throw at a wait in here would lead, if one is due.
    ///
    /// The outermost boundary that has run out and that no shield hides is the destination; a cancel
    /// of the whole task goes before all of them.
    pub(crate) fn due(&self, cancelled: bool) -> Option<Destination> {
        let mut outermost = None;
        for boundary in self.outwards() {
            if boundary.is_shield() {
                return outermost.map(Boundary::destination);
            }
            if boundary.has_run_out() {
                outermost = Some(boundary);
            }
        }
        if cancelled { Some(Destination::Root) } else { outermost.map(Boundary::destination) }
    }

    /// Whether a throw is due, as [`Waits::due`] says.
    pub(crate) fn is_due(&self, cancelled: bool) -> bool {
        for boundary in self.outwards() {
            if boundary.is_shield() {
                return false;
            }
            if boundary.has_run_out() {
                return true;
            }
        }
        cancelled
    }

    /// Whether a boundary that is open has run out, be it behind a shield.
    pub(crate) fn any_has_run_out(&self) -> bool {
        self.outwards().any(Boundary::has_run_out)
    }

    /// Marks the timeouts whose deadlines have passed, and tells whether there are any.
    pub(crate) fn expire(&self, now: Instant) -> bool {
        let mut any = false;
        for boundary in self.outwards() {
            if matches!(boundary.kind, Kind::Timeout(Some(at)) if at <= now) {
                boundary.expire();
                any = true;
            }
        }
        any
    }

    /// The earliest deadline of a timeout that is not marked as expired and that no shield hides.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        let deadlines = self.unshielded().filter_map(|boundary| match boundary.kind {
            Kind::Timeout(at) if !boundary.has_run_out() => at,
            _ => None,
        });
        deadlines.min()
    }

    /// The earliest deadline that I/O waits have to keep.
    #[inline]
    pub(crate) fn io_deadline(&self) -> Option<Instant> {
        if self.are_free() {
            return None;
        }
        let deadlines = self.unshielded().filter_map(|boundary| match boundary.kind {
            Kind::IoDeadline(at) => Some(at),
            _ => None,
        });
        deadlines.min()
    }
}
