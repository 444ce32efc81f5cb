//! Files from descriptors and std's files, and back.

use std::fmt;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::process::Stdio;

use super::File;
use crate::fs::handle::Handle;
use crate::fs::sys::lent;
use crate::io::IsTerminal;
use crate::park;

/// Takes a descriptor over, of whatever it is. Its mode stays as it is, and is heeded as in std: if
/// it is non-blocking, what would wait says `WouldBlock`.
impl From<OwnedFd> for File {
    fn from(fd: OwnedFd) -> File {
        File { handle: Handle::new(fd) }
    }
}

impl From<File> for OwnedFd {
    fn from(file: File) -> OwnedFd {
        file.handle.into_fd()
    }
}

impl From<fs::File> for File {
    fn from(file: fs::File) -> File {
        OwnedFd::from(file).into()
    }
}

impl From<File> for fs::File {
    fn from(file: File) -> fs::File {
        OwnedFd::from(file).into()
    }
}

impl From<File> for Stdio {
    fn from(file: File) -> Stdio {
        OwnedFd::from(file).into()
    }
}

impl AsFd for File {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.fd()
    }
}

impl AsRawFd for File {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl IntoRawFd for File {
    fn into_raw_fd(self) -> RawFd {
        OwnedFd::from(self).into_raw_fd()
    }
}

impl File {
    /// Whether the file is a terminal; as [`std::io::IsTerminal`].
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!gocoro::fs::File::open("/dev/null")?.is_terminal());
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        park::looked();
        std::io::IsTerminal::is_terminal(&self.as_fd())
    }
}

impl IsTerminal for File {
    fn is_terminal(&self) -> bool {
        File::is_terminal(self)
    }
}

/// As std's: the descriptor, and as far as the system tells them, the path and how it was opened.
impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fs::File::fmt(&lent(self.as_fd()), f)
    }
}

// As std's type, whatever the reactor keeps for a descriptor: a panic elsewhere leaves a file no
// less usable.
impl UnwindSafe for File {}
impl RefUnwindSafe for File {}
