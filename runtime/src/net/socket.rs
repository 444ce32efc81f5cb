//! A socket: its descriptor's place in the reactor, and the options that gocoro keeps for it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use socket2::SockRef;

use super::options::Options;
use crate::limits::SHUT_LOOK;
use crate::reactor::{self, Direction, Pauses, Source};
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
        attempt: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.options.nonblocking() {
            return self.io(direction, attempt);
        }
        self.looking_again(direction, attempt)
    }

    /// As [`io_looking_again`](Self::io_looking_again), in non-blocking mode too.
    pub(super) fn looking_again<T>(
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
            let result = self.source.io(direction, until, &mut attempt);
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
    /// queue is full, and no event on this one tells when there is room.
    pub(super) fn io_at_another<T>(
        &self,
        direction: Direction,
        mut attempt: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        park::spent_io();
        if self.options.nonblocking() {
            return attempt(self.fd());
        }
        keep_trying(direction, || self.deadline(direction), || attempt(self.fd()))
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

/// Does `attempt` as long as it says `WouldBlock`, for what no event announces. The pauses between
/// the attempts grow.
///
/// # Errors
///
/// Those of `attempt`, and those of a wait for readiness: `TimedOut` at the deadline or an
/// enclosing `io_deadline`, `Other` in a task that unwinds and is cancelled.
pub(super) fn keep_trying<T>(
    direction: Direction,
    deadline: impl FnOnce() -> Option<Instant>,
    mut attempt: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let result = attempt();
    if !would_block(&result) {
        return result;
    }
    let deadline = deadline();
    let mut pauses = Pauses::new();
    loop {
        let paused = pauses.pause(direction, deadline);
        // After a pause that was cut short too: what can be done at once is done.
        let result = attempt();
        if !would_block(&result) {
            return result;
        }
        paused?;
    }
}

pub(super) fn would_block<T>(result: &io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::time::io_deadline;

    /// What came during the pause that the deadline cut short is not missed.
    #[test]
    fn a_last_attempt_follows_the_deadline() {
        let mut results = [Err(io::ErrorKind::WouldBlock.into()), Ok(())].into_iter();
        let deadline = Some(clock::now());
        let attempt = || results.next().expect("two attempts are enough");
        keep_trying(Direction::Write, || deadline, attempt).unwrap();

        let mut attempts = 0;
        let never = || {
            attempts += 1;
            io::Result::<()>::Err(io::ErrorKind::WouldBlock.into())
        };
        let result = io_deadline(clock::now(), || keep_trying(Direction::Write, || None, never));
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(attempts, 2);
    }
}
