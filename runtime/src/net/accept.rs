//! Accepting a connection, and how the iterators over connections pause after errors that last.

use std::io::{self, ErrorKind};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use socket2::{SockAddr, SockRef};

use super::socket::Socket;
use crate::clock;
use crate::limits::{ACCEPT_PAUSE_MAX, ACCEPT_PAUSE_MIN};
use crate::reactor::Direction;

/// Accepts one connection if one is pending, close-on-exec and blocking, the mode that is the
/// user's to change.
pub(super) fn accept(listener: BorrowedFd<'_>) -> io::Result<(OwnedFd, SockAddr)> {
    let listener = SockRef::from(&listener);
    loop {
        match listener.accept() {
            Ok((socket, addr)) => {
                // Only Linux does not pass the listener's mode on.
                #[cfg(not(any(target_os = "linux", target_os = "android")))]
                socket.set_nonblocking(false)?;
                return Ok((socket.into(), addr));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl Socket {
    /// Accepts one connection, and waits while none is pending.
    ///
    /// # Errors
    ///
    /// Those of the kernel.
    pub(super) fn accept(&self) -> io::Result<(OwnedFd, SockAddr)> {
        self.io(Direction::Read, accept)
    }

    /// Accepts one connection inside of a poll.
    ///
    /// # Errors
    ///
    /// Those of the kernel.
    pub(super) fn poll_accept(
        &self,
        context: &Context<'_>,
    ) -> Poll<io::Result<(OwnedFd, SockAddr)>> {
        self.source().poll_io(Direction::Read, context, accept)
    }

    /// As [`Socket::accept`], of a Unix listener: that one is shut down the kernel tells only to a
    /// call that may wait, so this costs a question before the first wait.
    ///
    /// # Errors
    ///
    /// Those of the kernel. `InvalidInput` for a listener that is shut down.
    pub(super) fn accept_unix(&self) -> io::Result<(OwnedFd, SockAddr)> {
        self.io(Direction::Read, |fd| self.until_shut(shut, || accept(fd)))
    }

    /// As [`Socket::poll_accept`], of a Unix listener.
    ///
    /// # Errors
    ///
    /// As [`Socket::accept_unix`].
    pub(super) fn poll_accept_unix(
        &self,
        context: &Context<'_>,
    ) -> Poll<io::Result<(OwnedFd, SockAddr)>> {
        let attempt = |fd: BorrowedFd<'_>| self.poll_until_shut(shut, || accept(fd));
        self.source().poll_io(Direction::Read, context, attempt)
    }
}

/// What accepting from a listener says that is shut down.
fn shut() -> io::Result<(OwnedFd, SockAddr)> {
    Err(io::Error::from_raw_os_error(libc::EINVAL))
}

/// When an iterator may ask the listener again.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    /// The pause after the last error that lasts; zero if a connection came since.
    pause: Duration,
    /// When the pause that is due ends.
    until: Option<Instant>,
}

impl Backoff {
    /// Accepts a connection by `accept`, after the pause that is due.
    pub(super) fn accept<S, A>(
        &mut self,
        listener: &Socket,
        accept: impl FnOnce() -> io::Result<(S, A)>,
    ) -> io::Result<S> {
        if let Some(until) = self.until {
            listener.pause(Direction::Read, until);
            // Only now: a pause that was thrown out of is still due.
            self.until = None;
        }
        match accept() {
            Ok((stream, _)) => {
                self.pause = Duration::ZERO;
                Ok(stream)
            }
            Err(error) => {
                self.failed(&error);
                Err(error)
            }
        }
    }

    fn failed(&mut self, error: &io::Error) {
        if lasts(error) {
            self.pause = (2 * self.pause).clamp(ACCEPT_PAUSE_MIN, ACCEPT_PAUSE_MAX);
            self.until = clock::after(self.pause);
        }
    }
}

/// Whether `accept` would fail with this error again at once, whoever connects.
fn lasts(error: &io::Error) -> bool {
    let Some(code) = error.raw_os_error() else {
        return false; // gocoro's own: a time that was up, a cancel
    };
    // Those of a connection that failed while it was pending, which Linux hands to `accept`.
    let of_the_connection = matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::NetworkUnreachable
            | ErrorKind::PermissionDenied
            | ErrorKind::TimedOut
    );
    !of_the_connection && code != libc::EPROTO && error.kind() != ErrorKind::WouldBlock
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(codes: &[i32]) -> Vec<u64> {
        let mut backoff = Backoff::default();
        let mut pause = |&code: &i32| {
            backoff.until = None;
            backoff.failed(&io::Error::from_raw_os_error(code));
            backoff.until.map_or(0, |_| backoff.pause.as_millis() as u64)
        };
        codes.iter().map(&mut pause).collect()
    }

    #[test]
    fn the_pause_doubles_up_to_a_second() {
        let expected = [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000];
        assert_eq!(pauses(&[libc::EMFILE; 10]), expected);
    }

    #[test]
    fn what_is_the_connections_own_is_no_reason_to_pause() {
        let own = [
            libc::ECONNABORTED,
            libc::ECONNRESET,
            libc::EPROTO,
            libc::EPERM,
            libc::EHOSTUNREACH,
            libc::ENETDOWN,
            libc::ENETUNREACH,
            libc::ETIMEDOUT,
            libc::EAGAIN,
        ];
        assert_eq!(pauses(&own), [0; 9]);
        // It neither pauses nor resets what the lack of something has reached.
        let mixed = [libc::EMFILE, libc::ECONNABORTED, libc::ENFILE, libc::EPROTO, libc::ENOBUFS];
        assert_eq!(pauses(&mixed), [5, 0, 10, 0, 20]);
        assert_eq!(pauses(&[libc::ENOMEM, libc::EINVAL]), [5, 10]);
    }

    #[test]
    fn errors_that_are_not_the_kernels_are_no_reason_to_pause() {
        let mut backoff = Backoff::default();
        backoff.failed(&ErrorKind::TimedOut.into());
        backoff.failed(&io::Error::other("cancelled"));
        assert!(backoff.until.is_none());
    }
}
