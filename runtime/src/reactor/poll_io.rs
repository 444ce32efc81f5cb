//! What can be read from and written to inside of a poll: the ground on which adapters for the
//! traits of async crates stand.

use std::io::{self, IoSlice, IoSliceMut};
use std::task::{Context, Poll, ready};

/// What can be read from inside of a poll, where nothing may wait.
///
/// Sockets, the reading ends of pipes, and [`Pollable`](crate::io::Pollable) are, and references
/// and shared pointers to them. Adapters for the traits of async crates are made of it.
///
/// None of these methods waits, blocks the thread, or lets other tasks run, so an executor may hold
/// what it likes around them. None is a cancel point. A time that an
/// [`io_deadline`](crate::time::io_deadline) or a socket's read timeout sets does not apply to
/// them, nor does the mode of `set_nonblocking`. The polls count, so that a loop of them gives way:
/// once in a while a poll calls its waker and is pending. The `try_read` that the types have by
/// themselves counts too, and may let other tasks run; the one here does neither.
///
/// Any number of tasks, threads and executors may poll one object, with any wakers, while others
/// wait in `read`: an event reaches all of them.
///
/// Who polls inside of a task is told by the task's worker. So an executor that blocks its thread,
/// as the `block_on` of other crates does, waits for ever inside of a task:
/// [`future::wait`](crate::future::wait) is for that. And a future that was polled in a
/// [`LocalRuntime`](crate::runtime::LocalRuntime) is told while that runs.
///
/// # Examples
///
/// ```
/// use gocoro::future;
/// use gocoro::io::{self, PollRead, Write};
/// use std::future::poll_fn;
///
/// /// Reads once, in any executor.
/// async fn read(reader: impl PollRead, buf: &mut [u8]) -> io::Result<usize> {
///     poll_fn(|context| reader.poll_read(context, buf)).await
/// }
///
/// let (reader, mut writer) = io::pipe()?;
/// writer.write_all(b"abc")?;
/// assert_eq!(future::wait(read(&reader, &mut [0; 8]))?, 3);
/// # io::Result::Ok(())
/// ```
pub trait PollRead {
    /// Asks whether a read would return at once, be it with an error.
    ///
    /// Readiness is what the kernel says now. Somebody else may be faster, so that a read that
    /// follows says `WouldBlock`: poll again then.
    ///
    /// # Errors
    ///
    /// What the system says if it cannot watch the descriptor.
    fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Reads what is there, and never waits.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing, else those of reading.
    fn try_read(&self, buf: &mut [u8]) -> io::Result<usize>;

    /// Reads what is there into several buffers, and never waits. Without an implementation of its
    /// own it fills the first that is not empty.
    ///
    /// # Errors
    ///
    /// As [`try_read`](Self::try_read).
    fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        match bufs.iter_mut().find(|buf| !buf.is_empty()) {
            Some(buf) => self.try_read(buf),
            None => self.try_read(&mut []),
        }
    }

    /// Reads what is there, or has the waker called once there may be something.
    ///
    /// # Errors
    ///
    /// Those of reading but `WouldBlock`, and those of [`poll_read_ready`](Self::poll_read_ready).
    fn poll_read(&self, context: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_read_ready(context))?;
            match self.try_read(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Reads into several buffers, as [`poll_read`](Self::poll_read) does into one.
    ///
    /// # Errors
    ///
    /// As [`poll_read`](Self::poll_read).
    fn poll_read_vectored(
        &self,
        context: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_read_ready(context))?;
            match self.try_read_vectored(bufs) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }
}

/// What can be written to inside of a poll, where nothing may wait.
///
/// Streams, the writing ends of pipes, and [`Pollable`](crate::io::Pollable) are, and references
/// and shared pointers to them. All that [`PollRead`] says goes for this too.
///
/// If the receiving half of a Unix stream's peer, or the stream's own sending half, is shut down
/// while the stream is full, a poll that waits for room is told up to 250 ms late.
///
/// # Examples
///
/// ```
/// use gocoro::future;
/// use gocoro::io::{self, PollWrite, Read};
/// use std::future::poll_fn;
///
/// let (mut reader, writer) = io::pipe()?;
/// let written = poll_fn(|context| writer.poll_write(context, b"abc"));
/// assert_eq!(future::wait(written)?, 3);
/// assert_eq!(reader.read(&mut [0; 8])?, 3);
/// # io::Result::Ok(())
/// ```
pub trait PollWrite {
    /// Asks whether a write of some bytes would return at once, be it with an error.
    ///
    /// Readiness is what the kernel says now. Somebody else may be faster, so that a write that
    /// follows says `WouldBlock`: poll again then.
    ///
    /// # Errors
    ///
    /// What the system says if it cannot watch the descriptor.
    fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Writes as much as there is room for, and never waits.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room, else those of writing.
    fn try_write(&self, buf: &[u8]) -> io::Result<usize>;

    /// Writes from several buffers as much as there is room for, and never waits. Without an
    /// implementation of its own it writes the first that is not empty.
    ///
    /// # Errors
    ///
    /// As [`try_write`](Self::try_write).
    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_write(bufs.iter().find(|buf| !buf.is_empty()).map_or(&[], |buf| buf))
    }

    /// Whether [`try_write_vectored`](Self::try_write_vectored) writes more than one buffer.
    fn is_write_vectored(&self) -> bool {
        false
    }

    /// Writes as much as there is room for, or has the waker called once there may be some.
    ///
    /// # Errors
    ///
    /// Those of writing but `WouldBlock`, and those of
    /// [`poll_write_ready`](Self::poll_write_ready).
    fn poll_write(&self, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_write_ready(context))?;
            match self.try_write(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Writes from several buffers, as [`poll_write`](Self::poll_write) does from one.
    ///
    /// # Errors
    ///
    /// As [`poll_write`](Self::poll_write).
    fn poll_write_vectored(
        &self,
        context: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_write_ready(context))?;
            match self.try_write_vectored(bufs) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Shuts the writing half down, at once: the reader comes to its end.
    ///
    /// A pipe has no halves. Its reader comes to its end when the last writing end is dropped, and
    /// this does nothing.
    ///
    /// # Errors
    ///
    /// Those of shutting down, but none if the connection is over anyway.
    fn shutdown_write(&self) -> io::Result<()>;
}

macro_rules! through_pointers {
    ($($pointer:ty),*) => {$(
        impl<P: PollRead + ?Sized> PollRead for $pointer {
            fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                (**self).poll_read_ready(context)
            }

            fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                (**self).try_read(buf)
            }

            fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                (**self).try_read_vectored(bufs)
            }

            fn poll_read(
                &self,
                context: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                (**self).poll_read(context, buf)
            }

            fn poll_read_vectored(
                &self,
                context: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                (**self).poll_read_vectored(context, bufs)
            }
        }

        impl<P: PollWrite + ?Sized> PollWrite for $pointer {
            fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                (**self).poll_write_ready(context)
            }

            fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
                (**self).try_write(buf)
            }

            fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                (**self).try_write_vectored(bufs)
            }

            fn is_write_vectored(&self) -> bool {
                (**self).is_write_vectored()
            }

            fn poll_write(&self, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                (**self).poll_write(context, buf)
            }

            fn poll_write_vectored(
                &self,
                context: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                (**self).poll_write_vectored(context, bufs)
            }

            fn shutdown_write(&self) -> io::Result<()> {
                (**self).shutdown_write()
            }
        }
    )*};
}

through_pointers!(&P, &mut P, Box<P>, std::sync::Arc<P>, std::rc::Rc<P>);
