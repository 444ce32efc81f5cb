//! The system calls about processes that std has no stable safe form of.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// Sends a signal to a process.
pub(super) fn signal(id: u32, signal: i32) -> io::Result<()> {
    // SAFETY: the call takes numbers alone.
    done(unsafe { libc::kill(id as libc::pid_t, signal) })
}

/// Sends a signal to the process group with the number `id`.
pub(super) fn signal_group(id: u32, signal: i32) -> io::Result<()> {
    // SAFETY: the call takes numbers alone.
    done(unsafe { libc::killpg(id as libc::pid_t, signal) })
}

fn done(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whom a signal that is sent by a descriptor is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum To {
    Process,
    /// The process group that the process leads, from Linux 6.9 on.
    Group,
}

#[cfg(target_os = "linux")]
pub(super) use self::pidfd::{open, signal_by};

#[cfg(target_os = "linux")]
mod pidfd {
    use std::os::fd::{AsRawFd, FromRawFd, RawFd};
    use std::ptr;

    use super::*;

    /// `PIDFD_SIGNAL_PROCESS_GROUP` of the kernel's headers.
    const GROUP: libc::c_uint = 1 << 2;

    /// A descriptor of the process with the number `id`, which is readable once that has ended. It
    /// means that process for good, whoever gets the number next.
    pub(in super::super) fn open(id: u32) -> io::Result<OwnedFd> {
        // SAFETY: `pidfd_open` takes a number and flags, of which it gets none.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, id as libc::pid_t, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call succeeded, so this is a new descriptor, which nobody else knows.
        Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
    }

    /// Sends a signal to the process that the descriptor means, or to the group that it leads.
    pub(in super::super) fn signal_by(
        pidfd: BorrowedFd<'_>,
        signal: i32,
        to: To,
    ) -> io::Result<()> {
        let flags = if to == To::Group { GROUP } else { 0 };
        let (number, fd) = (libc::SYS_pidfd_send_signal, pidfd.as_raw_fd());
        // SAFETY: `pidfd_send_signal` takes a descriptor, a signal, a pointer to a `siginfo_t` that
        // may be null, and flags.
        let result =
            unsafe { libc::syscall(number, fd, signal, ptr::null::<libc::siginfo_t>(), flags) };
        done(result as libc::c_int)
    }
}

/// Other systems have no such descriptors.
#[cfg(not(target_os = "linux"))]
pub(super) fn open(_: u32) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn signal_by(_: BorrowedFd<'_>, _: i32, _: To) -> io::Result<()> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}
