//! A file that lies on a disk, or is one: whatever `poll(2)` calls always ready. How it is read and
//! written without blocking a worker for longer than the kernel takes to copy or to begin a
//! read-ahead.

use std::io::{self, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};

use super::sys::{self, At, Lent, Place, lent};
use crate::io::sys::{Wait, has_no_such_call, status_flags};
use crate::reactor::Direction;
use crate::sync::RawMutex;
use crate::{blocking, park};

/// The most bytes that one call of a task's writes to a file in memory on the worker itself. The
/// kernel finds and clears a page for each 4 KiB, which makes 64 KiB take some 20 microseconds.
/// More goes to the blocking pool, for which that is worth its way.
const MEMORY_WRITE_BYTES_MAX: usize = 64 * 1024;

/// A handle on a file on a disk.
pub(super) struct Disk {
    fd: OwnedFd,
    shared: Arc<Shared>,
}

/// What the handles on one open file share.
struct Shared {
    /// Held by whoever reads or writes at the position, or moves it, until the call has returned,
    /// also where the blocking pool makes it. The kernel has a lock of its own for that, in which a
    /// call that never waits would wait all the same, and block its worker: behind a read, on
    /// another thread, that waits for the disk.
    position: RawMutex,
    /// A [`Place`].
    place: AtomicU8,
    reads: Calls,
    writes: Calls,
}

/// What is known of the calls of one direction that never wait.
struct Calls {
    /// There are none for this file: the kernel has said so, or they would wait.
    are_refused: AtomicBool,
}

impl Calls {
    fn new(are_refused: bool) -> Calls {
        Calls { are_refused: AtomicBool::new(are_refused) }
    }
}

/// The right to use the position.
struct Turn<'a>(&'a RawMutex);

impl Drop for Turn<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.unlock();
    }
}

impl Disk {
    /// Takes a file over. `is_device`: it is a disk, which lies nowhere.
    pub(super) fn new(fd: OwnedFd, is_device: bool) -> Disk {
        let flags = status_flags(fd.as_fd());
        let place = if is_device { Place::Local } else { Place::Unknown };
        let shared = Shared {
            position: RawMutex::new(),
            place: AtomicU8::new(place as u8),
            reads: Calls::new(flags & sys::READS_WAIT != 0),
            writes: Calls::new(flags & sys::WRITES_WAIT != 0),
        };
        Disk { fd, shared: Arc::new(shared) }
    }

    pub(super) fn try_clone(&self) -> io::Result<Disk> {
        let fd = self.fd.try_clone()?;
        Ok(Disk { fd, shared: Arc::clone(&self.shared) })
    }

    #[inline]
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(super) fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// Finds out where the file lies, on a thread that may wait for the answer.
    pub(super) fn learn(&self) {
        if self.lies(Place::Unknown) {
            self.shared.place.store(sys::place(self.fd()) as u8, Relaxed);
        }
    }

    #[inline]
    fn lies(&self, place: Place) -> bool {
        self.shared.place.load(Relaxed) == place as u8
    }

    /// Whether what is asked about the open file is known in memory.
    fn answers_at_once(&self) -> bool {
        self.lies(Place::Memory) || self.lies(Place::Local)
    }

    /// Makes a call that may wait for the disk.
    pub(super) fn work<T: Send>(
        &self,
        f: impl FnOnce(Lent<'_>) -> io::Result<T> + Send,
    ) -> io::Result<T> {
        park::spent_io();
        self.lend(f)
    }

    /// Makes a call that waits for nobody, unless the file lies on another machine.
    pub(super) fn ask<T: Send>(
        &self,
        f: impl FnOnce(Lent<'_>) -> io::Result<T> + Send,
    ) -> io::Result<T> {
        park::spent_io();
        if self.answers_at_once() { f(lent(self.fd())) } else { self.lend(f) }
    }

    fn lend<T: Send>(&self, f: impl FnOnce(Lent<'_>) -> io::Result<T> + Send) -> io::Result<T> {
        if blocking::may_block() {
            return f(lent(self.fd()));
        }
        blocking::lend(|| {
            self.learn();
            f(lent(self.fd()))
        })
    }

    /// Waits until nobody else uses the position.
    #[inline]
    fn turn(&self) -> io::Result<Turn<'_>> {
        self.shared.position.lock_for_file()?;
        Ok(Turn(&self.shared.position))
    }

    /// Reads up to `wanted` bytes by `call`.
    #[inline]
    pub(super) fn read(
        &self,
        at: At,
        wanted: usize,
        call: impl FnMut(BorrowedFd<'_>, Wait) -> io::Result<usize> + Send,
    ) -> io::Result<usize> {
        self.transfer(Direction::Read, at, wanted, call)
    }

    /// Writes up to `wanted` bytes by `call`.
    #[inline]
    pub(super) fn write(
        &self,
        at: At,
        wanted: usize,
        call: impl FnMut(BorrowedFd<'_>, Wait) -> io::Result<usize> + Send,
    ) -> io::Result<usize> {
        self.transfer(Direction::Write, at, wanted, call)
    }

    #[inline]
    fn transfer(
        &self,
        direction: Direction,
        at: At,
        wanted: usize,
        mut call: impl FnMut(BorrowedFd<'_>, Wait) -> io::Result<usize> + Send,
    ) -> io::Result<usize> {
        let _turn = match at {
            At::Position => Some(self.turn()?),
            At::Offset(_) => {
                park::spent_io();
                None
            }
        };
        if blocking::may_block() {
            return call(self.fd(), Wait::Perhaps);
        }
        let calls = match direction {
            Direction::Read => &self.shared.reads,
            Direction::Write => &self.shared.writes,
        };
        // What has refused a call may have refused what was asked for, and not the way of asking.
        let mut perhaps_refused = false;
        if self.lies(Place::Memory) {
            if direction == Direction::Read || wanted <= MEMORY_WRITE_BYTES_MAX {
                return call(self.fd(), Wait::Perhaps);
            }
        } else if !calls.are_refused.load(Relaxed) {
            match call(self.fd(), Wait::Never) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if has_no_such_call(&error) => perhaps_refused = true,
                Ok(0) if direction == Direction::Read && wanted > 0 && !self.is_at_end(at)? => {}
                result => return result,
            }
        }
        let result = self.lend(|file| call(file.as_fd(), Wait::Perhaps));
        if perhaps_refused && result.is_ok() {
            calls.are_refused.store(true, Relaxed);
        }
        result
    }

    /// Whether there is nothing to be read: Linux 5.9 and 5.10 may say so, when they are asked not
    /// to wait, of what is only not in memory.
    #[cold]
    fn is_at_end(&self, at: At) -> io::Result<bool> {
        let file = lent(self.fd());
        let offset = match at {
            At::Position => (&*file).stream_position()?,
            At::Offset(offset) => offset,
        };
        Ok(offset >= file.metadata()?.len())
    }

    /// Moves the position. Only the file's end may be known to another machine alone.
    pub(super) fn seek(&self, to: SeekFrom) -> io::Result<u64> {
        let _turn = self.turn()?;
        match to {
            SeekFrom::End(_) if !self.answers_at_once() => self.lend(|file| (&*file).seek(to)),
            _ => (&*lent(self.fd())).seek(to),
        }
    }

    pub(super) fn position(&self) -> io::Result<u64> {
        let _turn = self.turn()?;
        (&*lent(self.fd())).stream_position()
    }
}
