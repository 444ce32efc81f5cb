//! Readiness as an arm of a choice.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Instant;

use super::source::timed_out;
use super::{Direction, Driver, Source, driver, thread};
use crate::task::Words;
use crate::waiters::{Arm, ArmNode, Choice, Node, Place};
use crate::{cancel, clock, current, park};

/// A wait for readiness in `select!`.
#[doc(hidden)]
pub struct ReadyArm<'a> {
    source: &'a Source<dyn AsFd + 'a>,
    direction: Direction,
    node: ArmNode<Node<()>>,
    /// The driver's turn in which the source was found not ready.
    looked: Cell<u64>,
    /// Why it could not be waited for.
    failed: Cell<Option<io::Error>>,
}

impl<'a> ReadyArm<'a> {
    pub(crate) fn new<T: AsFd>(source: &'a Source<T>, direction: Direction) -> ReadyArm<'a> {
        let (looked, failed) = (Cell::new(0), Cell::new(None));
        ReadyArm { source, direction, node: ArmNode::new(), looked, failed }
    }

    /// Why there is no waiting for it: `Source::wait` says the same.
    fn refusal(&self) -> Option<io::Error> {
        if park::refuses_io() {
            return Some(cancel::error());
        }
        current::waits().io_deadline().is_some_and(|at| clock::now() >= at).then(timed_out)
    }

    /// Chosen, but with this error: by the next attempt.
    fn fail(&self, error: io::Error) -> bool {
        self.failed.set(Some(error));
        true
    }

    /// Takes the error with which the wait has failed, if it has.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        self.failed.take()
    }

    fn has_failed(&self) -> bool {
        let failed = self.failed.take();
        let has = failed.is_some();
        self.failed.set(failed);
        has
    }
}

impl ReadyArm<'_> {
    /// Notes the driver's turn, before an attempt that may find nothing.
    pub(crate) fn note_turn(&self) {
        self.looked.set(driver().map_or(0, Driver::turns));
    }

    /// Links a task's arm to the wait. `true`: the source looks ready, or may have become so since
    /// the last attempt.
    ///
    /// # Errors
    ///
    /// What the kernel says if it cannot watch the descriptor.
    pub(crate) fn watch(&self, place: Place<'_>) -> io::Result<bool> {
        if current::task().is_none() {
            return Ok(false);
        }
        let Some(registered) = self.source.register(self.direction)? else {
            return Ok(true); // It is always ready.
        };
        // SAFETY: an arm that is to be linked is linked nowhere.
        let node = unsafe { self.node.make(Node::new(place.waiter, place.arm, ())) };
        // SAFETY: whoever links arms unlinks them before they and the waiter go, also by unwinding.
        registered.side(|side| unsafe { side.link(node) });
        // The attempt of another arm may have waited for a promised message. The edge may have come
        // meanwhile, and found nobody.
        Ok(self.looked.get() != registered.driver.turns() && self.is_ready())
    }
}

// SAFETY: `link` does not unwind: a worker with tasks has a driver. A slot's nodes are its thread's
// alone, which is this one, and `unlink` takes the node out; one that has fired is out.
unsafe impl Choice for ReadyArm<'_> {
    fn attempt(&self) -> bool {
        self.note_turn();
        self.has_failed() || self.is_ready()
    }

    fn in_words(&self, words: &mut Words) {
        self.source.in_words(self.direction.reason(), words);
    }

    fn is_ready(&self) -> bool {
        // Of a failed poll the operation itself will say more.
        !self.source.is_used_up(self.direction)
            && thread::is_ready(self.source.fd(), self.direction).unwrap_or(true)
    }

    fn link(&self, place: Place<'_>) -> bool {
        // Only here, where the wait begins: what can be done at once is done.
        if let Some(refusal) = self.refusal() {
            return self.fail(refusal);
        }
        self.watch(place).unwrap_or_else(|error| self.fail(error))
    }

    fn unlink(&self) {
        if let Some(node) = self.node.get()
            && let Some(registered) = self.source.registered(self.direction)
        {
            registered.side(|side| side.unlink(node));
        }
    }

    /// The event may be stale, or another's by now.
    fn settle(&self) -> bool {
        self.attempt()
    }

    fn has_turned(&self) -> bool {
        self.source.is_ready_after_all(self.direction)
    }

    fn deadline(&self) -> Option<Instant> {
        current::waits().io_deadline()
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

/// What `readable(…)` and `writable(…)` in `select!` take: a socket, a pipe, a `Pollable`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`select!` cannot wait for `{Self}` to be readable or writable",
    label = "not a socket or pipe of gocoro's",
    note = "`readable(io)` takes gocoro's own sockets and pipes, by value or reference; around anything else that holds a descriptor put a `gocoro::io::Pollable`"
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
