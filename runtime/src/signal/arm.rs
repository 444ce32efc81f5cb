//! Signals as an arm of a choice.

use std::cell::Cell;
use std::ffi::c_int;
use std::fmt;
use std::os::fd::RawFd;
use std::time::Instant;

use super::mailbox::{Found, Mailbox};
use crate::clock;
use crate::limits::FULL_PAUSE_MAX;
use crate::reactor::{Direction, ReadyArm};
use crate::task::{Reason, Words};
use crate::waiters::{Arm, Choice, Place};

/// A wait for a signal in `select!`.
#[doc(hidden)]
pub struct SignalArm<'a> {
    mailbox: &'a Mailbox,
    /// How the mailbox's socket is waited for. It is linked to the wait in this arm's place.
    ready: ReadyArm<'a>,
    /// What the attempt has found that chose this arm.
    found: Cell<Option<Found>>,
    /// When a mailbox is looked at again whose socket the system cannot watch.
    retry: Cell<Option<Instant>>,
}

impl<'a> SignalArm<'a> {
    pub(super) fn new(mailbox: &'a Mailbox) -> SignalArm<'a> {
        let ready = ReadyArm::new(mailbox.source(), Direction::Read);
        SignalArm { mailbox, ready, found: Cell::new(None), retry: Cell::new(None) }
    }
}

// SAFETY: the only link is that of `ready`, whose link does not unwind, and whose `unlink` takes it
// out; one that has fired is out. `link` here does nothing else that could unwind.
unsafe impl Choice for SignalArm<'_> {
    fn attempt(&self) -> bool {
        self.ready.note_turn();
        let found = self.mailbox.take();
        self.found.set(Some(found));
        found != Found::Nothing
    }

    fn in_words(&self, words: &mut Words) {
        words.say(format_args!("{}", Reason::Signal.plain()));
    }

    fn is_ready(&self) -> bool {
        self.mailbox.has_some()
    }

    fn link(&self, place: Place<'_>) -> bool {
        match self.ready.watch(place) {
            Ok(is_ready) => is_ready,
            Err(_) => {
                // For want of memory.
                self.retry.set(clock::after(FULL_PAUSE_MAX));
                false
            }
        }
    }

    fn unlink(&self) {
        self.ready.unlink();
        self.retry.set(None);
    }

    /// The event may be stale, or somebody else has taken the signal.
    fn settle(&self) -> bool {
        self.attempt()
    }

    fn deadline(&self) -> Option<Instant> {
        self.retry.get()
    }

    fn polled(&self) -> Option<(RawFd, i16)> {
        self.ready.polled()
    }

    /// There is no error to choose the arm with where I/O is refused.
    fn is_io(&self) -> bool {
        false
    }
}

impl Arm for SignalArm<'_> {
    type Output = Option<c_int>;

    fn take(self) -> Option<c_int> {
        match self.found.take() {
            Some(Found::Signal(number)) => Some(number),
            _ => None,
        }
    }
}

impl fmt::Debug for SignalArm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalArm").finish_non_exhaustive()
    }
}
