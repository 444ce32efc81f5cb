//! Standard output and error: what is written goes out in order, and whoever has no room waits.
//!
//! Both share their descriptors with std's own streams, and standard output shares std's buffer
//! too: what does not end a line is put there, and std's flushes, those at the end of the program
//! included, find it. So whatever `print!` and this write comes out in the order in which one task
//! or thread wrote it.
//!
//! std's locks are held for one write, never across a wait, and are asked for only when the
//! descriptor has room: whoever holds one of them then does not wait for room either.

use std::io::{self, IoSlice, Write};
use std::mem;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use super::kind::Standard;
use super::reentrant::Reentrant;
use super::session::Session;
use crate::blocking::{self, Call};
use crate::lock::Lock;
use crate::{park, reactor};

/// What fits into std's buffer of a line without being written out: a byte less than there is.
const LINE_BYTES_MAX: usize = 1023;

/// The most bytes of several buffers that are copied together for one write: as much as fits into a
/// pipe.
const GATHERED_BYTES_MAX: usize = 64 * 1024;

pub(super) struct Output {
    standard: Standard,
    lock: Reentrant,
    /// The descriptor, between two writes under one lock.
    session: Lock<Option<Session>>,
    /// How much of gocoro's std's buffer may hold.
    pending: AtomicUsize,
    /// A flush on the blocking pool that waits for room.
    flush: Lock<Option<Call<io::Result<()>>>>,
}

impl Output {
    pub(super) fn new(standard: Standard) -> Output {
        Output {
            standard,
            lock: Reentrant::new(),
            session: Lock::new(None),
            pending: AtomicUsize::new(0),
            flush: Lock::new(None),
        }
    }

    pub(super) fn lock(&self) {
        self.lock.lock();
    }

    pub(super) fn lock_for_io(&self) -> io::Result<()> {
        self.lock.lock_for_io()
    }

    pub(super) fn unlock(&self) {
        self.lock.unlock(|| drop(self.put(None)));
    }

    /// Leaves a session for the next write, and returns the one that was there.
    fn put(&self, session: Option<Session>) -> Option<Session> {
        mem::replace(&mut *self.session.lock(), session)
    }

    /// Hands out the descriptor to the holder of the lock. What `f` runs may use the stream too,
    /// and has a session of its own then.
    fn with<R>(&self, f: impl FnOnce(&mut Session) -> io::Result<R>) -> io::Result<R> {
        let mut session = self.put(None).unwrap_or_else(|| Session::open(self.standard));
        let result = f(&mut session);
        drop(self.put(Some(session)));
        result
    }

    /// Writes once, for the holder of the lock.
    pub(super) fn write(&self, buf: &[u8]) -> io::Result<usize> {
        park::spent_io();
        if self.standard == Standard::Err {
            return self.with(|session| write_error(session, buf));
        }
        self.with(|session| {
            if session.is_at_once() {
                return self.write_at_once(buf);
            }
            session.until_done(|session| self.write_line(session, buf))
        })
    }

    /// Writes several buffers as one, so that what they hold together goes out together, as in std.
    pub(super) fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut filled = bufs.iter().filter(|buf| !buf.is_empty());
        let first: &[u8] = filled.next().map_or(&[], |buf| buf);
        if filled.next().is_none() || first.len() >= GATHERED_BYTES_MAX {
            return self.write(first);
        }
        let mut gathered = Vec::new();
        for buf in bufs {
            let room = GATHERED_BYTES_MAX - gathered.len();
            gathered.extend_from_slice(&buf[..buf.len().min(room)]);
        }
        self.write(&gathered)
    }

    /// Writes through std's buffer, where std's own writes wait for nobody either.
    fn write_at_once(&self, buf: &[u8]) -> io::Result<usize> {
        let std = &mut io::stdout().lock();
        let held = self.held_with(buf, whole_lines(buf));
        self.pending.store(held.unwrap_or(0), Relaxed);
        std.write(buf)
    }

    /// How much of gocoro's std's buffer holds once it has `buf` too; `None`: that has to go out.
    fn held_with(&self, buf: &[u8], lines: usize) -> Option<usize> {
        let held = self.pending.load(Relaxed) + buf.len();
        (lines == 0 && held <= LINE_BYTES_MAX).then_some(held)
    }

    /// Writes the lines of `buf`, and puts some of what follows them into std's buffer.
    ///
    /// What std's buffer has room for waits for room at the descriptor too: where there is none,
    /// `print!` may hold std's lock until somebody reads, and so may a flush on the blocking pool.
    fn write_line(&self, session: &mut Session, buf: &[u8]) -> io::Result<usize> {
        if !session.is_ready()? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut std = io::stdout().lock();
        let lines = whole_lines(buf);
        if let Some(held) = self.held_with(buf, lines) {
            // If `print!` has filled the buffer, std makes room first.
            let count = std.write(buf)?;
            self.pending.store(held, Relaxed);
            return Ok(count);
        }
        self.flush_std(&mut std)?;
        let (lines, rest) = buf.split_at(lines);
        let mut written = 0;
        if !lines.is_empty() {
            written = handle_ebadf(session.write(lines), lines.len())?;
        } else if rest.len() > LINE_BYTES_MAX {
            return handle_ebadf(session.write(rest), rest.len());
        }
        if written == lines.len() {
            let rest = &rest[..rest.len().min(LINE_BYTES_MAX)];
            let kept = match std.write(rest) {
                Err(error) if lines.is_empty() => return Err(error),
                // What was written is told, also if std should refuse the rest.
                kept => kept.unwrap_or(0),
            };
            self.pending.store(kept, Relaxed);
            written += kept;
        }
        Ok(written)
    }

    /// Flushes std's buffer where the descriptor has room.
    fn flush_std(&self, std: &mut io::StdoutLock<'_>) -> io::Result<()> {
        std.flush()?;
        self.pending.store(0, Relaxed);
        Ok(())
    }

    /// Flushes, for the holder of the lock.
    pub(super) fn flush(&self) -> io::Result<()> {
        park::spent_io();
        if self.standard == Standard::Err {
            return Ok(());
        }
        self.with(|session| {
            if session.is_at_once() {
                return self.flush_std(&mut io::stdout().lock());
            }
            if self.pending.load(Relaxed) == 0 && !session.is_ready()? {
                match self.flush_apart() {
                    // Somebody has made the open file non-blocking.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return result,
                }
            }
            session.until_done(|session| match session.is_ready()? {
                true => self.flush_std(&mut io::stdout().lock()),
                false => Err(io::ErrorKind::WouldBlock.into()),
            })
        })
    }

    /// Waits until the blocking pool has done with a flush whose wait was cut short.
    pub(super) fn finish(&self) {
        let flush = self.flush.lock().clone();
        if let Some(call) = flush {
            call.wait_for_end();
        }
    }

    /// Flushes on the blocking pool, where there is no room: std does not tell whether its buffer
    /// has anything of `print!`. If it has nothing, as is usual, this returns at once.
    fn flush_apart(&self) -> io::Result<()> {
        if blocking::may_block() {
            return io::stdout().flush();
        }
        loop {
            // One whose wait was cut short is waited for first, so that there is one at most.
            let before = self.flush.lock().clone();
            let is_first = before.is_none();
            let call = before.unwrap_or_else(|| Call::start(|| io::stdout().flush()));
            *self.flush.lock() = Some(call.clone());
            let Some(result) = call.wait() else {
                return Err(reactor::cut_short());
            };
            *self.flush.lock() = None;
            if is_first || result.is_err() {
                return result;
            }
        }
    }
}

/// How much of `buf` is whole lines.
fn whole_lines(buf: &[u8]) -> usize {
    buf.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1)
}

fn write_error(session: &mut Session, buf: &[u8]) -> io::Result<usize> {
    if session.is_at_once() {
        return io::stderr().lock().write(buf);
    }
    session.until_done(|session| {
        if !session.is_ready()? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let _std = io::stderr().lock();
        handle_ebadf(session.write(buf), buf.len())
    })
}

/// A descriptor that is closed takes everything, as in std.
fn handle_ebadf(result: io::Result<usize>, all: usize) -> io::Result<usize> {
    match result {
        Err(error) if error.raw_os_error() == Some(libc::EBADF) => Ok(all),
        result => result,
    }
}

/// The public types of an output stream: what they do is the same for both.
macro_rules! stream {
    ($function:ident $handle:ident $lock:ident $standard:expr) => {
        impl $handle {
            fn output() -> &'static Output {
                static OUTPUT: OnceLock<Output> = OnceLock::new();
                OUTPUT.get_or_init(|| Output::new($standard))
            }

            /// The lock for one operation.
            fn lock_for_io(&self) -> io::Result<$lock<'static>> {
                self.output.lock_for_io()?;
                Ok($lock { output: self.output, _borrow: PhantomData })
            }

            /// Whether the descriptor is a terminal, whether or not [`IsTerminal`] is imported.
            pub fn is_terminal(&self) -> bool {
                IsTerminal::is_terminal(self)
            }
        }

        impl $lock<'_> {
            /// Whether the descriptor is a terminal, whether or not [`IsTerminal`] is imported.
            pub fn is_terminal(&self) -> bool {
                IsTerminal::is_terminal(self)
            }
        }

        impl Write for &$handle {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                self.lock_for_io()?.write(buf)
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.lock_for_io()?.write_vectored(bufs)
            }

            fn flush(&mut self) -> io::Result<()> {
                self.lock_for_io()?.flush()
            }

            fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
                self.lock_for_io()?.write_all(buf)
            }

            fn write_fmt(&mut self, args: fmt::Arguments<'_>) -> io::Result<()> {
                self.lock_for_io()?.write_fmt(args)
            }
        }

        impl Write for $handle {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                (&*self).write(buf)
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                (&*self).write_vectored(bufs)
            }

            fn flush(&mut self) -> io::Result<()> {
                (&*self).flush()
            }

            fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
                (&*self).write_all(buf)
            }

            fn write_fmt(&mut self, args: fmt::Arguments<'_>) -> io::Result<()> {
                (&*self).write_fmt(args)
            }
        }

        impl Write for $lock<'_> {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                self.output.write(buf)
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.output.write_vectored(bufs)
            }

            fn flush(&mut self) -> io::Result<()> {
                self.output.flush()
            }

            /// Formats first, so that what is written together goes out together.
            fn write_fmt(&mut self, args: fmt::Arguments<'_>) -> io::Result<()> {
                if let Some(text) = args.as_str() {
                    return self.write_all(text.as_bytes());
                }
                let mut text = Vec::new();
                text.write_fmt(args)?;
                self.write_all(&text)
            }
        }

        impl Drop for $lock<'_> {
            fn drop(&mut self) {
                self.output.unlock();
            }
        }

        impl AsFd for $handle {
            fn as_fd(&self) -> BorrowedFd<'_> {
                $standard.fd()
            }
        }

        impl AsFd for $lock<'_> {
            fn as_fd(&self) -> BorrowedFd<'_> {
                $standard.fd()
            }
        }

        impl AsRawFd for $handle {
            fn as_raw_fd(&self) -> RawFd {
                self.as_fd().as_raw_fd()
            }
        }

        impl AsRawFd for $lock<'_> {
            fn as_raw_fd(&self) -> RawFd {
                self.as_fd().as_raw_fd()
            }
        }

        /// For a child process that is to write to the same descriptor.
        impl From<$handle> for Stdio {
            fn from(_: $handle) -> Stdio {
                io::$function().into()
            }
        }

        impl fmt::Debug for $handle {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($handle)).finish_non_exhaustive()
            }
        }

        impl fmt::Debug for $lock<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($lock)).finish_non_exhaustive()
            }
        }
    };
}
pub(super) use stream;
