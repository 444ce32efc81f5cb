//! The iterators over a listener's connections, and how they pause after errors that last.

use std::io::{self, ErrorKind};
use std::iter::FusedIterator;
use std::time::{Duration, Instant};

use super::{TcpListener, TcpStream};
use crate::clock;
use crate::limits::{ACCEPT_PAUSE_MAX, ACCEPT_PAUSE_MIN};
use crate::reactor::Direction;

impl TcpListener {
    /// Returns an iterator over the connections being received on this listener.
    ///
    /// It never returns `None`, and is the same as calling [`accept`](Self::accept) in a loop, but
    /// for a pause after errors that last.
    ///
    /// A process that has no descriptors left (`EMFILE`, `ENFILE`) or no memory for a connection
    /// (`ENOBUFS`, `ENOMEM`) gets the same error from `accept` again and again, at once, so that a
    /// loop over std's iterator spins and fills its log. This one hands out each error as std's
    /// does, and lets the *next* call wait before it tries again: 5 ms, doubling with each such
    /// error in a row up to 1 s; a connection resets that. The wait is counted from the error, so a
    /// caller who pauses too does not wait twice. It happens after every error of the listener, the
    /// process or the system. An error that is the pending connection's own (`ConnectionAborted`,
    /// say) is no reason to pause, nor is a time that was up, nor are `WouldBlock` and anything
    /// else in non-blocking mode.
    ///
    /// # Parks
    ///
    /// Its `next` parks as [`accept`](Self::accept) does, and to pause. The pause is a wait for I/O
    /// like any other: it blocks the thread outside a task, is a cancel point, and ends early when
    /// a [`timeout`](crate::time::timeout) or an [`io_deadline`](crate::time::io_deadline) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let client = TcpStream::connect(listener.local_addr()?)?;
    /// for stream in listener.incoming().take(1) {
    ///     assert_eq!(stream?.peer_addr()?, client.local_addr()?);
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self, backoff: Backoff::default() }
    }

    /// Turns this listener into an iterator over the connections being received on it.
    ///
    /// It is [`incoming`](Self::incoming), pauses included, with the listener inside.
    ///
    /// # Parks
    ///
    /// As [`incoming`](Self::incoming).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    /// use std::io;
    ///
    /// fn connections(listener: TcpListener) -> impl Iterator<Item = TcpStream> {
    ///     listener.into_incoming().filter_map(Result::ok)
    /// }
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let client = TcpStream::connect(listener.local_addr()?)?;
    /// for stream in connections(listener).take(1) {
    ///     assert_eq!(stream.peer_addr()?, client.local_addr()?);
    /// }
    /// # Ok::<(), io::Error>(())
    /// ```
    pub fn into_incoming(self) -> IntoIncoming {
        IntoIncoming { listener: self, backoff: Backoff::default() }
    }
}

/// An iterator that infinitely accepts connections on a [`TcpListener`].
///
/// Made by [`TcpListener::incoming`].
#[must_use = "iterators are lazy and do nothing unless consumed"]
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
    backoff: Backoff,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        Some(self.backoff.accept(self.listener))
    }
}

impl FusedIterator for Incoming<'_> {}

/// An iterator that infinitely accepts connections on a [`TcpListener`] that it owns.
///
/// Made by [`TcpListener::into_incoming`].
#[must_use = "iterators are lazy and do nothing unless consumed"]
#[derive(Debug)]
pub struct IntoIncoming {
    listener: TcpListener,
    backoff: Backoff,
}

impl Iterator for IntoIncoming {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        Some(self.backoff.accept(&self.listener))
    }
}

impl FusedIterator for IntoIncoming {}

/// When an iterator may ask the listener again.
#[derive(Debug, Default)]
struct Backoff {
    /// The pause after the last error that lasts; zero if a connection came since.
    pause: Duration,
    /// When the pause that is due ends.
    until: Option<Instant>,
}

impl Backoff {
    fn accept(&mut self, listener: &TcpListener) -> io::Result<TcpStream> {
        if let Some(until) = self.until {
            listener.socket.pause(Direction::Read, until);
            // Only now: a pause that was thrown out of is still due.
            self.until = None;
        }
        match listener.accept() {
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
