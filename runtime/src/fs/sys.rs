//! The system calls of files that std has no safe form of, and std's file around a descriptor that
//! is only borrowed: the only `unsafe` of this module.
//!
//! Every call retries `EINTR` itself and reads `errno` at once: the caller may suspend next, and
//! `errno` belongs to the thread.

use std::fs;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;

use libc::{c_int, iovec};

use super::file::File;
use crate::io::sys::{Wait, now};
use crate::net::sys::{BUFFERS_MAX, counted, from_raw_fd, retry};

/// The flag of an open file whose reads wait for the disk, even where a call is asked not to wait.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) const READS_WAIT: c_int = libc::O_DIRECT;

/// Elsewhere no call is asked that.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) const READS_WAIT: c_int = 0;

/// Those of one whose writes do. Other ways to make a file synchronous, by a mount or an attribute,
/// do not show in its flags.
pub(super) const WRITES_WAIT: c_int = READS_WAIT | libc::O_SYNC | libc::O_DSYNC;

/// Where in a file a call reads or writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum At {
    /// At the position of the open file, which it moves.
    Position,
    /// So many bytes after the file's beginning.
    Offset(u64),
}

impl At {
    fn number(self) -> io::Result<i64> {
        match self {
            At::Position => Ok(now::POSITION),
            // What does not fit would be taken for the position.
            At::Offset(offset) => {
                i64::try_from(offset).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
            }
        }
    }
}

/// std's file on a descriptor that belongs to somebody else.
pub(super) struct Lent<'fd> {
    file: ManuallyDrop<fs::File>,
    _fd: PhantomData<BorrowedFd<'fd>>,
}

pub(super) fn lent(fd: BorrowedFd<'_>) -> Lent<'_> {
    // SAFETY: the descriptor is open for as long as it is borrowed, which is as long as the file
    // can be used, and `ManuallyDrop` leaves it to its owner to close it.
    let file = unsafe { fs::File::from_raw_fd(fd.as_raw_fd()) };
    Lent { file: ManuallyDrop::new(file), _fd: PhantomData }
}

impl Deref for Lent<'_> {
    type Target = fs::File;

    fn deref(&self) -> &fs::File {
        &self.file
    }
}

/// Reads into one buffer.
#[inline]
pub(super) fn read(fd: BorrowedFd<'_>, buf: &mut [u8], at: At, wait: Wait) -> io::Result<usize> {
    match (wait, at) {
        (Wait::Never, _) => {
            let buf = IoSliceMut::new(buf);
            read_now(fd, std::slice::from_ref(&buf), at.number()?)
        }
        (Wait::Perhaps, At::Position) => retry(|| (&*lent(fd)).read(buf)),
        (Wait::Perhaps, At::Offset(offset)) => retry(|| lent(fd).read_at(buf, offset)),
    }
}

/// Reads into several buffers, at the position.
pub(super) fn read_vectored(
    fd: BorrowedFd<'_>,
    bufs: &mut [IoSliceMut<'_>],
    wait: Wait,
) -> io::Result<usize> {
    match wait {
        Wait::Never => read_now(fd, bufs, now::POSITION),
        Wait::Perhaps => retry(|| (&*lent(fd)).read_vectored(bufs)),
    }
}

/// Reads without waiting. The buffers are the caller's alone, which it shows by `read` and
/// `read_vectored`.
fn read_now(fd: BorrowedFd<'_>, bufs: &[IoSliceMut<'_>], offset: i64) -> io::Result<usize> {
    let (bufs, count) = (bufs.as_ptr().cast::<iovec>(), bufs.len().min(BUFFERS_MAX) as c_int);
    // SAFETY: std guarantees that an `IoSliceMut` has the layout of an `iovec`, so `bufs` leads to
    // at least `count` of them.
    //
    // Each is writable for its length until the call returns: both callers have borrowed the
    // buffers mutably.
    retry(|| unsafe { now::read(fd.as_raw_fd(), bufs, count, offset) })
}

/// Reads at the position, up to `most` bytes into the room that `buf` has behind its bytes, which
/// they become.
pub(super) fn read_spare(
    fd: BorrowedFd<'_>,
    buf: &mut Vec<u8>,
    most: usize,
    wait: Wait,
) -> io::Result<usize> {
    let room = buf.spare_capacity_mut();
    let room = iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len().min(most) };
    let count = retry(|| {
        // SAFETY: `room` is memory of the vector's own, writable for that length, whatever is in
        // it. The vector is borrowed mutably until the call has returned.
        unsafe {
            match wait {
                Wait::Never => now::read(fd.as_raw_fd(), &raw const room, 1, now::POSITION),
                Wait::Perhaps => counted(libc::read(fd.as_raw_fd(), room.iov_base, room.iov_len)),
            }
        }
    })?;
    // SAFETY: the kernel has written the first `count` bytes of the room, of which there are at
    // least so many.
    unsafe { buf.set_len(buf.len() + count) };
    Ok(count)
}

/// Writes from one buffer.
#[inline]
pub(super) fn write(fd: BorrowedFd<'_>, buf: &[u8], at: At, wait: Wait) -> io::Result<usize> {
    match (wait, at) {
        (Wait::Never, _) => write_now(fd, &[IoSlice::new(buf)], at.number()?),
        (Wait::Perhaps, At::Position) => retry(|| (&*lent(fd)).write(buf)),
        (Wait::Perhaps, At::Offset(offset)) => retry(|| lent(fd).write_at(buf, offset)),
    }
}

/// Writes from several buffers, at the position.
pub(super) fn write_vectored(
    fd: BorrowedFd<'_>,
    bufs: &[IoSlice<'_>],
    wait: Wait,
) -> io::Result<usize> {
    match wait {
        Wait::Never => write_now(fd, bufs, now::POSITION),
        Wait::Perhaps => retry(|| (&*lent(fd)).write_vectored(bufs)),
    }
}

fn write_now(fd: BorrowedFd<'_>, bufs: &[IoSlice<'_>], offset: i64) -> io::Result<usize> {
    let (bufs, count) = (bufs.as_ptr().cast::<iovec>(), bufs.len().min(BUFFERS_MAX) as c_int);
    // SAFETY: std guarantees that an `IoSlice` has the layout of an `iovec`, so `bufs` leads to at
    // least `count` of them, each readable for its length until the call returns.
    retry(|| unsafe { now::write(fd.as_raw_fd(), bufs, count, offset) })
}

/// What kind of file system a file lies on, as far as it decides who waits for what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Place {
    /// Nobody has asked.
    Unknown,
    /// In memory: no call waits for a disk, unless the memory was swapped out.
    Memory,
    /// On a disk of this machine, or made by the kernel: what is asked about an open file is known
    /// in memory.
    Local,
    /// Anywhere else: any question may wait for another machine, or for another process.
    Elsewhere,
}

/// The file systems whose answers about open files come from memory, by the numbers that
/// `statfs(2)` has for them: ext2 to ext4, XFS, Btrfs, F2FS, bcachefs, SquashFS, EROFS, FAT, exFAT,
/// ISO 9660, UDF, and the kernel's own proc, sysfs and cgroup.
#[cfg(any(target_os = "linux", target_os = "android"))]
const LOCAL: &[u32] = &[
    0xEF53,
    0x5846_5342,
    0x9123_683E,
    0xF2F5_2010,
    0xCA45_1A4E,
    0x7371_7368,
    0xE0F5_E1E2,
    0x4D44,
    0x2011_BAB0,
    0x9660,
    0x1501_3346,
    0x9FA0,
    0x6265_6572,
    0x6367_7270,
];

/// tmpfs, which `/dev` and memory files have too, and ramfs.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MEMORY: &[u32] = &[0x0102_1994, 0x8584_58F6];

/// Asks where a file lies. May wait, as for the server of a network file system.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn place(fd: BorrowedFd<'_>) -> Place {
    let mut stat = std::mem::MaybeUninit::<libc::statfs>::uninit();
    let result = retry(|| {
        // SAFETY: `stat` has room for what the kernel stores, until the call returns.
        match unsafe { libc::fstatfs(fd.as_raw_fd(), stat.as_mut_ptr()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    });
    if result.is_err() {
        return Place::Elsewhere;
    }
    // SAFETY: `fstatfs` succeeded, so it has filled all of it.
    let kind = unsafe { stat.assume_init() }.f_type as u32;
    if MEMORY.contains(&kind) {
        Place::Memory
    } else if LOCAL.contains(&kind) {
        Place::Local
    } else {
        Place::Elsewhere
    }
}

/// Other systems have other numbers, so nothing is taken for granted there.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn place(_: BorrowedFd<'_>) -> Place {
    Place::Elsewhere
}

from_raw_fd! { File }
