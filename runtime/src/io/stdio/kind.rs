//! The standard descriptors, and what the files behind them are. The only `unsafe` of the standard
//! streams.

use std::fs::File;
use std::io::IsTerminal;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;

use crate::io::sys::mode;
use crate::reactor::Direction;

/// One of the descriptors that a process is started with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standard {
    In,
    Out,
    Err,
}

/// What a descriptor leads to, as far as it decides how bytes are moved without blocking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A pipe, with a name or without.
    Pipe,
    Socket,
    /// A terminal, but for the side of one that the emulator holds: that side opens as a new one.
    Terminal,
    /// A device that is no terminal.
    Device,
    /// A file on a disk, or the disk.
    File,
    /// Nothing: the descriptor is closed, or is an end of a pipe that reads where it is to write,
    /// which the kernel never calls ready, and whose writes fail as those of a closed one.
    Closed,
    /// Something without a name of its own, such as an event descriptor.
    Other,
}

impl Standard {
    fn number(self) -> RawFd {
        match self {
            Standard::In => libc::STDIN_FILENO,
            Standard::Out => libc::STDOUT_FILENO,
            Standard::Err => libc::STDERR_FILENO,
        }
    }

    pub(super) fn direction(self) -> Direction {
        if self == Standard::In { Direction::Read } else { Direction::Write }
    }

    /// The descriptor, whatever it leads to now.
    pub(super) fn fd(self) -> BorrowedFd<'static> {
        // SAFETY: the three descriptors belong to the process and not to any value in it, so they
        // may be borrowed for as long as it lives, as std's own handles do. std opens `/dev/null`
        // for those that are closed when a program starts. A program that closes one later gets
        // `EBADF` from the calls, which the streams expect.
        unsafe { BorrowedFd::borrow_raw(self.number()) }
    }

    /// Opens what the descriptor leads to once more, in non-blocking mode: the mode belongs to the
    /// open file, which others share, so a file that gocoro has opened for itself may have it.
    ///
    /// `None`: that is not permitted, or not possible here.
    pub(super) fn open_again(self) -> Option<OwnedFd> {
        if cfg!(not(any(target_os = "linux", target_os = "android"))) {
            // There `/dev/fd` leads to the same open file.
            return None;
        }
        let reads = self == Standard::In;
        let file = File::options()
            .read(reads)
            .write(!reads)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(format!("/proc/self/fd/{}", self.number()));
        Some(file.ok()?.into())
    }

    pub(super) fn kind(self) -> Kind {
        let fd = self.fd();
        match mode(fd) {
            Err(error) if error.raw_os_error() == Some(libc::EBADF) => Kind::Closed,
            Err(_) => Kind::Other,
            Ok(mode) => match mode & libc::S_IFMT {
                libc::S_IFIFO if self != Standard::In && !is_writable(fd) => Kind::Closed,
                libc::S_IFIFO => Kind::Pipe,
                libc::S_IFSOCK => Kind::Socket,
                libc::S_IFCHR if !fd.is_terminal() => Kind::Device,
                libc::S_IFCHR if is_emulators_side(fd) => Kind::Other,
                libc::S_IFCHR => Kind::Terminal,
                libc::S_IFREG | libc::S_IFBLK | libc::S_IFDIR => Kind::File,
                _ => Kind::Other,
            },
        }
    }
}

/// Whether the descriptor was opened to be written.
fn is_writable(fd: BorrowedFd<'_>) -> bool {
    // SAFETY: the call takes a descriptor and no pointer.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
    flags & libc::O_ACCMODE != libc::O_RDONLY
}

/// Whether this terminal is the side of a pseudo-terminal that an emulator holds.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_emulators_side(fd: BorrowedFd<'_>) -> bool {
    let mut number: libc::c_uint = 0;
    // SAFETY: `TIOCGPTN` stores an unsigned integer, for which `number` has room.
    unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCGPTN as _, &raw mut number) == 0 }
}

/// Elsewhere nothing is opened again, so it makes no difference.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_emulators_side(_: BorrowedFd<'_>) -> bool {
    false
}
