//! Standard error.

use std::fmt;
use std::io::{self, IoSlice, Write};
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::process::Stdio;
use std::sync::OnceLock;

use super::IsTerminal;
use super::kind::Standard;
use super::output::{Output, stream};

/// The standard error of the process; as [`std::io::Stderr`].
///
/// Not buffered: what is written is out when the write returns. A task that finds no room is
/// suspended, where `eprintln!` blocks the worker. The report of a panic is `eprintln!`'s kind.
///
/// # Examples
///
/// ```
/// use gocoro::io::{self, Write};
///
/// writeln!(io::stderr(), "warning: {} is odd", 7)?;
/// # io::Result::Ok(())
/// ```
pub struct Stderr {
    output: &'static Output,
}

/// A locked [`Stderr`]; as [`std::io::StderrLock`].
///
/// It keeps other tasks and threads from writing through gocoro's standard error, and may be held
/// across waits. It does not keep them from `eprintln!`, nor a panic from being reported.
///
/// # Examples
///
/// ```
/// use gocoro::io::{self, Write};
///
/// let mut err = io::stderr().lock();
/// writeln!(err, "error: the disk is full")?;
/// writeln!(err, "  and nothing was written")?;
/// # io::Result::Ok(())
/// ```
#[must_use = "if unused stderr will immediately unlock"]
pub struct StderrLock<'a> {
    output: &'static Output,
    /// Neither `Send` nor `Sync`, as std's.
    _borrow: PhantomData<(&'a (), *const ())>,
}

/// A handle to the standard error of the process; as [`std::io::stderr`].
///
/// # Examples
///
/// ```
/// use gocoro::io::{self, Write};
///
/// io::stderr().write_all(b"something went wrong\n")?;
/// # io::Result::Ok(())
/// ```
#[must_use]
pub fn stderr() -> Stderr {
    Stderr { output: Stderr::output() }
}

impl Stderr {
    /// Locks standard error for more than one write. Whoever holds the lock may lock it again.
    ///
    /// # Parks
    ///
    /// While another task or thread holds the lock. On a plain thread it blocks the thread. A
    /// cancel point.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{self, Write};
    ///
    /// let mut err = io::stderr().lock();
    /// writeln!(err, "two lines")?;
    /// writeln!(err, "in a row")?;
    /// # io::Result::Ok(())
    /// ```
    pub fn lock(&self) -> StderrLock<'static> {
        self.output.lock();
        StderrLock { output: self.output, _borrow: PhantomData }
    }
}

stream! { stderr Stderr StderrLock Standard::Err }
