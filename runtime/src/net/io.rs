//! The one I/O loop: try, wait for readiness, try again.
//!
//! Each reading, writing or accepting method of this module is one call to [`Socket::io`]. The
//! system call comes first, so an operation that can be done at once is done whatever deadline has
//! passed and whatever cancel is pending; only where it would wait does the
//! [`Source`] decide.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use socket2::SockRef;

use super::options::Options;
use super::sys;
use crate::reactor::{self, Direction, Source};
use crate::task::Reason;
use crate::{clock, current, park};

/// A socket's descriptor with its place in the reactor and its options.
pub(super) struct Socket {
    source: Source,
    options: Arc<Options>,
}

impl Socket {
    /// Takes a socket whose options are as given.
    pub(super) fn new(fd: OwnedFd, options: Options) -> Socket {
        Socket { source: Source::new(fd), options: Arc::new(options) }
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
        (source.into_fd(), Arc::into_inner(options))
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.source.fd()
    }

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
        self.io_until(direction, || self.deadline(direction), attempt)
    }

    /// The loop. The clock is read only by an operation that has to wait.
    ///
    /// The budget is spent *before* the attempt: giving way is a cancel point, and a transfer that
    /// has been made must reach the caller.
    #[inline]
    fn io_until<T>(
        &self,
        direction: Direction,
        deadline: impl FnOnce() -> Option<Instant>,
        mut attempt: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        park::spent_io();
        if !self.source.is_used_up(direction) {
            match attempt(self.fd()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
        let deadline = deadline();
        loop {
            let waited = self.source.wait(direction, deadline);
            // After a failed wait too: the first attempt may have been skipped, and what can be
            // done at once is done.
            match attempt(self.fd()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => waited?,
                result => return result,
            }
        }
    }

    /// Waits until an operation in `direction` would return at once.
    ///
    /// The kernel is asked, since an edge may be long gone while data is still there.
    pub(super) fn wait(&self, direction: Direction) -> io::Result<()> {
        self.wait_until(direction, || self.deadline(direction))
    }

    /// As [`wait`](Self::wait), with a deadline of the caller's.
    pub(super) fn wait_until(
        &self,
        direction: Direction,
        deadline: impl FnOnce() -> Option<Instant>,
    ) -> io::Result<()> {
        self.io_until(direction, deadline, |fd| match reactor::is_ready(fd, direction)? {
            true => Ok(()),
            false => Err(io::ErrorKind::WouldBlock.into()),
        })
    }

    /// Waits until `at` as an operation in `direction` waits for readiness: cancelled, bounded by
    /// an enclosing `io_deadline`, and not at all in non-blocking mode.
    pub(super) fn pause(&self, direction: Direction, at: Instant) {
        if self.options.nonblocking() {
            return;
        }
        let deadline = current::waits().io_deadline().map_or(at, |bound| bound.min(at));
        let reason = match direction {
            Direction::Read => Reason::Readable,
            Direction::Write => Reason::Writable,
        };
        // What is woken for nothing waits again; a task that unwinds and is cancelled does not.
        while !park::refuses_io() && clock::now() < deadline {
            let _ = park::pause(reason, Some(deadline));
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

/// Transfers of a byte stream, where a short one proves the readiness used up.
impl Socket {
    #[inline]
    pub(super) fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let wanted = buf.len();
        let count = self.io(Direction::Read, |fd| sys::recv(fd, buf, 0))?;
        Ok(self.transferred(Direction::Read, count, wanted))
    }

    pub(super) fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let wanted = sys::taken(bufs);
        let count = self.io(Direction::Read, |fd| sys::recv_vectored(fd, bufs))?;
        Ok(self.transferred(Direction::Read, count, wanted))
    }

    /// What was peeked at is still there: nothing is used up.
    pub(super) fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io(Direction::Read, |fd| sys::recv(fd, buf, sys::PEEK))
    }

    #[inline]
    pub(super) fn write(&self, buf: &[u8]) -> io::Result<usize> {
        let count = self.io(Direction::Write, |fd| sys::send(fd, buf))?;
        Ok(self.transferred(Direction::Write, count, buf.len()))
    }

    pub(super) fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let wanted = sys::taken(bufs);
        let count = self.io(Direction::Write, |fd| sys::send_vectored(fd, bufs))?;
        Ok(self.transferred(Direction::Write, count, wanted))
    }

    pub(super) fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        park::spent_io();
        let count = sys::recv(self.fd(), buf, 0)?;
        Ok(self.transferred(Direction::Read, count, buf.len()))
    }

    pub(super) fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        park::spent_io();
        let count = sys::recv_vectored(self.fd(), bufs)?;
        Ok(self.transferred(Direction::Read, count, sys::taken(bufs)))
    }

    pub(super) fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        park::spent_io();
        let count = sys::send(self.fd(), buf)?;
        Ok(self.transferred(Direction::Write, count, buf.len()))
    }

    pub(super) fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        park::spent_io();
        let count = sys::send_vectored(self.fd(), bufs)?;
        Ok(self.transferred(Direction::Write, count, sys::taken(bufs)))
    }

    /// An end of file is no short transfer: it is there for the next reader too.
    #[inline]
    fn transferred(&self, direction: Direction, count: usize, wanted: usize) -> usize {
        if 0 < count && count < wanted {
            self.source.used_up(direction);
        }
        count
    }
}
