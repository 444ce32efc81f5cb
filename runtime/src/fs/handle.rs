//! A handle on an open file of any kind, and which way its bytes go.

use std::fs;
use std::io::{self, IoSlice, IoSliceMut, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::disk::Disk;
use super::piece::{self, Piece, PieceMut};
use super::sys::{self, At, Lent, lent};
use crate::io::End;
use crate::io::sys::{Wait, mode};
use crate::limits::FILE_BYTES_MAX;
use crate::{blocking, park};

/// How much room is cleared for a read of what is no disk, and so gives little at a time: as much
/// as fits into a pipe.
const CHUNK_BYTES_MAX: usize = 64 * 1024;

pub(super) enum Handle {
    Disk(Disk),
    /// A named pipe, a terminal, a device, a socket: what readiness tells of.
    Other(End),
}

impl Handle {
    /// Takes a descriptor over, and asks once what it leads to.
    pub(super) fn new(fd: OwnedFd) -> Handle {
        match mode(fd.as_fd()).map(|mode| mode & libc::S_IFMT) {
            Ok(libc::S_IFBLK) => Handle::Disk(Disk::new(fd, true)),
            Ok(libc::S_IFREG | libc::S_IFDIR | libc::S_IFLNK) | Err(_) => {
                Handle::Disk(Disk::new(fd, false))
            }
            Ok(_) => Handle::Other(End::of_opened(fd)),
        }
    }

    /// Takes over what was opened on this thread, which may wait.
    pub(super) fn of_opened(file: fs::File) -> Handle {
        let handle = Handle::new(file.into());
        if let Handle::Disk(disk) = &handle {
            disk.learn();
        }
        handle
    }

    pub(super) fn try_clone(&self) -> io::Result<Handle> {
        park::spent_io();
        match self {
            Handle::Disk(disk) => disk.try_clone().map(Handle::Disk),
            Handle::Other(end) => end.try_clone().map(Handle::Other),
        }
    }

    #[inline]
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Handle::Disk(disk) => disk.fd(),
            Handle::Other(end) => end.fd(),
        }
    }

    pub(super) fn into_fd(self) -> OwnedFd {
        match self {
            Handle::Disk(disk) => disk.into_fd(),
            Handle::Other(end) => end.into_fd(),
        }
    }

    /// Makes a call that may wait for a disk. A named pipe's name and owner lie on one, too.
    pub(super) fn work<T: Send>(
        &self,
        f: impl FnOnce(Lent<'_>) -> io::Result<T> + Send,
    ) -> io::Result<T> {
        match self {
            Handle::Disk(disk) => disk.work(f),
            Handle::Other(end) => {
                park::spent_io();
                let fd = end.fd();
                blocking::lend(|| f(lent(fd)))
            }
        }
    }

    /// Makes a call that waits for nobody, unless the file lies on another machine.
    pub(super) fn ask<T: Send>(
        &self,
        f: impl FnOnce(Lent<'_>) -> io::Result<T> + Send,
    ) -> io::Result<T> {
        match self {
            Handle::Disk(disk) => disk.ask(f),
            Handle::Other(end) => {
                park::spent_io();
                f(lent(end.fd()))
            }
        }
    }

    #[inline]
    pub(super) fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let most = most().min(buf.len());
        let buf = &mut buf[..most];
        match self {
            Handle::Disk(disk) => {
                disk.read(At::Position, most, |fd, wait| sys::read(fd, buf, At::Position, wait))
            }
            Handle::Other(end) => end.read(&mut [IoSliceMut::new(buf)]),
        }
    }

    pub(super) fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        match piece::of_several_mut(bufs, most()) {
            PieceMut::One(buf) => self.read(buf),
            PieceMut::Several(bufs) => match self {
                Handle::Disk(disk) => {
                    let wanted = bufs.iter().map(|buf| buf.len()).sum();
                    disk.read(At::Position, wanted, |fd, wait| sys::read_vectored(fd, bufs, wait))
                }
                Handle::Other(end) => end.read(bufs),
            },
        }
    }

    /// Reads into the room that `buf` has behind its bytes, which they become.
    pub(super) fn read_spare(&self, buf: &mut Vec<u8>) -> io::Result<usize> {
        let most = most().min(buf.capacity() - buf.len());
        match self {
            Handle::Disk(disk) => {
                disk.read(At::Position, most, |fd, wait| sys::read_spare(fd, buf, most, wait))
            }
            Handle::Other(end) => {
                let mut grown = Grown { len: buf.len(), buf };
                let most = most.min(CHUNK_BYTES_MAX);
                grown.buf.resize(grown.len + most, 0);
                let count = end.read(&mut [IoSliceMut::new(&mut grown.buf[grown.len..])])?;
                grown.len += count;
                Ok(count)
            }
        }
    }

    /// What is no disk mostly refuses the call. A device that does not may wait for its hardware.
    pub(super) fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let most = most().min(buf.len());
        let buf = &mut buf[..most];
        let at = At::Offset(offset);
        match self {
            Handle::Disk(disk) => disk.read(at, most, |fd, wait| sys::read(fd, buf, at, wait)),
            Handle::Other(end) => {
                let fd = end.fd();
                blocking::lend(|| sys::read(fd, buf, at, Wait::Perhaps))
            }
        }
    }

    #[inline]
    pub(super) fn write(&self, buf: &[u8]) -> io::Result<usize> {
        let buf = &buf[..most().min(buf.len())];
        match self {
            Handle::Disk(disk) => disk
                .write(At::Position, buf.len(), |fd, wait| sys::write(fd, buf, At::Position, wait)),
            Handle::Other(end) => end.write(&[IoSlice::new(buf)]),
        }
    }

    pub(super) fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match piece::of_several(bufs, most()) {
            Piece::One(buf) => self.write(buf),
            Piece::Several(bufs) => match self {
                Handle::Disk(disk) => {
                    let wanted = bufs.iter().map(|buf| buf.len()).sum();
                    disk.write(At::Position, wanted, |fd, wait| sys::write_vectored(fd, bufs, wait))
                }
                Handle::Other(end) => end.write(bufs),
            },
        }
    }

    pub(super) fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        let buf = &buf[..most().min(buf.len())];
        let at = At::Offset(offset);
        match self {
            Handle::Disk(disk) => {
                disk.write(at, buf.len(), |fd, wait| sys::write(fd, buf, at, wait))
            }
            Handle::Other(end) => {
                let fd = end.fd();
                blocking::lend(|| sys::write(fd, buf, at, Wait::Perhaps))
            }
        }
    }

    pub(super) fn seek(&self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Handle::Disk(disk) => disk.seek(to),
            Handle::Other(end) => {
                park::spent_io();
                (&*lent(end.fd())).seek(to)
            }
        }
    }

    pub(super) fn position(&self) -> io::Result<u64> {
        match self {
            Handle::Disk(disk) => disk.position(),
            Handle::Other(_) => self.seek(SeekFrom::Current(0)),
        }
    }
}

/// A vector that has been grown for a read, and keeps what was read.
struct Grown<'a> {
    buf: &'a mut Vec<u8>,
    len: usize,
}

impl Drop for Grown<'_> {
    fn drop(&mut self) {
        self.buf.truncate(self.len);
    }
}

/// The most bytes of one call: only a thread that may block makes it as long as the caller likes.
#[inline]
fn most() -> usize {
    if blocking::may_block() { usize::MAX } else { FILE_BYTES_MAX }
}
