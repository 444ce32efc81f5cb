//! Reads and writes of pipes and standard streams, of which some never wait, and what a descriptor
//! leads to. With `stdio/kind` the only `unsafe` of the module `io`.
//!
//! Every call retries `EINTR` itself and reads `errno` at once: the caller may suspend next, and
//! `errno` belongs to the thread.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use libc::{c_int, iovec};

use super::pipe::{PipeReader, PipeWriter};
use crate::net::sys::{BUFFERS_MAX, counted, from_raw_fd, retry};

/// Whether a call may wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wait {
    /// It says `WouldBlock` in place of waiting, whatever the mode of the descriptor. Not every
    /// kernel and descriptor has such calls: see [`has_no_such_call`].
    Never,
    /// It waits, unless the descriptor is non-blocking.
    Perhaps,
}

/// Reads into several buffers.
pub(super) fn read(
    fd: BorrowedFd<'_>,
    bufs: &mut [IoSliceMut<'_>],
    wait: Wait,
) -> io::Result<usize> {
    let fd = fd.as_raw_fd();
    let (bufs, count) = (bufs.as_mut_ptr().cast(), bufs.len().min(BUFFERS_MAX) as c_int);
    retry(|| {
        // SAFETY: std guarantees that an `IoSliceMut` has the layout of an `iovec`, so `bufs` leads
        // to at least `count` of them.
        //
        // Each is writable for its length until the call returns, for they are borrowed mutably.
        unsafe {
            match wait {
                Wait::Never => now::read(fd, bufs, count, now::POSITION),
                Wait::Perhaps => counted(libc::readv(fd, bufs, count)),
            }
        }
    })
}

/// Writes from several buffers.
pub(super) fn write(fd: BorrowedFd<'_>, bufs: &[IoSlice<'_>], wait: Wait) -> io::Result<usize> {
    let fd = fd.as_raw_fd();
    let (bufs, count) = (bufs.as_ptr().cast(), bufs.len().min(BUFFERS_MAX) as c_int);
    retry(|| {
        // SAFETY: std guarantees that an `IoSlice` has the layout of an `iovec`, so `bufs` leads to
        // at least `count` of them, each readable for its length until the call returns.
        unsafe {
            match wait {
                Wait::Never => now::write(fd, bufs, count, now::POSITION),
                Wait::Perhaps => counted(libc::writev(fd, bufs, count)),
            }
        }
    })
}

/// Whether the error of a call that never waits says that the kernel has none, or none for this
/// descriptor.
///
/// An old kernel says `EINVAL`, a filter of system calls `EPERM`. Where these mean something else,
/// the call that may wait says so again.
pub(crate) fn has_no_such_call(error: &io::Error) -> bool {
    let refusals = [libc::EOPNOTSUPP, libc::ENOSYS, libc::EINVAL, libc::EPERM];
    error.raw_os_error().is_some_and(|errno| refusals.contains(&errno))
}

/// The calls that never wait: `preadv2` and `pwritev2` with `RWF_NOWAIT`. They are called by their
/// numbers, for not every C library has functions for them.
#[cfg(all(target_os = "linux", any(target_env = "gnu", target_env = "musl")))]
pub(crate) mod now {
    use super::*;

    /// Stands for the position of the open file itself, which a pipe has none of.
    pub(crate) const POSITION: i64 = -1;

    /// # Safety
    ///
    /// `bufs` leads to `count` buffers, each writable for its length.
    pub(crate) unsafe fn read(
        fd: RawFd,
        bufs: *const iovec,
        count: c_int,
        offset: i64,
    ) -> io::Result<usize> {
        // SAFETY: the caller's promise is what `preadv2` needs.
        unsafe { call(libc::SYS_preadv2, fd, bufs, count, offset) }
    }

    /// # Safety
    ///
    /// `bufs` leads to `count` buffers, each readable for its length.
    pub(crate) unsafe fn write(
        fd: RawFd,
        bufs: *const iovec,
        count: c_int,
        offset: i64,
    ) -> io::Result<usize> {
        // SAFETY: the caller's promise is what `pwritev2` needs.
        unsafe { call(libc::SYS_pwritev2, fd, bufs, count, offset) }
    }

    /// # Safety
    ///
    /// `number` is that of `preadv2` or `pwritev2`, and `bufs` is as that call needs it.
    unsafe fn call(
        number: libc::c_long,
        fd: RawFd,
        bufs: *const iovec,
        count: c_int,
        offset: i64,
    ) -> io::Result<usize> {
        // Where a register has room for all of the offset, the kernel does not look at the second.
        let (low, high) = (offset as libc::c_long, (offset >> 32) as libc::c_long);
        // SAFETY: both calls take a descriptor, buffers and their count, the two halves of an
        // offset, and flags. The caller answers for the buffers.
        let result = unsafe { libc::syscall(number, fd, bufs, count, low, high, libc::RWF_NOWAIT) };
        counted(result as libc::ssize_t)
    }
}

/// Other systems have no calls that never wait.
#[cfg(not(all(target_os = "linux", any(target_env = "gnu", target_env = "musl"))))]
pub(crate) mod now {
    use super::*;

    pub(crate) const POSITION: i64 = -1;

    /// # Safety
    ///
    /// None: nothing is done.
    pub(crate) unsafe fn read(_: RawFd, _: *const iovec, _: c_int, _: i64) -> io::Result<usize> {
        Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP))
    }

    /// # Safety
    ///
    /// None: nothing is done.
    pub(crate) unsafe fn write(_: RawFd, _: *const iovec, _: c_int, _: i64) -> io::Result<usize> {
        Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP))
    }
}

/// The type and the permissions of the file behind a descriptor.
///
/// On Linux it is what the kernel knows: to ask a file's server may take as long as that likes, and
/// a type never changes.
pub(crate) fn mode(fd: BorrowedFd<'_>) -> io::Result<libc::mode_t> {
    if let Some(mode) = known_mode(fd) {
        return Ok(mode);
    }
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    retry(|| {
        // SAFETY: `stat` has room for what the kernel stores, until the call returns.
        match unsafe { libc::fstat(fd.as_raw_fd(), stat.as_mut_ptr()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    })?;
    // SAFETY: `fstat` succeeded, so it has filled all of it.
    Ok(unsafe { stat.assume_init() }.st_mode)
}

/// `None`: the kernel has no such question, or a filter of system calls does not let it through.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn known_mode(fd: BorrowedFd<'_>) -> Option<libc::mode_t> {
    let what = libc::STATX_TYPE | libc::STATX_MODE;
    let flags = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC;
    let mut found = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: `statx` takes a descriptor, a path, which is empty and ends in a null byte, flags, a
    // mask, and a place with room for what it stores, until the call returns.
    let done = unsafe {
        let (fd, path) = (fd.as_raw_fd(), c"".as_ptr());
        libc::syscall(libc::SYS_statx, fd, path, flags, what, found.as_mut_ptr())
    };
    // SAFETY: it is made of numbers alone, which may be zero if nothing was stored.
    let found = unsafe { found.assume_init() };
    (done == 0 && found.stx_mask & what == what).then(|| found.stx_mode.into())
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn known_mode(_: BorrowedFd<'_>) -> Option<libc::mode_t> {
    None
}

/// Whether a descriptor is that of a pipe, with a name or without.
pub(super) fn is_pipe(fd: BorrowedFd<'_>) -> bool {
    mode(fd).is_ok_and(|mode| mode & libc::S_IFMT == libc::S_IFIFO)
}

/// Whether a descriptor is in non-blocking mode.
pub(super) fn is_nonblocking(fd: BorrowedFd<'_>) -> bool {
    status_flags(fd) & libc::O_NONBLOCK != 0
}

/// The flags that a file was opened with, as far as they last; none of what is not open.
pub(crate) fn status_flags(fd: BorrowedFd<'_>) -> c_int {
    // SAFETY: the call takes a descriptor and no pointer.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
    flags.max(0)
}

from_raw_fd! { PipeReader PipeWriter }
