//! Bounding the time of any code.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use crate::boundary::Boundary;
use crate::clock;
use crate::current;
use crate::park;
use crate::unwind::Unwinds;

/// The error of [`timeout`], and of the other waits that are bounded as a whole: the time was up.
///
/// It becomes an [`io::Error`] of the kind `TimedOut` where `?` asks for one.
///
/// # Examples
///
/// ```
/// use gocoro::time::{Elapsed, timeout};
/// use std::time::Duration;
///
/// let late: Result<(), Elapsed> = timeout(Duration::from_millis(1), gocoro::task::park);
/// assert_eq!(std::io::Error::from(late.unwrap_err()).kind(), std::io::ErrorKind::TimedOut);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Elapsed {
    _private: (),
}

impl Elapsed {
    pub(crate) fn new() -> Elapsed {
        Elapsed { _private: () }
    }
}

impl fmt::Debug for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Elapsed")
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time was up before there was a result")
    }
}

impl Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, elapsed)
    }
}

impl<T> Unwinds<T> {
    const TIMEOUT: () = assert!(
        cfg!(panic = "unwind"),
        "`time::timeout` and `time::timeout_at` unwind what they bound, which `panic = \"abort\"` \
         rules out: build with `panic = \"unwind\"`, or bound the single operations by their own \
         timeouts, and I/O by `time::io_deadline`"
    );
}

/// Runs `f`, but not for longer than `duration`: after that `f` is unwound from where it waits.
///
/// Any code can be bounded, at any call depth: destructors run, nothing else does. The closure is
/// unwound only from a wait, so a closure that computes without waiting is not interrupted (unless
/// it calls [`task::checkpoint`](crate::cancel::checkpoint)). If it returns after all, its value is
/// the result, however late that is. A wait that is over is not unwound: a message that was taken
/// is returned.
///
/// Timeouts nest. If the time of several is up, the outermost wins. A timeout in a destructor, run
/// because its task unwinds, never ends what it bounds. Unwinding has hazards: see
/// [`JoinHandle::cancel`](crate::join::JoinHandle::cancel).
///
/// The time runs from now. With a duration of zero `f` runs up to its first wait. Questions, wakes
/// and spawns are no waits.
///
/// **After [`Elapsed`], do not try the same again on the same stream** if the unwound code reads or
/// writes in several steps, such as `BufRead::read_line`, `Read::read_exact`, `Write::write_all` or
/// a WebSocket's `read`. The bytes of the finished steps are gone with the locals of the unwound
/// call, and the next call begins in the middle of a line or of a message. Either drop the stream,
/// or bound its I/O by [`io_deadline`] or by a read timeout: these return an error, and `read_line`
/// and most protocol libraries keep what they have when they get one.
///
/// # Parks
///
/// As `f` does. On a plain thread too, where a wait for I/O ends by `poll(2)`.
///
/// # Errors
///
/// [`Elapsed`] if the time was up.
///
/// # Panics
///
/// With the panic of `f`.
///
/// # Examples
///
/// ```
/// use gocoro::time::{sleep, timeout};
/// use std::time::Duration;
///
/// assert_eq!(timeout(Duration::from_secs(60), || 42), Ok(42));
///
/// let slow = || sleep(Duration::from_secs(3600));
/// assert!(timeout(Duration::from_millis(1), slow).is_err());
/// ```
#[inline]
pub fn timeout<T>(duration: Duration, f: impl FnOnce() -> T) -> Result<T, Elapsed> {
    park::looked();
    let () = Unwinds::<T>::TIMEOUT;
    let deadline = clock::after(duration);
    park::timeout(deadline, duration.is_zero(), f).ok_or_else(Elapsed::new)
}

/// Runs `f`, but not after `deadline`. As for [`timeout`], take care with what is tried again.
///
/// # Parks
///
/// As [`timeout`].
///
/// # Errors
///
/// As [`timeout`].
///
/// # Panics
///
/// With the panic of `f`.
///
/// # Examples
///
/// ```
/// use gocoro::time::{sleep, timeout_at};
/// use std::time::{Duration, Instant};
///
/// // Both steps together have one deadline.
/// let deadline = Instant::now() + Duration::from_millis(2);
/// let first = timeout_at(deadline, || sleep(Duration::ZERO));
/// let second = timeout_at(deadline, || sleep(Duration::from_secs(3600)));
/// assert!(second.is_err());
/// # let _ = first;
/// ```
#[inline]
pub fn timeout_at<T>(deadline: Instant, f: impl FnOnce() -> T) -> Result<T, Elapsed> {
    park::looked();
    let () = Unwinds::<T>::TIMEOUT;
    let expired = clock::now() >= deadline;
    park::timeout(Some(deadline), expired, f).ok_or_else(Elapsed::new)
}

/// Runs `f` with a deadline for I/O: once the deadline has passed, every wait of `f` for gocoro's
/// I/O fails with [`ErrorKind::TimedOut`](io::ErrorKind::TimedOut).
///
/// This is the gentle form of [`timeout_at`]: nothing unwinds. The deadline reaches through all
/// code that reads and writes gocoro's streams, such as protocol libraries, which report the error
/// their own way. Locks, channels and sleeps are not bounded. What can be done without waiting is
/// done, however late.
///
/// Use this form for code that is tried again on the same stream, such as a loop that looks at
/// something else every second. A reader that keeps what it has when it gets an error goes on where
/// it was. `BufRead::read_line` and `read_until` do that, if they are given the same buffer again,
/// and so do most protocol libraries. `BufRead::lines` and `Read::read_exact` do not: they drop
/// what they had, and after an error the stream is of no more use to them.
///
/// Deadlines nest: the earliest holds. A deadline that was set outside of a
/// [`shield`](crate::cancel::shield) does not hold inside.
///
/// # Parks
///
/// As `f` does.
///
/// # Examples
///
/// ```
/// use gocoro::net::{TcpListener, TcpStream};
/// use gocoro::time::io_deadline;
/// use std::io::{ErrorKind, Read};
/// use std::time::{Duration, Instant};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut silent = TcpStream::connect(listener.local_addr()?)?;
/// let soon = Instant::now() + Duration::from_millis(5);
/// let read = io_deadline(soon, || silent.read_to_end(&mut Vec::new()));
/// assert_eq!(read.unwrap_err().kind(), ErrorKind::TimedOut);
/// # std::io::Result::Ok(())
/// ```
///
/// A line that comes in two halves, with a deadline between them:
///
/// ```
/// use gocoro::net::{TcpListener, TcpStream};
/// use gocoro::time::io_deadline;
/// use std::io::{BufRead, BufReader, ErrorKind, Write};
/// use std::time::{Duration, Instant};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut peer = TcpStream::connect(listener.local_addr()?)?;
/// let mut reader = BufReader::new(listener.accept()?.0);
/// let mut line = String::new();
///
/// peer.write_all(b"half a ")?;
/// let soon = Instant::now() + Duration::from_millis(5);
/// let read = io_deadline(soon, || reader.read_line(&mut line));
/// assert_eq!(read.unwrap_err().kind(), ErrorKind::TimedOut);
///
/// peer.write_all(b"line\n")?;
/// reader.read_line(&mut line)?; // the same buffer, which is not cleared
/// assert_eq!(line, "half a line\n");
/// # std::io::Result::Ok(())
/// ```
pub fn io_deadline<T>(deadline: Instant, f: impl FnOnce() -> T) -> T {
    current::waits().within(&Boundary::io_deadline(deadline), f)
}
