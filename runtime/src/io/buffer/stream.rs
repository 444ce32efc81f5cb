//! The two ends of a pair.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;

use super::lane::{Lane, Taken, Wait};
use crate::limits::BUFFER_BYTES_KEPT;
use crate::lock::Lock;
use crate::net::Shutdown;
use crate::park;

/// One of two connected streams of bytes within the process: what one end writes, the other one
/// reads.
///
/// It is a [`UnixStream::pair`](crate::net::unix::UnixStream::pair) that takes neither descriptors
/// nor system calls. [`bounded`](Self::bounded) makes a pair whose writers wait while so many bytes
/// are under way, [`unbounded`](Self::unbounded) one whose writers never wait. Both ends are
/// [`Read`], [`Write`] and [`BufRead`], the former two by reference too: several tasks and threads
/// may use one end. An end that is dropped is closed.
///
/// For tests of code that takes a stream, for protocol libraries that want one in the middle of a
/// program, and as a pipe from one task to another: then one end only writes, and the other only
/// reads.
///
/// # Parks
///
/// A read waits while there is nothing to read, a write while a bounded stream is full. In a task
/// that suspends the task; outside it blocks the thread. As the waits of sockets these are cancel
/// points, and an [`io_deadline`](fn@crate::time::io_deadline) bounds them.
///
/// # Examples
///
/// ```
/// use gocoro::io::{BufRead, BufReader, BufferStream, Write};
/// use gocoro::go;
///
/// // Code that is generic over streams ...
/// fn shout(stream: impl BufRead, mut answers: impl Write) -> gocoro::io::Result<()> {
///     for line in stream.lines() {
///         writeln!(answers, "{}", line?.to_uppercase())?;
///     }
///     Ok(())
/// }
///
/// // ... without a network.
/// let (client, server) = BufferStream::bounded(4096);
/// let shouting = go!({ shout(BufReader::new(&server), &server) });
/// writeln!(&client, "hello")?;
/// let mut client = client;
/// let mut answer = String::new();
/// client.read_line(&mut answer)?;
/// assert_eq!(answer, "HELLO\n");
///
/// drop(client);
/// shouting.wait()?; // the loop over lines has come to its end
/// # gocoro::io::Result::Ok(())
/// ```
pub struct BufferStream {
    incoming: Arc<Lane>,
    outgoing: Arc<Lane>,
    taken: Taken,
}

impl BufferStream {
    /// Makes a pair in which up to `capacity` bytes are under way each way. Whoever writes more
    /// waits until some are read.
    ///
    /// # Panics
    ///
    /// If `capacity` is zero: no byte could ever be written.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{BufferStream, ErrorKind};
    ///
    /// let (one, _other) = BufferStream::bounded(4);
    /// assert_eq!(one.try_write(b"abcdef")?, 4);
    /// assert_eq!(one.try_write(b"ef").unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # gocoro::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn bounded(capacity: usize) -> (BufferStream, BufferStream) {
        assert!(capacity > 0, "BufferStream::bounded: no byte has room in 0; give at least 1");
        BufferStream::pair(capacity)
    }

    /// Makes a pair whose writers never wait: memory is the bound.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{BufferStream, Read, Write};
    ///
    /// let (mut one, mut other) = BufferStream::unbounded();
    /// one.write_all(&[7; 1_000_000])?;
    /// drop(one);
    /// let mut read = Vec::new();
    /// assert_eq!(other.read_to_end(&mut read)?, 1_000_000);
    /// # gocoro::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn unbounded() -> (BufferStream, BufferStream) {
        BufferStream::pair(usize::MAX)
    }

    fn pair(capacity: usize) -> (BufferStream, BufferStream) {
        let (one, other) = (Arc::new(Lane::new(capacity)), Arc::new(Lane::new(capacity)));
        let end = |incoming: &Arc<Lane>, outgoing: &Arc<Lane>| BufferStream {
            incoming: incoming.clone(),
            outgoing: outgoing.clone(),
            taken: Lock::new(VecDeque::new()),
        };
        (end(&one, &other), end(&other, &one))
    }

    /// How many bytes may be under way each way; `None` if the stream is unbounded.
    #[must_use]
    pub fn capacity(&self) -> Option<usize> {
        Some(self.outgoing.capacity()).filter(|&capacity| capacity < usize::MAX)
    }

    /// How many bytes can be read at once.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{BufferStream, Write};
    ///
    /// let (mut one, other) = BufferStream::unbounded();
    /// one.write_all(b"abc")?;
    /// assert_eq!(other.available(), 3);
    /// # gocoro::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn available(&self) -> usize {
        park::looked();
        self.incoming.len()
    }

    /// Shuts down the read, write, or both halves of this end, as that of a socket.
    ///
    /// After [`Shutdown::Write`] the other end reads what was written before, then an end of file.
    /// After [`Shutdown::Read`] it can write no more, and this end reads what is there, then an end
    /// of file. All who wait are woken.
    ///
    /// # Errors
    ///
    /// Never. The signature is that of sockets.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{BufferStream, Read, Write};
    /// use gocoro::net::Shutdown;
    ///
    /// let (mut one, mut other) = BufferStream::unbounded();
    /// one.write_all(b"the end")?;
    /// one.shutdown(Shutdown::Write)?;
    /// let mut text = String::new();
    /// other.read_to_string(&mut text)?;
    /// assert_eq!(text, "the end");
    /// other.write_all(b"still open")?; // the other way
    /// # gocoro::io::Result::Ok(())
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if matches!(how, Shutdown::Write | Shutdown::Both) {
            self.outgoing.end_writing(None);
        }
        if matches!(how, Shutdown::Read | Shutdown::Both) {
            self.incoming.end_reading();
        }
        Ok(())
    }

    /// Closes this end, as dropping it does: the other end reads what was written before, then an
    /// end of file, and can write no more.
    pub fn close(&self) {
        self.outgoing.end_writing(None);
        self.incoming.end_reading();
    }

    /// Ends what this end writes with an error, which the other end reads in place of an end of
    /// file, after what was written before.
    ///
    /// The first reader gets the error itself, later ones an error of its kind with its text.
    /// Nothing happens if what is written has ended before.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{self, BufferStream, ErrorKind, Read, Write};
    ///
    /// let (mut one, mut other) = BufferStream::unbounded();
    /// one.write_all(b"half of i")?;
    /// one.fail(io::Error::new(ErrorKind::ConnectionReset, "the upstream is gone"));
    ///
    /// let mut text = String::new();
    /// let error = other.read_to_string(&mut text).unwrap_err();
    /// assert_eq!((text.as_str(), error.kind()), ("half of i", ErrorKind::ConnectionReset));
    /// # io::Result::Ok(())
    /// ```
    pub fn fail(&self, error: io::Error) {
        self.outgoing.end_writing(Some(error));
    }

    /// Reads what is there, and never waits.
    ///
    /// # Parks
    ///
    /// In a loop, once in a while for a moment, which is a cancel point.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing, else as [`read`](Read::read).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{BufferStream, ErrorKind};
    ///
    /// let (one, other) = BufferStream::unbounded();
    /// assert_eq!(other.try_read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    /// one.try_write(b"abc")?;
    /// assert_eq!(other.try_read(&mut [0; 8])?, 3);
    /// # gocoro::io::Result::Ok(())
    /// ```
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        park::spent();
        self.incoming.read(&self.taken, buf, Wait::No)
    }

    /// Writes as much as there is room for, and never waits.
    ///
    /// # Parks
    ///
    /// In a loop, once in a while for a moment, which is a cancel point.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room, else as [`write`](Write::write).
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        park::spent();
        self.outgoing.write(buf, Wait::No)
    }
}

/// `read` gets what is there, up to 64 KiB at once. `Ok(0)` is the end: the other end has shut down
/// writing, or is gone.
impl Read for &BufferStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        park::spent();
        self.incoming.read(&self.taken, buf, Wait::Yes)
    }
}

impl Read for BufferStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }
}

/// `write` takes as much as there is room for, and all of it if the stream is unbounded. It fails
/// with `BrokenPipe` if the other end does not read any more, or this one has shut down writing.
impl Write for &BufferStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        park::spent();
        self.outgoing.write(buf, Wait::Yes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for BufferStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lends the bytes as they lie, without copying them. They count as under way until they are
/// consumed.
impl BufRead for BufferStream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        park::spent();
        let taken = self.taken.get_mut();
        if taken.is_empty() {
            if taken.capacity() > BUFFER_BYTES_KEPT {
                *taken = VecDeque::new();
            }
            self.incoming.take(taken)?;
        }
        Ok(taken.as_slices().0)
    }

    fn consume(&mut self, amount: usize) {
        if amount > 0 {
            self.taken.get_mut().drain(..amount);
            self.incoming.have_read_taken(amount);
        }
    }
}

impl Drop for BufferStream {
    fn drop(&mut self) {
        self.close();
        self.incoming.clear();
    }
}

impl fmt::Debug for BufferStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferStream")
            .field("capacity", &self.capacity())
            .field("available", &self.incoming.len())
            .field("under_way", &self.outgoing.len())
            .finish()
    }
}
