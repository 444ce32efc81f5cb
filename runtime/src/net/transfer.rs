//! What a socket transfers: streams of bytes, and datagrams.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::BorrowedFd;
use std::task::{Context, Poll};

use socket2::SockAddr;

use super::socket::{Socket, would_block};
use super::sys;
use crate::park;
use crate::reactor::{self, Direction};

/// What a stream is, which decides what its transfers prove.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// A read that gets fewer bytes than it asked for has emptied the queue: the next one waits
    /// without a system call.
    Tcp,
    /// A short read proves nothing: it ends behind bytes that descriptors came with, though more
    /// bytes are there, and no further event tells of them.
    Unix,
}

/// Transfers of a byte stream.
///
/// std's vectored calls (`readv`, `writev`) return at once when nothing is asked of them, whatever
/// the state of the stream. Those of messages, which these are, would wait or fail.
impl Socket {
    #[inline]
    pub(super) fn read(&self, buf: &mut [u8], stream: Stream) -> io::Result<usize> {
        let wanted = buf.len();
        let count = self.io(Direction::Read, |fd| sys::recv(fd, buf, 0))?;
        Ok(self.received(count, wanted, stream))
    }

    pub(super) fn read_vectored(
        &self,
        bufs: &mut [IoSliceMut<'_>],
        stream: Stream,
    ) -> io::Result<usize> {
        let wanted = sys::taken(bufs);
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.io(Direction::Read, |fd| sys::recv_vectored(fd, bufs))?;
        Ok(self.received(count, wanted, stream))
    }

    #[inline]
    pub(super) fn write(&self, buf: &[u8], stream: Stream) -> io::Result<usize> {
        let count = self.io_write(stream, |fd| sys::send(fd, buf))?;
        Ok(self.transferred(Direction::Write, count, buf.len()))
    }

    pub(super) fn write_vectored(&self, bufs: &[IoSlice<'_>], stream: Stream) -> io::Result<usize> {
        let wanted = sys::taken(bufs);
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.io_write(stream, |fd| sys::send_vectored(fd, bufs))?;
        Ok(self.transferred(Direction::Write, count, wanted))
    }

    pub(super) fn try_read(&self, buf: &mut [u8], stream: Stream) -> io::Result<usize> {
        park::spent_io();
        let count = sys::recv(self.fd(), buf, 0)?;
        Ok(self.received(count, buf.len(), stream))
    }

    pub(super) fn try_read_vectored(
        &self,
        bufs: &mut [IoSliceMut<'_>],
        stream: Stream,
    ) -> io::Result<usize> {
        park::spent_io();
        if sys::taken(bufs) == 0 {
            return Ok(0);
        }
        self.attempt_read(bufs, stream)
    }

    /// Reads into buffers that have room, and counts nothing.
    pub(super) fn attempt_read(
        &self,
        bufs: &mut [IoSliceMut<'_>],
        stream: Stream,
    ) -> io::Result<usize> {
        let wanted = sys::taken(bufs);
        let count = match bufs {
            [buf] => sys::recv(self.fd(), buf, 0)?,
            bufs => sys::recv_vectored(self.fd(), bufs)?,
        };
        Ok(self.received(count, wanted, stream))
    }

    pub(super) fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        park::spent_io();
        let count = sys::send(self.fd(), buf)?;
        Ok(self.transferred(Direction::Write, count, buf.len()))
    }

    pub(super) fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        park::spent_io();
        if sys::taken(bufs) == 0 {
            return Ok(0);
        }
        self.attempt_write(bufs)
    }

    /// Writes from buffers that have bytes, and counts nothing.
    pub(super) fn attempt_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let count = match bufs {
            [buf] => sys::send(self.fd(), buf)?,
            bufs => sys::send_vectored(self.fd(), bufs)?,
        };
        Ok(self.transferred(Direction::Write, count, sys::taken(bufs)))
    }

    #[inline]
    fn io_write(
        &self,
        stream: Stream,
        attempt: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        match stream {
            Stream::Tcp => self.io(Direction::Write, attempt),
            Stream::Unix => self.io_looking_again(Direction::Write, attempt),
        }
    }

    #[inline]
    fn received(&self, count: usize, wanted: usize, stream: Stream) -> usize {
        match stream {
            Stream::Tcp => self.transferred(Direction::Read, count, wanted),
            Stream::Unix => count,
        }
    }

    /// An end of file is no short transfer: it is there for the next reader too.
    #[inline]
    fn transferred(&self, direction: Direction, count: usize, wanted: usize) -> usize {
        if 0 < count && count < wanted {
            self.source().used_up(direction);
        }
        count
    }
}

/// Transfers of datagrams. Each is whole or not at all, so that its length proves nothing of the
/// next one: only `WouldBlock` does.
impl Socket {
    #[inline]
    pub(super) fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io(Direction::Read, |fd| self.until_shut(|| Ok(0), || sys::recv(fd, buf, 0)))
    }

    /// Of streams too: what was peeked at is still there, and nothing is used up.
    pub(super) fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io(Direction::Read, |fd| self.until_shut(|| Ok(0), || sys::recv(fd, buf, sys::PEEK)))
    }

    pub(super) fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SockAddr)> {
        self.io(Direction::Read, |fd| self.until_shut(end, || sys::recv_from(fd, buf, 0)))
    }

    pub(super) fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SockAddr)> {
        self.io(Direction::Read, |fd| self.until_shut(end, || sys::recv_from(fd, buf, sys::PEEK)))
    }

    #[inline]
    pub(super) fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.io(Direction::Write, |fd| sys::send(fd, buf))
    }

    pub(super) fn send_to(&self, buf: &[u8], addr: &SockAddr) -> io::Result<usize> {
        self.io(Direction::Write, |fd| sys::send_to(fd, buf, addr))
    }
}

/// Transfers of datagrams inside of a poll.
impl Socket {
    pub(super) fn poll_recv(
        &self,
        context: &Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.source().poll_io(Direction::Read, context, |fd| {
            self.poll_until_shut(|| Ok(0), || sys::recv(fd, buf, 0))
        })
    }

    pub(super) fn poll_recv_from(
        &self,
        context: &Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SockAddr)>> {
        self.source().poll_io(Direction::Read, context, |fd| {
            self.poll_until_shut(end, || sys::recv_from(fd, buf, 0))
        })
    }

    pub(super) fn poll_send(&self, context: &Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.source().poll_io(Direction::Write, context, |fd| sys::send(fd, buf))
    }

    pub(super) fn poll_send_to(
        &self,
        context: &Context<'_>,
        buf: &[u8],
        addr: &SockAddr,
    ) -> Poll<io::Result<usize>> {
        self.source().poll_io(Direction::Write, context, |fd| sys::send_to(fd, buf, addr))
    }
}

/// Sending from a Unix datagram socket, whose sending half can be shut down without an event.
impl Socket {
    pub(super) fn send_unix(&self, buf: &[u8]) -> io::Result<usize> {
        self.io_looking_again(Direction::Write, |fd| sys::send(fd, buf))
    }

    /// Sends to a socket whose queue may be full.
    pub(super) fn send_to_unix(&self, buf: &[u8], addr: &SockAddr) -> io::Result<usize> {
        self.io_at_another(Direction::Write, |fd| sys::send_to(fd, buf, addr))
    }
}

/// What `recv_from` gives at the end of a socket that is shut down. The kernel names no sender
/// there: for Unix sockets that is one without a name, and for UDP an error, as in std.
fn end() -> io::Result<(usize, SockAddr)> {
    Ok((0, SockAddr::unix("")?))
}

impl Socket {
    /// Waits until an operation that sends would return at once, be it with an error.
    pub(super) fn wait_writable(&self, stream: Option<Stream>) -> io::Result<()> {
        if stream != Some(Stream::Unix) {
            return self.wait(Direction::Write);
        }
        self.looking_again(Direction::Write, |_| match self.has_room(Stream::Unix)? {
            true => Ok(()),
            false => Err(io::ErrorKind::WouldBlock.into()),
        })
    }

    /// Whether a write to a stream would return at once, be it with an error.
    pub(super) fn has_room(&self, stream: Stream) -> io::Result<bool> {
        let is_ready = reactor::is_ready(self.fd(), Direction::Write)?;
        // No bytes send nothing on a stream, and a half that is shut down refuses even those.
        Ok(is_ready || stream == Stream::Unix && sys::send(self.fd(), &[]).is_err())
    }

    /// Does `attempt`, or gives the `end` if the receiving half is shut down and nothing is left in
    /// its queue: there a call that may wait returns, and one that may not says `WouldBlock` for
    /// ever, with no event to come but that of the shutdown.
    pub(super) fn until_shut<T>(
        &self,
        end: impl FnOnce() -> io::Result<T>,
        mut attempt: impl FnMut() -> io::Result<T>,
    ) -> io::Result<T> {
        match self.options().nonblocking() {
            true => attempt(),
            false => self.poll_until_shut(end, attempt),
        }
    }

    /// As [`Socket::until_shut`], in a poll, which the mode of `set_nonblocking` does not concern.
    pub(super) fn poll_until_shut<T>(
        &self,
        end: impl FnOnce() -> io::Result<T>,
        mut attempt: impl FnMut() -> io::Result<T>,
    ) -> io::Result<T> {
        let result = attempt();
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if would_block(&result)
            && self.source().may_have_ended(Direction::Read)
            && reactor::is_shut(self.fd())?
        {
            // What came between the attempt and the shutdown is still there.
            let result = attempt();
            return if would_block(&result) { end() } else { result };
        }
        result
    }
}

#[cfg(all(test, not(loom), any(target_os = "linux", target_os = "android")))]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::net::options::Options;

    /// A datagram may come between the attempt and the shutdown that the kernel is asked for.
    #[test]
    fn what_comes_before_the_end_is_received_before_it() {
        let (one, _two) = UnixDatagram::pair().unwrap();
        one.shutdown(std::net::Shutdown::Read).unwrap();
        let socket = Socket::new(one, Options::default());
        let mut results = [Err(io::ErrorKind::WouldBlock.into()), Ok(1)].into_iter();
        let attempt = || results.next().expect("two attempts are enough");
        assert_eq!(socket.until_shut(|| Ok(0), attempt).unwrap(), 1);
        let never = || Err(io::ErrorKind::WouldBlock.into());
        assert_eq!(socket.until_shut(|| Ok(0), never).unwrap(), 0);
    }
}
