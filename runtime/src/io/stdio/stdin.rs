//! Standard input.

use std::fmt;
use std::io::{self, BufRead, IoSliceMut, Lines, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::{OnceLock, PoisonError};

use super::IsTerminal;
use super::input::Input;
use super::kind::Standard;
use crate::park;
use crate::sync::{Mutex, MutexGuard};

/// The standard input of the process; as [`std::io::Stdin`].
///
/// Each handle is a reference to one buffer, which a lock guards. A task that waits for input is
/// suspended, and so is one that waits for the lock.
///
/// A read that is cut short, by a cancel, a [`timeout`](crate::time::timeout) or an
/// [`io_deadline`](crate::time::io_deadline), has taken nothing: what had come is there for the
/// next one. That holds for each operation here, `read_line` and `read_to_end` included.
///
/// std's standard input has a buffer of its own. A program uses one of the two, for what one has
/// read ahead the other never sees.
///
/// # Examples
///
/// ```no_run
/// use gocoro::io::{self, Read};
///
/// let mut text = String::new();
/// io::stdin().read_to_string(&mut text)?;
/// println!("{} lines", text.lines().count());
/// # io::Result::Ok(())
/// ```
pub struct Stdin {
    input: &'static Mutex<Input>,
}

/// A locked [`Stdin`]; as [`std::io::StdinLock`].
///
/// It may be held across waits. The lock sees the descriptor as it was at its first read: what the
/// program later puts in the descriptor's place, the next lock sees.
///
/// # Examples
///
/// ```no_run
/// use gocoro::io::{self, BufRead};
///
/// let stdin = io::stdin().lock();
/// for word in stdin.split(b' ') {
///     println!("{} bytes", word?.len());
/// }
/// # io::Result::Ok(())
/// ```
#[must_use = "if unused stdin will immediately unlock"]
pub struct StdinLock<'a> {
    input: MutexGuard<'a, Input>,
}

/// A handle to the standard input of the process; as [`std::io::stdin`].
///
/// # Examples
///
/// ```no_run
/// use gocoro::{io, time};
/// use std::time::Duration;
///
/// // Waits for a line, and for five seconds at most. A line that comes later is not lost.
/// match time::timeout(Duration::from_secs(5), || io::stdin().lines().next()) {
///     Ok(Some(line)) => println!("you say: {}", line?),
///     Ok(None) => println!("no more input"),
///     Err(_) => println!("no answer"),
/// }
/// # io::Result::Ok(())
/// ```
#[must_use]
pub fn stdin() -> Stdin {
    static INPUT: OnceLock<Mutex<Input>> = OnceLock::new();
    Stdin { input: INPUT.get_or_init(|| Mutex::new(Input::default())) }
}

impl Stdin {
    /// Locks standard input for more than one read.
    ///
    /// # Parks
    ///
    /// While another task or thread holds the lock. On a plain thread it blocks the thread. A
    /// cancel point.
    ///
    /// # Panics
    ///
    /// If the calling task or thread holds the lock, for such a wait could never end.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use gocoro::io::{self, BufRead};
    ///
    /// let mut stdin = io::stdin().lock();
    /// let mut name = String::new();
    /// stdin.read_line(&mut name)?;
    /// # io::Result::Ok(())
    /// ```
    #[track_caller]
    pub fn lock(&self) -> StdinLock<'static> {
        StdinLock { input: self.input.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    /// The lock for one operation.
    #[track_caller]
    fn lock_for_io(&self) -> io::Result<StdinLock<'static>> {
        Ok(StdinLock { input: self.input.lock_for_io()? })
    }

    /// Reads a line and appends it to `buf`, with its end; as [`BufRead::read_line`]. `0` is the
    /// end of the input.
    ///
    /// # Parks
    ///
    /// Until a whole line is there, or the end, and while another task or thread holds the lock. On
    /// a plain thread it blocks the thread. A cancel point.
    ///
    /// # Errors
    ///
    /// What the descriptor says; `InvalidData` for a line that is not UTF-8, which is gone then;
    /// `TimedOut` once an enclosing `io_deadline` has passed.
    ///
    /// # Panics
    ///
    /// If the calling task or thread holds the lock.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let mut answer = String::new();
    /// gocoro::io::stdin().read_line(&mut answer)?;
    /// if answer.trim_end() == "yes" {
    ///     println!("so be it");
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    #[track_caller]
    pub fn read_line(&self, buf: &mut String) -> io::Result<usize> {
        self.lock_for_io()?.read_line(buf)
    }

    /// Locks standard input and iterates over its lines; as [`BufRead::lines`].
    ///
    /// # Parks
    ///
    /// As [`Stdin::lock`]; the iterator as [`Stdin::read_line`].
    ///
    /// # Panics
    ///
    /// As [`Stdin::lock`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// for line in gocoro::io::stdin().lines() {
    ///     println!("{}", line?.to_uppercase());
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    #[track_caller]
    pub fn lines(self) -> Lines<StdinLock<'static>> {
        self.lock().lines()
    }

    /// Whether the descriptor is a terminal, whether or not [`IsTerminal`] is imported.
    pub fn is_terminal(&self) -> bool {
        IsTerminal::is_terminal(self)
    }
}

impl StdinLock<'_> {
    /// Whether the descriptor is a terminal, whether or not [`IsTerminal`] is imported.
    pub fn is_terminal(&self) -> bool {
        IsTerminal::is_terminal(self)
    }
}

macro_rules! reads {
    ($($method:ident($($arg:ident: $ty:ty),*) -> $result:ty;)*) => {
        impl Read for &Stdin {
            $(
                #[track_caller]
                fn $method(&mut self, $($arg: $ty),*) -> io::Result<$result> {
                    self.lock_for_io()?.$method($($arg),*)
                }
            )*
        }

        impl Read for Stdin {
            $(
                #[track_caller]
                fn $method(&mut self, $($arg: $ty),*) -> io::Result<$result> {
                    (&*self).$method($($arg),*)
                }
            )*
        }

        impl Read for StdinLock<'_> {
            $(
                fn $method(&mut self, $($arg: $ty),*) -> io::Result<$result> {
                    park::spent_io();
                    self.input.$method($($arg),*)
                }
            )*
        }
    };
}

reads! {
    read(buf: &mut [u8]) -> usize;
    read_vectored(bufs: &mut [IoSliceMut<'_>]) -> usize;
    read_to_end(buf: &mut Vec<u8>) -> usize;
    read_to_string(buf: &mut String) -> usize;
    read_exact(buf: &mut [u8]) -> ();
}

impl BufRead for StdinLock<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        park::spent_io();
        self.input.fill()
    }

    fn consume(&mut self, amount: usize) {
        self.input.consume(amount);
    }

    fn read_until(&mut self, byte: u8, buf: &mut Vec<u8>) -> io::Result<usize> {
        park::spent_io();
        self.input.read_until(byte, buf)
    }

    fn skip_until(&mut self, byte: u8) -> io::Result<usize> {
        park::spent_io();
        self.input.skip_until(byte)
    }

    fn read_line(&mut self, buf: &mut String) -> io::Result<usize> {
        park::spent_io();
        self.input.read_line(buf)
    }
}

impl Drop for StdinLock<'_> {
    fn drop(&mut self) {
        self.input.close();
    }
}

impl AsFd for Stdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        Standard::In.fd()
    }
}

impl AsFd for StdinLock<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        Standard::In.fd()
    }
}

impl AsRawFd for Stdin {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl AsRawFd for StdinLock<'_> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdin").finish_non_exhaustive()
    }
}

impl fmt::Debug for StdinLock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StdinLock").finish_non_exhaustive()
    }
}
