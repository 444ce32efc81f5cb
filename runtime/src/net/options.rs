//! What std keeps in the kernel and gocoro beside the descriptor: the timeouts and whether the user
//! asked for non-blocking operations.
//!
//! In std these belong to the socket, so a stream and its `try_clone`s share them. Here they share
//! one `Arc<Options>`. The fields are independent of each other and of the data that flows through
//! the socket, so relaxed accesses will do.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use socket2::SockRef;

use crate::reactor::Direction;

/// Stands for "no timeout": std refuses a timeout of zero, so no user's value is lost.
const NO_TIMEOUT_NANOS: u64 = 0;

/// The kernel counts timeouts in microseconds and takes zero for "none".
const KERNEL_TIMEOUT_MIN: Duration = Duration::from_micros(1);

/// The options of one socket, shared by all its handles.
#[derive(Debug, Default)]
pub(super) struct Options {
    nonblocking: AtomicBool,
    read: Timeout,
    write: Timeout,
}

/// The timeout of one direction.
#[derive(Debug, Default)]
struct Timeout {
    nanos: AtomicU64,
    /// The kernel may hold another value.
    changed: AtomicBool,
}

impl Options {
    /// Reads the options of a socket that was set up elsewhere.
    ///
    /// What the kernel refuses to tell (for a descriptor that is no socket, say) is taken for
    /// unset: the conversions that need this cannot fail, and the first operation will.
    pub(super) fn of(fd: BorrowedFd<'_>) -> Options {
        let socket = SockRef::from(&fd);
        Options {
            nonblocking: AtomicBool::new(socket.nonblocking().unwrap_or(false)),
            read: Timeout::known(socket.read_timeout().unwrap_or(None)),
            write: Timeout::known(socket.write_timeout().unwrap_or(None)),
        }
    }

    /// The options that the kernel gives to a connection accepted from a listener with these.
    pub(super) fn inherited(&self) -> Options {
        Options {
            nonblocking: AtomicBool::new(false),
            read: self.read.inherited(),
            write: self.write.inherited(),
        }
    }

    /// Tells the kernel what was kept from it, for the std type that takes the socket over.
    pub(super) fn hand_over(&self, fd: BorrowedFd<'_>) {
        let socket = SockRef::from(&fd);
        // An open socket refuses neither option, and a conversion could not report it.
        if self.read.changed.load(Relaxed) {
            let _ = socket.set_read_timeout(self.read.for_kernel());
        }
        if self.write.changed.load(Relaxed) {
            let _ = socket.set_write_timeout(self.write.for_kernel());
        }
    }

    /// Whether operations return `WouldBlock` instead of waiting.
    #[inline]
    pub(super) fn nonblocking(&self) -> bool {
        self.nonblocking.load(Relaxed)
    }

    pub(super) fn set_nonblocking(&self, nonblocking: bool) {
        self.nonblocking.store(nonblocking, Relaxed);
    }

    /// How long one operation may wait.
    #[inline]
    pub(super) fn timeout(&self, direction: Direction) -> Option<Duration> {
        self.of_direction(direction).get()
    }

    /// Sets how long one operation may wait.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for zero, as in std.
    pub(super) fn set_timeout(
        &self,
        direction: Direction,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        if timeout == Some(Duration::ZERO) {
            return Err(zero_timeout());
        }
        let kept = self.of_direction(direction);
        kept.nanos.store(to_nanos(timeout), Relaxed);
        kept.changed.store(true, Relaxed);
        Ok(())
    }

    fn of_direction(&self, direction: Direction) -> &Timeout {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }
}

impl Timeout {
    fn known(timeout: Option<Duration>) -> Timeout {
        Timeout { nanos: AtomicU64::new(to_nanos(timeout)), changed: AtomicBool::new(false) }
    }

    fn inherited(&self) -> Timeout {
        Timeout {
            nanos: AtomicU64::new(self.nanos.load(Relaxed)),
            changed: AtomicBool::new(self.changed.load(Relaxed)),
        }
    }

    fn get(&self) -> Option<Duration> {
        match self.nanos.load(Relaxed) {
            NO_TIMEOUT_NANOS => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    fn for_kernel(&self) -> Option<Duration> {
        self.get().map(|timeout| timeout.max(KERNEL_TIMEOUT_MIN))
    }
}

/// The error that std gives for a timeout of zero.
pub(super) fn zero_timeout() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "cannot set a 0 duration timeout")
}

fn to_nanos(timeout: Option<Duration>) -> u64 {
    match timeout {
        // Beyond 584 years all timeouts are alike.
        Some(timeout) => u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX),
        None => NO_TIMEOUT_NANOS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_timeout_is_refused_and_changes_nothing() {
        let options = Options::default();
        options.set_timeout(Direction::Read, Some(Duration::from_secs(1))).unwrap();
        let error = options.set_timeout(Direction::Read, Some(Duration::ZERO)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(options.timeout(Direction::Read), Some(Duration::from_secs(1)));
        assert_eq!(options.timeout(Direction::Write), None);
    }

    #[test]
    fn a_huge_timeout_stays_a_timeout() {
        let options = Options::default();
        options.set_timeout(Direction::Write, Some(Duration::MAX)).unwrap();
        assert_eq!(options.timeout(Direction::Write), Some(Duration::from_nanos(u64::MAX)));
    }

    #[test]
    fn the_kernel_never_takes_a_tiny_timeout_for_none() {
        let options = Options::default();
        options.set_timeout(Direction::Read, Some(Duration::from_nanos(1))).unwrap();
        assert_eq!(options.read.for_kernel(), Some(KERNEL_TIMEOUT_MIN));
    }
}
