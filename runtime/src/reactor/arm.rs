//! Readiness as an arm of a choice.

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Instant;

use super::source::{side, timed_out};
use super::{Direction, Source, driver, thread};
use crate::waiters::{Arm, Choice, LocalNode, Place};
use crate::{cancel, clock, current, park};

/// A wait for readiness in `select!`.
#[doc(hidden)]
pub struct ReadyArm<'a> {
    source: &'a Source,
    direction: Direction,
    node: UnsafeCell<Option<LocalNode>>,
    /// Why it could not be waited for.
    failed: Cell<Option<io::Error>>,
}

impl<'a> ReadyArm<'a> {
    pub(crate) fn new(source: &'a Source, direction: Direction) -> ReadyArm<'a> {
        ReadyArm { source, direction, node: UnsafeCell::new(None), failed: Cell::new(None) }
    }

    /// Chosen, but with this error.
    fn fail(&self, error: io::Error) -> bool {
        self.failed.set(Some(error));
        true
    }

    fn has_failed(&self) -> bool {
        let failed = self.failed.take();
        let has = failed.is_some();
        self.failed.set(failed);
        has
    }
}

impl Choice for ReadyArm<'_> {
    fn attempt(&self) -> bool {
        if self.has_failed() || self.is_ready() {
            return true;
        }
        if park::refuses_io() {
            return self.fail(cancel::error());
        }
        if park::io_deadline().is_some_and(|at| clock::now() >= at) {
            return self.fail(timed_out());
        }
        false
    }

    fn is_ready(&self) -> bool {
        // Of a failed poll the operation itself will say more.
        !self.source.is_used_up(self.direction)
            && thread::is_ready(self.source.fd(), self.direction).unwrap_or(true)
    }

    fn link(&self, place: Place<'_>) -> bool {
        if current::task().is_none() {
            return false;
        }
        let driver = driver().expect("a worker with tasks has a driver");
        let index = match self.source.place(driver) {
            Ok(index) => index,
            Err(error) => return self.fail(error),
        };
        // SAFETY: the arm is linked nowhere now, so nobody else has the old node.
        let node = unsafe { &mut *self.node.get() };
        let node = &*node.insert(LocalNode::new(place.waiter, place.arm));
        let slots = driver.slots.borrow();
        let side = side(&slots[index], self.direction);
        // SAFETY: the slot is boxed and stays while the source is borrowed; whoever links arms
        // unlinks them before they and the waiter go, also by unwinding.
        std::mem::forget(unsafe { node.link(&side.waiters) });
        false
    }

    fn unlink(&self) {
        // SAFETY: it is replaced only while the arm is linked nowhere, by the arm's own thread.
        if let Some(node) = unsafe { (*self.node.get()).as_ref() } {
            node.unlink();
        }
    }

    /// The event may be stale, or another's by now.
    fn settle(&self) -> bool {
        self.attempt()
    }

    fn deadline(&self) -> Option<Instant> {
        park::io_deadline()
    }

    fn polled(&self) -> Option<(RawFd, i16)> {
        Some((self.source.fd().as_raw_fd(), thread::events(self.direction)))
    }
}

impl Arm for ReadyArm<'_> {
    type Output = io::Result<()>;

    fn take(self) -> io::Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }
}

impl fmt::Debug for ReadyArm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyArm").field("direction", &self.direction).finish_non_exhaustive()
    }
}

/// What `readable(…)` and `writable(…)` in `select!` take: a socket.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`select!` cannot wait for `{Self}` to be readable or writable",
    label = "not a socket of gocoro's",
    note = "`readable(io)` takes gocoro's own sockets and pipes, by value or reference"
)]
pub trait Readiness {
    fn readable_arm(&self) -> ReadyArm<'_>;
    fn writable_arm(&self) -> ReadyArm<'_>;
}

macro_rules! through_pointers {
    ($($pointer:ty),*) => {$(
        impl<R: Readiness + ?Sized> Readiness for $pointer {
            fn readable_arm(&self) -> ReadyArm<'_> {
                (**self).readable_arm()
            }

            fn writable_arm(&self) -> ReadyArm<'_> {
                (**self).writable_arm()
            }
        }
    )*};
}

through_pointers!(&R, &mut R, Box<R>, std::sync::Arc<R>, std::rc::Rc<R>);
