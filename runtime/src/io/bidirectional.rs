//! Copying both ways between two streams.

use std::error::Error;
use std::fmt;
use std::io;
use std::panic::resume_unwind;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::chunk::Chunk;
use super::duplex::Duplex;
use crate::limits::COPY_BYTES_MAX;
use crate::net::Shutdown;
use crate::scope;
use crate::spawn::Builder;
use crate::time::io_deadline;
use crate::{clock, current};

/// Copies both ways between two streams until both have come to an end. Returns how many bytes
/// went from `a` to `b`, and from `b` to `a`.
///
/// An end of file passes on: when `a` has no more to say, what `b` is written is shut down
/// ([`Shutdown::Write`]), and the other way goes on. The call returns when both ways are over.
///
/// An error of either way ends both, and is returned. Then, and whenever it ends in another way
/// than by two ends of file (a cancel, a timeout around it, a panic), both streams are shut down in
/// both directions: bytes that were under way are lost, so what would come after them means
/// nothing.
///
/// The streams may be given by value, which closes them in the end, or by reference. They are
/// [`Duplex`], as gocoro's streams are. [`CopyBidirectional`] does the same with an idle timeout,
/// and tells how much was moved before an error.
///
/// # Parks
///
/// Until both ways are over. One of them is a task of its own, on the default runtime if this is
/// called on a plain thread, which it blocks. A cancel point.
///
/// # Errors
///
/// The first error of reading or writing either stream. `TimedOut` at an enclosing
/// [`io_deadline`](fn@crate::time::io_deadline), which bounds both ways.
///
/// # Panics
///
/// With the panic of a stream.
///
/// # Examples
///
/// ```
/// use gocoro::net::{TcpListener, TcpStream};
/// use gocoro::{go, io};
/// use io::{Read, Write};
///
/// // A server, and a proxy before it.
/// let server = TcpListener::bind("127.0.0.1:0")?;
/// let proxy = TcpListener::bind("127.0.0.1:0")?;
/// let (at, upstream) = (proxy.local_addr()?, server.local_addr()?);
/// let proxied = go!({
///     let (client, _) = proxy.accept()?;
///     io::copy_bidirectional(client, TcpStream::connect(upstream)?)
/// });
///
/// let mut client = TcpStream::connect(at)?;
/// client.write_all(b"question")?;
/// client.shutdown(gocoro::net::Shutdown::Write)?;
///
/// let (mut peer, _) = server.accept()?;
/// let mut question = String::new();
/// peer.read_to_string(&mut question)?; // the end of the file came through
/// assert_eq!(question, "question");
/// peer.write_all(b"answer")?;
/// drop(peer);
///
/// let mut answer = String::new();
/// client.read_to_string(&mut answer)?;
/// assert_eq!(answer, "answer");
/// assert_eq!(proxied.wait()?, (8, 6));
/// # io::Result::Ok(())
/// ```
#[track_caller]
pub fn copy_bidirectional<A: Duplex, B: Duplex>(a: A, b: B) -> io::Result<(u64, u64)> {
    Ok(CopyBidirectional::new().copy(a, b)?)
}

/// [`copy_bidirectional`](fn@copy_bidirectional) with options: an idle timeout, and how much is
/// read at once.
///
/// # Examples
///
/// ```
/// use gocoro::io::{BufferStream, CopyBidirectional};
/// use std::io::{ErrorKind, Write};
/// use std::time::Duration;
///
/// let (mut client, near) = BufferStream::unbounded();
/// let (far, _silent) = BufferStream::unbounded();
/// client.write_all(b"anybody there?")?;
///
/// let copy = CopyBidirectional::new().idle_timeout(Duration::from_millis(5));
/// let error = copy.copy(near, far).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::TimedOut);
/// assert_eq!(error.moved(), (14, 0));
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug)]
pub struct CopyBidirectional {
    idle_timeout: Option<Duration>,
    buffer_size: usize,
}

impl CopyBidirectional {
    /// Copies without an idle timeout, and with buffers as those of [`copy`](fn@super::copy).
    #[must_use]
    pub fn new() -> CopyBidirectional {
        CopyBidirectional { idle_timeout: None, buffer_size: COPY_BYTES_MAX }
    }

    /// Ends the copy with an error of kind [`TimedOut`](io::ErrorKind::TimedOut) once no byte has
    /// moved in either direction for this long. A byte that moves one way keeps the other way alive
    /// too.
    ///
    /// A peer that does not read is idle as well as one that does not write, once the buffers
    /// between are full.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> CopyBidirectional {
        self.idle_timeout = Some(timeout);
        self
    }

    /// How much each way reads at most at once, in bytes. 128 KiB if this is not called. The
    /// memory is taken only while reads fill it, but for the first 8 KiB.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    pub fn buffer_size(mut self, bytes: usize) -> CopyBidirectional {
        assert!(bytes > 0, "buffer_size: a buffer of no bytes moves none; give at least 1");
        self.buffer_size = bytes;
        self
    }

    /// Copies both ways, as [`copy_bidirectional`](fn@copy_bidirectional) does.
    ///
    /// # Parks
    ///
    /// As [`copy_bidirectional`](fn@copy_bidirectional).
    ///
    /// # Errors
    ///
    /// As [`copy_bidirectional`](fn@copy_bidirectional), with how many bytes had moved.
    /// `?` makes an [`io::Error`] of it.
    ///
    /// # Panics
    ///
    /// As [`copy_bidirectional`](fn@copy_bidirectional).
    #[track_caller]
    pub fn copy<A: Duplex, B: Duplex>(&self, a: A, b: B) -> Result<(u64, u64), CopyError> {
        let (a, b) = (&a, &b);
        let shut_down = || {
            // The shutdown of a stream that has ended already fails, and changes nothing.
            let _ = (a.shutdown(Shutdown::Both), b.shutdown(Shutdown::Both));
        };
        let copying = Copying {
            options: self,
            begun: clock::now(),
            io_deadline: current::waits().io_deadline(),
            last_moved: AtomicU64::new(0),
            failed: OnceLock::new(),
            shut_down: &shut_down,
        };
        let (there, back) = (AtomicU64::new(0), AtomicU64::new(0));
        scope::scope(|s| {
            let mut way_back = Way { copying: &copying, moved: &back, ended: false };
            let mut way_there = Way { copying: &copying, moved: &there, ended: false };
            let child = Builder::new().spawn_scoped(s, move || way_back.run_bounded(b, a));
            let child = match child {
                Ok(child) => child,
                Err(error) => return copying.fail(error),
            };
            way_there.run(a, b);
            let ended = way_there.ended;
            drop(way_there);
            if !ended {
                // The streams are shut down, which ends the child's wait, unless it waits for
                // something else.
                child.cancel();
            }
            match child.join() {
                Ok(()) => {}
                Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                // If this way was cancelled for an error of the other one, that error is there
                // already. Else it never ran: there was no stack, or its runtime ends.
                Err(error) => copying.fail(error.into()),
            }
        });
        let moved = (there.into_inner(), back.into_inner());
        match copying.failed.into_inner() {
            None => Ok(moved),
            Some(error) => Err(CopyError { error, moved }),
        }
    }
}

impl Default for CopyBidirectional {
    fn default() -> CopyBidirectional {
        CopyBidirectional::new()
    }
}

/// What the two ways of a copy share.
struct Copying<'a> {
    options: &'a CopyBidirectional,
    begun: Instant,
    /// The caller's, which the task of the other way has to be told of.
    io_deadline: Option<Instant>,
    /// When a byte moved last, in nanoseconds since the beginning. Not kept without an idle
    /// timeout.
    last_moved: AtomicU64,
    /// The first error.
    failed: OnceLock<io::Error>,
    shut_down: &'a (dyn Fn() + Sync),
}

impl Copying<'_> {
    /// Notes an error, unless another one came first.
    fn fail(&self, error: io::Error) {
        let _ = self.failed.set(error);
    }

    /// Notes that bytes have moved.
    fn moved(&self) {
        if self.options.idle_timeout.is_some() {
            let nanos = clock::now().saturating_duration_since(self.begun).as_nanos();
            self.last_moved.store(u64::try_from(nanos).unwrap_or(u64::MAX), Relaxed);
        }
    }

    /// When the copy has been idle for too long, as things are now.
    fn idle_at(&self) -> Option<Instant> {
        let last = Duration::from_nanos(self.last_moved.load(Relaxed));
        self.begun.checked_add(last)?.checked_add(self.options.idle_timeout?)
    }

    /// Does `operation`, and again while only the other way moves bytes.
    fn unless_idle<T>(&self, mut operation: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        loop {
            let at = self.idle_at();
            let result = match at {
                Some(at) => io_deadline(at, &mut operation),
                None => operation(),
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error)
                    if error.kind() == io::ErrorKind::TimedOut
                        && at.is_some_and(|at| self.is_own(at)) =>
                {
                    if self.idle_at() == at {
                        return Err(io::Error::new(io::ErrorKind::TimedOut, IDLE));
                    }
                }
                result => return result,
            }
        }
    }

    /// Whether an operation that has timed out did so for the idle timeout, which was to end it at
    /// `at`, and not for a deadline of the caller's or a timeout of the stream's own.
    fn is_own(&self, at: Instant) -> bool {
        let now = clock::now();
        now >= at && self.io_deadline.is_none_or(|deadline| now < deadline)
    }
}

const IDLE: &str = "no byte has moved in either direction for as long as the idle timeout allows";

/// One way of a copy. Unless it has come to an end of file, its drop shuts both streams down, and
/// so ends the other way.
struct Way<'a> {
    copying: &'a Copying<'a>,
    moved: &'a AtomicU64,
    ended: bool,
}

impl Way<'_> {
    /// Copies as [`run`](Self::run) does, in a task that has not inherited the caller's deadline.
    fn run_bounded(&mut self, from: &impl Duplex, to: &impl Duplex) {
        match self.copying.io_deadline {
            Some(deadline) => io_deadline(deadline, || self.run(from, to)),
            None => self.run(from, to),
        }
    }

    fn run(&mut self, from: &impl Duplex, to: &impl Duplex) {
        match self.copy(from, to) {
            Ok(()) => self.ended = true,
            Err(error) => self.copying.fail(error),
        }
    }

    fn copy(&self, from: &impl Duplex, to: &impl Duplex) -> io::Result<()> {
        let copying = self.copying;
        let mut chunk = Chunk::with_max(copying.options.buffer_size);
        loop {
            let mut bytes = chunk.read(|buf| copying.unless_idle(|| from.read(buf)))?;
            if bytes.is_empty() {
                break;
            }
            copying.moved();
            while !bytes.is_empty() {
                let count = copying.unless_idle(|| to.write(bytes))?;
                if count == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                bytes = &bytes[count..];
                self.moved.fetch_add(count as u64, Relaxed);
                copying.moved();
            }
            copying.unless_idle(|| to.flush())?;
        }
        match copying.unless_idle(|| to.shutdown(Shutdown::Write)) {
            // Everything was written before the peer was gone. If that is an error, the other way
            // reads it.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }
}

impl Drop for Way<'_> {
    fn drop(&mut self) {
        if !self.ended {
            (self.copying.shut_down)();
        }
    }
}

/// Why [`CopyBidirectional::copy`] has ended early, and how much it had moved.
///
/// It becomes the [`io::Error`] that it holds where `?` asks for one.
#[derive(Debug)]
pub struct CopyError {
    error: io::Error,
    moved: (u64, u64),
}

impl CopyError {
    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.error.kind()
    }

    /// How many bytes were written to the second stream, and to the first.
    #[must_use]
    pub fn moved(&self) -> (u64, u64) {
        self.moved
    }

    /// The error of the way that failed first.
    #[must_use]
    pub fn into_error(self) -> io::Error {
        self.error
    }
}

impl fmt::Display for CopyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (there, back) = self.moved;
        write!(f, "{}, after {there} bytes one way and {back} the other", self.error)
    }
}

impl Error for CopyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

impl From<CopyError> for io::Error {
    fn from(error: CopyError) -> io::Error {
        error.error
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn copying(options: &CopyBidirectional) -> Copying<'_> {
        Copying {
            options,
            begun: clock::now(),
            io_deadline: None,
            last_moved: AtomicU64::new(0),
            failed: OnceLock::new(),
            shut_down: &|| (),
        }
    }

    fn timed_out<T>() -> io::Result<T> {
        Err(io::ErrorKind::TimedOut.into())
    }

    #[test]
    fn a_way_that_is_silent_goes_on_while_the_other_one_moves() {
        let options = CopyBidirectional::new().idle_timeout(Duration::ZERO);
        let copying = copying(&options);
        let mut rounds = 0;
        let result = copying.unless_idle(|| {
            rounds += 1;
            copying.moved();
            if rounds < 5 { timed_out() } else { Ok(rounds) }
        });
        assert_eq!(result.unwrap(), 5);
        let error = copying.unless_idle(timed_out::<()>).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (io::ErrorKind::TimedOut, IDLE));
    }

    #[test]
    fn a_timeout_that_comes_before_its_time_is_the_streams_own() {
        let options = CopyBidirectional::new().idle_timeout(Duration::from_secs(24 * 60 * 60));
        let error = copying(&options).unless_idle(timed_out::<()>).unwrap_err();
        assert!(error.get_ref().is_none(), "{error}");
    }

    /// Beyond every `Instant` is never.
    #[test]
    fn an_idle_timeout_may_be_as_long_as_it_likes() {
        let options = CopyBidirectional::new().idle_timeout(Duration::MAX);
        assert_eq!(copying(&options).unless_idle(|| Ok(1)).unwrap(), 1);
    }
}
