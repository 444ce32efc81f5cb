//! The end of a child as an arm of `select!`.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use super::child::Child;
use super::handle::Handle;
use crate::limits::{FULL_PAUSE_MAX, FULL_PAUSE_MIN};
use crate::reactor::{self, Direction, ReadyArm};
use crate::task::Words;
use crate::waiters::{Arm, Choice, Place, Sealed, Selectable};
use crate::{clock, current, park};

impl Sealed for &Child {}

/// In `select!`, `wait(child)` gives the status, as [`Child::wait`] does.
impl<'a> Selectable for &'a Child {
    type Output = io::Result<ExitStatus>;
    type Arm = ExitArm<'a>;

    fn arm(self) -> ExitArm<'a> {
        ExitArm::new(self.handle())
    }
}

impl Sealed for &mut Child {}

/// In `select!`, `wait(&mut child)` gives the status, as [`Child::wait`] does.
impl<'a> Selectable for &'a mut Child {
    type Output = io::Result<ExitStatus>;
    type Arm = ExitArm<'a>;

    fn arm(self) -> ExitArm<'a> {
        ExitArm::new(self.handle())
    }
}

/// A wait for a child's end in `select!`.
#[doc(hidden)]
pub struct ExitArm<'a> {
    child: &'a Handle,
    /// The wait for the child's descriptor, if there is one.
    ready: Option<ReadyArm<'a>>,
    /// The descriptor is ready, and yet there is no status: whoever traces the child holds it back.
    held_back: Cell<bool>,
    /// How long the next pause is, if there is no event to wait for.
    pause: Cell<Duration>,
    outcome: Cell<Option<io::Result<ExitStatus>>>,
}

impl<'a> ExitArm<'a> {
    fn new(child: &'a Handle) -> ExitArm<'a> {
        ExitArm {
            child,
            ready: child.source().map(|source| ReadyArm::new(source, Direction::Read)),
            held_back: Cell::new(false),
            pause: Cell::new(FULL_PAUSE_MIN),
            outcome: Cell::new(None),
        }
    }

    /// The wait for an event, if one is to come.
    fn event(&self) -> Option<&ReadyArm<'a>> {
        self.ready.as_ref().filter(|_| !self.held_back.get())
    }

    fn has_outcome(&self) -> bool {
        let outcome = self.outcome.take();
        let has = outcome.is_some();
        self.outcome.set(outcome);
        has
    }

    fn end(&self, outcome: io::Result<ExitStatus>) -> bool {
        self.outcome.set(Some(outcome));
        true
    }
}

// SAFETY: `link`, `unlink` and `settle` are those of a `ReadyArm`, which keeps to what is asked of
// them, or there is none and nothing is linked. What this arm does beside that allocates errors at
// most, and does not unwind.
unsafe impl Choice for ExitArm<'_> {
    fn attempt(&self) -> bool {
        if self.has_outcome() {
            return true;
        }
        let is_ready = self.ready.as_ref().is_some_and(|ready| ready.attempt());
        match self.child.ask().transpose() {
            Some(outcome) => self.end(outcome),
            None => {
                // An attempt that is chosen though nothing has ended failed to wait.
                let failed = self.ready.as_ref().and_then(ReadyArm::failure);
                self.held_back.set(is_ready && failed.is_none());
                failed.is_some_and(|error| self.end(Err(error)))
            }
        }
    }

    fn in_words(&self, words: &mut Words) {
        words.say(format_args!("the end of process {}", self.child.id()));
    }

    fn is_ready(&self) -> bool {
        // The status that is found here is kept.
        self.has_outcome() || !matches!(self.child.ask(), Ok(None))
    }

    fn link(&self, place: Place<'_>) -> bool {
        if let Some(ready) = self.event() {
            return ready.link(place);
        }
        let has_passed = current::waits().io_deadline().is_some_and(|at| clock::now() >= at);
        (park::refuses_io() || has_passed) && self.end(Err(reactor::cut_short()))
    }

    fn unlink(&self) {
        if let Some(ready) = self.event() {
            ready.unlink();
        }
    }

    /// The event may be stale.
    fn settle(&self) -> bool {
        self.attempt()
    }

    fn has_turned(&self) -> bool {
        self.is_ready()
    }

    fn deadline(&self) -> Option<Instant> {
        let pause = self.event().is_none().then(|| {
            let pause = self.pause.get();
            self.pause.set((2 * pause).min(FULL_PAUSE_MAX));
            clock::now() + pause
        });
        pause.into_iter().chain(current::waits().io_deadline()).min()
    }

    fn polled(&self) -> Option<(RawFd, i16)> {
        self.event()?.polled()
    }
}

impl Arm for ExitArm<'_> {
    type Output = io::Result<ExitStatus>;

    fn take(self) -> io::Result<ExitStatus> {
        self.outcome.take().expect("an arm that was chosen has an outcome")
    }
}

impl fmt::Debug for ExitArm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExitArm").field("child", &self.child.id()).finish_non_exhaustive()
    }
}
