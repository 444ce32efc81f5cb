//! What a [`Pollable`] does inside of a poll.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::task::{Context, Poll};

use socket2::SockRef;

use super::{Pollable, check};
use crate::io::piece;
use crate::park;
use crate::reactor::{self, Direction, PollRead, PollWrite, Reads, Source, Writes};

impl<T> Pollable<T> {
    /// Asks from inside of a poll whether a read would return at once, be it with an error.
    ///
    /// If not, the waker is called once that may have changed. The page of [`PollRead`] says how
    /// polls behave.
    ///
    /// # Errors
    ///
    /// What the system says if it cannot watch the descriptor.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{self, Pollable, Write};
    /// use std::future::poll_fn;
    ///
    /// let (reader, mut writer) = std::io::pipe()?;
    /// let reader = Pollable::new(reader)?;
    /// writer.write_all(b"abc")?;
    ///
    /// gocoro::future::wait(poll_fn(|context| reader.poll_read_ready(context)))?;
    /// assert_eq!(reader.try_read(&mut [0; 8])?, 3);
    /// # io::Result::Ok(())
    /// ```
    pub fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watch.source.poll_ready(Direction::Read, context)
    }

    /// Asks from inside of a poll whether a write of some bytes would return at once, be it with an
    /// error.
    ///
    /// If not, the waker is called once that may have changed. The page of [`PollWrite`] says how
    /// polls behave.
    ///
    /// # Errors
    ///
    /// What the system says if it cannot watch the descriptor.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{self, Pollable};
    /// use std::future::poll_fn;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let writer = Pollable::new(writer)?;
    /// gocoro::future::wait(poll_fn(|context| writer.poll_write_ready(context)))?;
    /// assert_eq!(writer.try_write(b"abc")?, 3);
    /// # io::Result::Ok(())
    /// ```
    pub fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watch.source.poll_ready(Direction::Write, context)
    }

    /// Does `op` inside of a poll if the descriptor is readable. If it is not, or `op` says
    /// `WouldBlock`, the waker is called once it may be.
    ///
    /// `op` is as for [`read_with`](Self::read_with). If it says `WouldBlock` though the descriptor
    /// is readable, and nobody was faster, no event need ever come.
    ///
    /// `op` must not wait in one of gocoro's operations, which would let the event pass that it has
    /// just asked for.
    ///
    /// # Errors
    ///
    /// Those of `op` but `WouldBlock`, and what the system says if it cannot watch the descriptor.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{self, Pollable};
    /// use std::future::poll_fn;
    /// use std::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.set_nonblocking(true)?;
    /// socket.send_to(b"ping", socket.local_addr()?)?;
    /// let socket = Pollable::new(socket)?;
    ///
    /// let mut buf = [0; 8];
    /// let received = poll_fn(|context| socket.poll_read_with(context, |s| s.recv(&mut buf)));
    /// assert_eq!(gocoro::future::wait(received)?, 4);
    /// # io::Result::Ok(())
    /// ```
    pub fn poll_read_with<R>(
        &self,
        context: &mut Context<'_>,
        op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll_with(Direction::Read, context, op)
    }

    /// Does `op` inside of a poll if the descriptor is writable. If it is not, or `op` says
    /// `WouldBlock`, the waker is called once it may be.
    ///
    /// As [`poll_read_with`](Self::poll_read_with), in the other direction.
    ///
    /// # Errors
    ///
    /// Those of `op` but `WouldBlock`, and what the system says if it cannot watch the descriptor.
    ///
    /// # Examples
    ///
    /// As for [`poll_read_with`](Self::poll_read_with).
    pub fn poll_write_with<R>(
        &self,
        context: &mut Context<'_>,
        op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll_with(Direction::Write, context, op)
    }

    fn poll_with<R>(
        &self,
        direction: Direction,
        context: &mut Context<'_>,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.watch.source.poll_io(direction, context, |fd| {
            check(fd, direction)?;
            op(&self.io)
        })
    }
}

impl<T> Pollable<T>
where
    for<'a> &'a T: Read,
{
    /// Reads what is there, and does not wait for it.
    ///
    /// # Parks
    ///
    /// In a loop, once in a while for a moment, which is a cancel point.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing, else those of `T`'s own `read`.
    ///
    /// # Examples
    ///
    /// As for [`poll_read_ready`](Self::poll_read_ready).
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        park::spent_io();
        PollRead::try_read(self, buf)
    }
}

impl<T> Pollable<T>
where
    for<'a> &'a T: Write,
{
    /// Writes if there is room, and does not wait for it; but a blocking descriptor that is no
    /// pipe's [waits until it has room for all](Self#what-may-still-block).
    ///
    /// # Parks
    ///
    /// In a loop, once in a while for a moment, which is a cancel point.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room, else those of `T`'s own `write`.
    ///
    /// # Examples
    ///
    /// As for [`poll_write_ready`](Self::poll_write_ready).
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        park::spent_io();
        PollWrite::try_write(self, buf)
    }
}

impl<T> Reads for Pollable<T>
where
    for<'a> &'a T: Read,
{
    fn source(&self) -> &Source {
        &self.watch.source
    }

    fn attempt_read(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        check(self.watch.source.fd(), Direction::Read)?;
        match bufs {
            [buf] => (&self.io).read(buf),
            bufs => (&self.io).read_vectored(bufs),
        }
    }
}

impl<T> Writes for Pollable<T>
where
    for<'a> &'a T: Write,
{
    fn source(&self) -> &Source {
        &self.watch.source
    }

    fn attempt_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        check(self.watch.source.fd(), Direction::Write)?;
        match self.watch.is_pipe.then(|| piece::of_several(bufs)).flatten() {
            Some(piece) => (&self.io).write(piece),
            None => match bufs {
                [buf] => (&self.io).write(buf),
                bufs => (&self.io).write_vectored(bufs),
            },
        }
    }

    fn end_writing(&self) -> io::Result<()> {
        // What is no socket has no halves.
        match SockRef::from(&self.watch.source.fd()).shutdown(Shutdown::Write) {
            Err(error) if error.raw_os_error() == Some(libc::ENOTSOCK) => Ok(()),
            ended => ended,
        }
    }
}

reactor::poll_read!(Pollable<T>, [T] where for<'a> &'a T: Read);
reactor::poll_write!(Pollable<T>, [T] where for<'a> &'a T: Write);
