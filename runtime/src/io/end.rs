//! One end of a pipe, or what else is read and written once it is ready: how that is done without
//! blocking the thread.
//!
//! An end is never made non-blocking: that mode belongs to the open file, which others may share, a
//! child process to which the end is given for one. Linux has calls for pipes that never wait.
//! Where there are none, the kernel is asked whether a call would wait, and then the call is made.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use super::piece;
use super::sys::{self, Wait};
use crate::net::sys::taken;
use crate::reactor::{self, Direction, Source};

/// A handle on one end of a pipe, or on whatever a descriptor was that was given as one.
pub(crate) struct End {
    source: Source,
    shared: Arc<Shared>,
}

/// What the handles on one end share.
struct Shared {
    /// gocoro made the pipe, and so it carries bytes: a short transfer has emptied or filled it. A
    /// pipe of packets gives one at a time, and what other files do is not known.
    of_bytes: bool,
    /// Where the descriptor is in non-blocking mode, what would wait says so, as in std.
    heeds_mode: bool,
    /// The kernel has no calls that never wait, or none for this file, and is asked first.
    asks: AtomicBool,
    /// Held from the question to the end of the call, so that no other handle takes in between what
    /// was there.
    asking: Mutex<()>,
}

impl End {
    /// An end of a pipe that was just made.
    pub(super) fn of_new_pipe(fd: OwnedFd) -> End {
        End::new(fd, Shared { of_bytes: true, ..Shared::new(false) })
    }

    /// Takes over what may be an end of a pipe.
    ///
    /// What is none is asked first, though the kernel may have calls for it that never wait: of a
    /// regular file, those read no more than what is in memory.
    pub(super) fn of_any(fd: OwnedFd) -> End {
        let is_pipe = sys::is_pipe(fd.as_fd());
        End::new(fd, Shared::new(!is_pipe))
    }

    /// Takes over what was opened as a file and is none that lies on a disk: a named pipe, a
    /// terminal, a device, a socket.
    pub(crate) fn of_opened(fd: OwnedFd) -> End {
        End::new(fd, Shared { heeds_mode: true, ..Shared::new(false) })
    }

    fn new(fd: OwnedFd, shared: Shared) -> End {
        End { source: Source::new(fd), shared: Arc::new(shared) }
    }

    pub(crate) fn try_clone(&self) -> io::Result<End> {
        let fd = self.fd().try_clone_to_owned()?;
        Ok(End { source: Source::new(fd), shared: Arc::clone(&self.shared) })
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.source.fd()
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        self.source.into_inner()
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    #[inline]
    pub(crate) fn read(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let wanted = taken(bufs);
        self.transfer(Direction::Read, wanted, |fd, wait| sys::read(fd, bufs, wait))
    }

    #[inline]
    pub(crate) fn write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.transfer(Direction::Write, taken(bufs), |fd, wait| write(fd, bufs, wait))
    }

    /// Reads what is there, and says `WouldBlock` in place of waiting. Counts nothing.
    pub(super) fn attempt_read(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let mut call = |fd: BorrowedFd<'_>, wait| sys::read(fd, bufs, wait);
        self.attempt(Direction::Read, &mut call)
    }

    /// Writes as much as there is room for, and says `WouldBlock` in place of waiting. Counts
    /// nothing.
    pub(super) fn attempt_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.attempt(Direction::Write, &mut |fd, wait| write(fd, bufs, wait))
    }

    fn attempt(
        &self,
        direction: Direction,
        call: &mut dyn FnMut(BorrowedFd<'_>, Wait) -> io::Result<usize>,
    ) -> io::Result<usize> {
        if !self.shared.asks.load(Relaxed) {
            match call(self.fd(), Wait::Never) {
                Err(error) if sys::has_no_such_call(&error) => {
                    self.shared.asks.store(true, Relaxed);
                }
                result => return result,
            }
        }
        self.shared.ask(self.fd(), direction, call)
    }

    /// Transfers up to `wanted` bytes by `call`, which transfers no bytes at once if none are
    /// wanted, as the kernel does even if the pipe is empty or full.
    #[inline]
    fn transfer(
        &self,
        direction: Direction,
        wanted: usize,
        mut call: impl FnMut(BorrowedFd<'_>, Wait) -> io::Result<usize>,
    ) -> io::Result<usize> {
        if wanted == 0 {
            return Ok(0);
        }
        let mut is_short = false;
        let mut attempt = |fd: BorrowedFd<'_>| {
            if !self.shared.asks.load(Relaxed) {
                match call(fd, Wait::Never) {
                    Err(error) if sys::has_no_such_call(&error) => {
                        self.shared.asks.store(true, Relaxed);
                    }
                    result => {
                        is_short = matches!(result, Ok(count) if 0 < count && count < wanted);
                        return result;
                    }
                }
            }
            if self.shared.heeds_mode && sys::is_nonblocking(fd) {
                // In non-blocking mode the call does not wait, and tells more than the question: a
                // named pipe that nobody has opened for writing yet is at its end.
                return call(fd, Wait::Perhaps);
            }
            self.shared.ask(fd, direction, &mut call)
        };
        let count = if self.shared.heeds_mode {
            self.source.io(
                direction,
                || None,
                |fd| match attempt(fd) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        // Who asked for that mode is told; otherwise the wait begins.
                        if sys::is_nonblocking(fd) { Ok(Err(error)) } else { Err(error) }
                    }
                    result => result.map(Ok),
                },
            )??
        } else {
            self.source.io(direction, || None, attempt)?
        };
        if is_short && self.shared.of_bytes {
            self.source.used_up(direction);
        }
        Ok(count)
    }
}

#[inline]
fn write(fd: BorrowedFd<'_>, bufs: &[IoSlice<'_>], wait: Wait) -> io::Result<usize> {
    match wait {
        Wait::Never => sys::write(fd, bufs, wait),
        // A pipe that is not full has room for a piece, and a call that has more to write waits
        // until all of it is written.
        Wait::Perhaps => match piece::of_several(bufs) {
            None => sys::write(fd, bufs, wait),
            Some(piece) => sys::write(fd, &[IoSlice::new(piece)], wait),
        },
    }
}

impl Shared {
    fn new(asks: bool) -> Shared {
        let (asks, asking) = (AtomicBool::new(asks), Mutex::new(()));
        Shared { of_bytes: false, heeds_mode: false, asks, asking }
    }

    /// Makes a call that may wait, if the kernel says that this one will not.
    #[cold]
    fn ask(
        &self,
        fd: BorrowedFd<'_>,
        direction: Direction,
        call: &mut dyn FnMut(BorrowedFd<'_>, Wait) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let _asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        match reactor::is_ready(fd, direction)? {
            true => call(fd, Wait::Perhaps),
            false => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}
