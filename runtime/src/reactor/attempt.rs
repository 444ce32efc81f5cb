//! The one I/O loop: try, wait for readiness, try again.
//!
//! The system call comes first, so an operation that can be done at once is done whatever deadline
//! has passed and whatever cancel is pending; only where it would wait does [`Source::wait`]
//! decide.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::source::timed_out;
use super::{Direction, Source, thread};
use crate::limits::{FULL_PAUSE_MAX, FULL_PAUSE_MIN};
use crate::task::Reason;
use crate::{cancel, clock, current, park};

impl<T: AsFd + ?Sized> Source<T> {
    /// Does `attempt`, and waits for `direction` while it says `WouldBlock`.
    ///
    /// The clock is read, by `deadline`, only for an operation that has to wait.
    ///
    /// The budget is spent *before* the attempt: giving way is a cancel point, and a transfer that
    /// has been made must reach the caller.
    #[inline]
    pub(crate) fn io<R>(
        &self,
        direction: Direction,
        deadline: impl FnOnce() -> Option<Instant>,
        mut attempt: impl FnMut(BorrowedFd<'_>) -> io::Result<R>,
    ) -> io::Result<R> {
        park::spent_io();
        if !self.is_used_up(direction) {
            match attempt(self.fd()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
        let deadline = deadline();
        loop {
            let waited = self.wait(direction, deadline);
            // After a failed wait too: the first attempt may have been skipped, and what can be
            // done at once is done.
            match attempt(self.fd()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => waited?,
                result => return result,
            }
        }
    }

    /// Waits until an operation in `direction` would return at once, be it with an error.
    ///
    /// The kernel is asked, since an edge may be long gone while data is still there.
    pub(crate) fn ready(
        &self,
        direction: Direction,
        deadline: impl FnOnce() -> Option<Instant>,
    ) -> io::Result<()> {
        self.io(direction, deadline, |fd| match thread::is_ready(fd, direction)? {
            true => Ok(()),
            false => Err(io::ErrorKind::WouldBlock.into()),
        })
    }
}

/// The pauses between attempts at what no event announces. They grow.
pub(crate) struct Pauses {
    next: Duration,
}

impl Pauses {
    pub(crate) fn new() -> Pauses {
        Pauses { next: FULL_PAUSE_MIN }
    }

    /// Makes the next pause.
    ///
    /// # Errors
    ///
    /// Those of [`Source::wait`].
    pub(crate) fn pause(
        &mut self,
        direction: Direction,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        let at = self.next_end();
        pause(direction, at, deadline)
    }

    /// Makes the next pause of an operation on a file, which waits also where a cancelled task
    /// unwinds.
    ///
    /// # Errors
    ///
    /// `TimedOut` once the time of an enclosing `io_deadline` is up.
    pub(crate) fn pause_for_file(&mut self) -> io::Result<()> {
        let at = self.next_end();
        pause_as(Reason::Sleep, at, None)
    }

    fn next_end(&mut self) -> Instant {
        let at = clock::now() + self.next;
        self.next = (2 * self.next).min(FULL_PAUSE_MAX);
        at
    }
}

/// Waits until `at` as an operation in `direction` waits for readiness: for what no event
/// announces.
///
/// # Errors
///
/// Those of [`Source::wait`].
pub(crate) fn pause(
    direction: Direction,
    at: Instant,
    deadline: Option<Instant>,
) -> io::Result<()> {
    pause_as(direction.reason(), at, deadline)
}

fn pause_as(reason: Reason, at: Instant, deadline: Option<Instant>) -> io::Result<()> {
    let deadline = deadline.into_iter().chain(current::waits().io_deadline()).min();
    let end = deadline.map_or(at, |deadline| deadline.min(at));
    // What is woken for nothing waits again; a task that unwinds and is cancelled does not.
    loop {
        let now = clock::now();
        if now >= at {
            return Ok(());
        }
        if reason.is_io() && park::refuses_io() {
            return Err(cancel::error());
        }
        if now >= end {
            return Err(timed_out());
        }
        let _ = park::pause(reason, Some(end));
    }
}
