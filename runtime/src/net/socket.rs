//! A socket: its descriptor's place in the reactor, and the options that gocoro keeps for it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::options::Options;
use crate::limits::{FULL_PAUSE_MAX, FULL_PAUSE_MIN, SHUT_LOOK};
use crate::reactor::{self, Direction, Source};
use crate::{clock, park};

/// A socket's descriptor with its place in the reactor and its options.
pub(super) struct Socket {
    source: Source,
    options: Arc<Options>,
}

impl Socket {
    /// Takes a socket whose options are as given.
    pub(super) fn new(fd: impl Into<OwnedFd>, options: Options) -> Socket {
        Socket { source: Source::new(fd.into()), options: Arc::new(options) }
    }

    /// A second handle on the same socket, which shares its options.
    pub(super) fn try_clone(&self) -> io::Result<Socket> {
        let fd = self.fd().try_clone_to_owned()?;
        Ok(Socket { source: Source::new(fd), options: Arc::clone(&self.options) })
    }

    /// Gives the descriptor up, with the options that gocoro kept from the kernel.
    ///
    /// The options come back with it from the last handle that shared them.
    pub(super) fn into_parts(self) -> (OwnedFd, Option<Options>) {
        let Socket { source, options } = self;
        options.hand_over(source.fd());
        (source.into_inner(), Arc::into_inner(options))
    }

    #[inline]
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.source.fd()
    }

    #[inline]
    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// For what the kernel is told or asked that never waits.
    pub(super) fn kernel(&self) -> SockRef<'_> {
        SockRef::from(self)
    }

    /// Does `attempt`, and waits for `direction` while it says `WouldBlock`.
    ///
    /// Honours what the user set: the direction's timeout, and `set_nonblocking`.
    #[inline]
    pub(super) fn io<T>(
        &self,
        direction: Direction,
        mut attempt: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.options.nonblocking() {
            // The readiness is not asked: nobody may ever poll for the caller, who may be spinning.
            park::spent_io();
            return attempt(self.fd());
        }
        self.source.io(direction, || self.deadline(direction), attempt)
    }

    /// As [`io`](Self::io) for an operation that may be over without an event: a Unix socket that
    /// waits for room is not woken when its sending half is shut down, by a handle of its own or by
    /// the peer's end of receiving. So a long wait looks again now and then.
    #[inline]
    pub(super) fn io_looking_again<T>(
        &self,
        direction: Direction,
        mut attempt: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut deadline = None;
        loop {
            let mut look = None;
            let until = || {
                let deadline = *deadline.get_or_insert_with(|| self.deadline(direction));
                let at = clock::now() + SHUT_LOOK;
                look = Some(at);
                Some(deadline.map_or(at, |deadline| deadline.min(at)))
            };
            let result = match self.options.nonblocking() {
                true => return self.io(direction, attempt),
                false => self.source.io(direction, until, &mut attempt),
            };
            let is_over = |deadline: Option<Instant>| deadline.is_some_and(|at| clock::now() >= at);
            match result {
                Err(error)
                    if error.kind() == io::ErrorKind::TimedOut
                        && is_over(look)
                        && !is_over(deadline.flatten()) => {}
                result => return result,
            }
        }
    }

    /// As [`io`](Self::io) for an operation that may have to wait for another socket: that one's
    /// queue is full, and no event on this one tells when there is room. It is tried again and
    /// again, with growing pauses.
    pub(super) fn io_at_another<T>(
        &self,
        direction: Direction,
        mut attempt: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        park::spent_io();
        let result = attempt(self.fd());
        if self.options.nonblocking() || !would_block(&result) {
            return result;
        }
        let deadline = self.deadline(direction);
        let mut pauses = Pauses::default();
        loop {
            // Of itself this socket may be full too, and that has an event.
            match self.source.is_ready(direction)? {
                true => pauses.pause(direction, deadline)?,
                false => self.source.ready(direction, || deadline)?,
            }
            let result = attempt(self.fd());
            if !would_block(&result) {
                return result;
            }
        }
    }

    /// Waits until an operation in `direction` would return at once.
    pub(super) fn wait(&self, direction: Direction) -> io::Result<()> {
        self.source.ready(direction, || self.deadline(direction))
    }

    /// Waits until `at` as an operation in `direction` waits for readiness: cancelled, bounded by
    /// an enclosing `io_deadline`, and not at all in non-blocking mode.
    pub(super) fn pause(&self, direction: Direction, at: Instant) {
        if !self.options.nonblocking() {
            // Why the pause ended early, the operation after it will say.
            let _ = reactor::pause(direction, at, None);
        }
    }

    fn deadline(&self, direction: Direction) -> Option<Instant> {
        self.options.timeout(direction).and_then(clock::after)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd()
    }
}

/// The pauses between attempts at what no event announces: each twice as long as the one before.
#[derive(Default)]
pub(super) struct Pauses {
    last: Duration,
}

impl Pauses {
    /// Makes the next pause.
    ///
    /// # Errors
    ///
    /// As a wait for readiness: `TimedOut` at the deadline or an enclosing `io_deadline`, `Other` in
    /// a task that unwinds and is cancelled.
    pub(super) fn pause(
        &mut self,
        direction: Direction,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        self.last = (2 * self.last).clamp(FULL_PAUSE_MIN, FULL_PAUSE_MAX);
        reactor::pause(direction, clock::now() + self.last, deadline)
    }
}

pub(super) fn would_block<T>(result: &io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}
