//! The boundaries that a task or a plain thread has open.

use std::cell::Cell;
use std::mem::offset_of;
use std::panic::resume_unwind;
use std::ptr;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Instant;

use super::record::{Boundary, Kind};
use crate::unwind::{self, AbortIfPanic, Destination, Payload};

/// The open boundaries of one task or one plain thread: what its waits have to know of the code
/// around them.
///
/// Only the thread that runs this code reaches its `Waits`.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    innermost: Cell<*const Boundary<'static>>,
}

/// Which boundaries a task or thread has open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mark {
    innermost: *const Boundary<'static>,
    waits: *const Waits,
}

impl Default for Mark {
    fn default() -> Mark {
        Mark { innermost: ptr::null(), waits: ptr::null() }
    }
}

/// An open boundary, which is closed when this guard is dropped.
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
        // SAFETY: `Waits::within` makes this guard, and borrows the record for longer than the
        // guard lives.
        self.waits.innermost.set(unsafe { (*self.record).outer.get() });
    }
}

#[cold]
fn out_of_order() -> ! {
    let _abort = AbortIfPanic("closing a boundary out of order");
    panic!("boundaries close in the order they were opened");
}

impl Waits {
    /// Where the address of the innermost boundary lies, for other processes.
    pub(crate) const INNERMOST: usize = offset_of!(Waits, innermost);

    pub(crate) const fn new() -> Waits {
        Waits { innermost: Cell::new(ptr::null()) }
    }

    /// Whether nothing bounds or shields the waits.
    #[inline(always)]
    pub(crate) fn are_free(&self) -> bool {
        self.innermost.get().is_null()
    }

    /// Which boundaries are open, to be compared on the same task or thread.
    #[inline(always)]
    pub(crate) fn mark(&self) -> Mark {
        Mark { innermost: self.innermost.get(), waits: self }
    }

    /// Whether the code is as free to wait as if no boundary was open.
    pub(crate) fn are_unbounded(&self) -> bool {
        self.are_free() || self.outwards().all(|boundary| matches!(boundary.kind, Kind::Fixed))
    }

    /// The open boundaries, innermost first.
    fn outwards(&self) -> impl Iterator<Item = &Boundary<'_>> {
        let mut next = self.innermost.get();
        std::iter::from_fn(move || {
            // SAFETY: a record is in the list from its opening to its closing, and stays in the
            // frame of `within` for that time. Opening and closing are done by the code whose waits
            // these are, on this thread. That code does not run while the iterator is in use, for
            // the iterator stays within this module.
            let boundary = unsafe { next.as_ref() }?;
            next = boundary.outer.get();
            Some(boundary)
        })
    }

    /// The open boundaries up to the innermost shield.
    fn unshielded(&self) -> impl Iterator<Item = &Boundary<'_>> {
        self.outwards().take_while(|boundary| !boundary.is_shield())
    }

    /// Runs `f` inside the boundary `record`.
    #[inline]
    pub(crate) fn within<R>(&self, record: &Boundary<'_>, f: impl FnOnce() -> R) -> R {
        // The list needs one lifetime for all records. It may be `'static`, for the guard takes the
        // record out of the list before the borrow of `record` ends.
        let record = ptr::from_ref(record).cast::<Boundary<'static>>();
        // SAFETY: the record is borrowed until this call returns.
        unsafe { (*record).outer.set(self.innermost.replace(record)) };
        let _open = Open { waits: self, record };
        f()
    }

    /// Runs `f`, which does not unwind, as if no boundary was open.
    pub(crate) fn apart(&self, f: impl FnOnce()) {
        let innermost = self.innermost.replace(ptr::null());
        f();
        self.innermost.set(innermost);
    }

    /// Runs `f` with every throw held back, for code that waits where it must not unwind.
    pub(crate) fn shielded<R>(&self, f: impl FnOnce() -> R) -> R {
        self.within(&Boundary::shield(), f)
    }

    /// Runs `f` inside the boundary `record`, and catches what unwinds `f`. `Err(None)`: `f` was
    /// unwound to this boundary. `Err(Some(_))`: it was unwound by something else.
    #[inline]
    pub(crate) fn caught<T>(
        &self,
        record: &Boundary<'_>,
        f: impl FnOnce() -> T,
    ) -> Result<T, Option<Payload>> {
        match self.within(record, || unwind::catch(f)) {
            Ok(value) => {
                if unwind::is_thrown() && !thread::panicking() {
                    // User code inside `f` caught our unwind and did not raise it again: clear the
                    // stale mark.
                    unwind::not_thrown();
                }
                Ok(value)
            }
            // Our unwind ends at this boundary. Its payload is dropped here, which clears its mark.
            Err(payload) if record.is_destination_of(&*payload) => Err(None),
            Err(payload) => {
                // Of a thread that unwinds still, this ran in a destructor: the mark is that
                // unwinding's.
                if !unwind::is_throw(&*payload) && !thread::panicking() {
                    unwind::not_thrown();
                }
                Err(Some(payload))
            }
        }
    }

    /// Runs `f` inside a scope's boundary. `Err(None)`: `failed` was set and the task was told, so
    /// `f` was unwound from one of its waits.
    pub(crate) fn scoped<T>(
        &self,
        failed: &AtomicBool,
        f: impl FnOnce() -> T,
    ) -> Result<T, Option<Payload>> {
        self.caught(&Boundary::scope(failed), f)
    }

    /// Runs `f` inside the timeout `record`. `None`: the timeout has expired, so `f` was unwound.
    /// Any other unwind goes on.
    #[inline]
    pub(crate) fn timed<T>(&self, record: &Boundary<'_>, f: impl FnOnce() -> T) -> Option<T> {
        match self.caught(record, f) {
            Ok(value) => Some(value),
            Err(None) => None,
            Err(Some(payload)) => resume_unwind(payload),
        }
    }

    /// Where a throw from a wait inside these boundaries would lead, if one is due.
    ///
    /// The destination is the outermost boundary that has run out and that no shield hides. If the
    /// task is cancelled and no shield hides that, it is the task's root.
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

    /// Whether an open boundary has run out, even if a shield hides it.
    pub(crate) fn any_has_run_out(&self) -> bool {
        self.outwards().any(Boundary::has_run_out)
    }

    /// Marks the open timeouts whose deadlines have passed as expired. Whether there are any.
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

    /// The earliest deadline that bounds I/O waits and that no shield hides.
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
