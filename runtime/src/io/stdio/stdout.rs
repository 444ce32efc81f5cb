//! Standard output.

use std::fmt;
use std::io::{self, IoSlice, Write};
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::process::Stdio;
use std::sync::OnceLock;

use super::IsTerminal;
use super::kind::Standard;
use super::output::{Output, stream};

/// The standard output of the process; as [`std::io::Stdout`].
///
/// Each handle is a reference to one buffer, which a lock guards. Output is buffered by line, and
/// the buffer is std's own: what `print!` and `println!` write in the same task or thread keeps its
/// place.
///
/// A task that finds no room, since nobody reads the pipe or the terminal, is suspended, where
/// `println!` blocks the worker. What is written to a file goes to the system's memory at once.
///
/// Each write that is not under a [`lock`](Stdout::lock) looks at what the descriptor leads to, so
/// many lines are written faster under one lock.
///
/// # Examples
///
/// ```
/// use gocoro::io::{self, Write};
///
/// let mut out = io::stdout();
/// print!("six times seven ");
/// writeln!(out, "is {}", 6 * 7)?;
/// # io::Result::Ok(())
/// ```
pub struct Stdout {
    output: &'static Output,
}

/// A locked [`Stdout`]; as [`std::io::StdoutLock`].
///
/// It keeps other tasks and threads from writing through gocoro's standard output, and may be held
/// across waits. It does not keep them from `println!`.
///
/// # Examples
///
/// ```
/// use gocoro::io::{self, Write};
///
/// let mut out = io::stdout().lock();
/// for n in 1..=3 {
///     writeln!(out, "line {n} of three that stay together")?;
///     gocoro::task::yield_now();
/// }
/// # io::Result::Ok(())
/// ```
#[must_use = "if unused stdout will immediately unlock"]
pub struct StdoutLock<'a> {
    output: &'static Output,
    /// Neither `Send` nor `Sync`, as std's.
    _borrow: PhantomData<(&'a (), *const ())>,
}

/// A handle to the standard output of the process; as [`std::io::stdout`].
///
/// # Examples
///
/// ```
/// use gocoro::io::{self, Write};
///
/// let writers: Vec<_> = (0..4)
///     .map(|n| gocoro::go!({ writeln!(io::stdout(), "from task {n}") }))
///     .collect();
/// for writer in writers {
///     writer.wait()?;
/// }
/// # io::Result::Ok(())
/// ```
#[must_use]
pub fn stdout() -> Stdout {
    Stdout { output: Stdout::output() }
}

/// Waits until a flush has ended whose wait was cut short. It holds std's lock while it has no
/// room, and std's own flush at exit passes by a lock that is held.
pub(crate) fn finish_flush() {
    Stdout::output().finish();
}

impl Stdout {
    /// Locks standard output for more than one write. Whoever holds the lock may lock it again.
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
    /// let mut out = io::stdout().lock();
    /// out.write_all(b"hello, ")?;
    /// out.write_all(b"world\n")?;
    /// # io::Result::Ok(())
    /// ```
    pub fn lock(&self) -> StdoutLock<'static> {
        self.output.lock();
        StdoutLock { output: self.output, _borrow: PhantomData }
    }
}

stream! { stdout Stdout StdoutLock Standard::Out }
