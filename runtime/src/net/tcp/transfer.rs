//! Reading and writing a stream: std's traits on the value and on a reference to it, and gocoro's
//! methods that never wait or only wait.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};

use super::TcpStream;
use crate::reactor::Direction;

impl TcpStream {
    /// Receives data from the remote address without removing it from the queue, and returns how
    /// many bytes it saw.
    ///
    /// Successive calls return the same data.
    ///
    /// # Parks
    ///
    /// While there is nothing to read. Blocks the thread outside a task.
    ///
    /// # Errors
    ///
    /// Those of reading: `TimedOut` after the read timeout, `WouldBlock` in non-blocking mode.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    /// use std::io::prelude::*;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut stream = TcpStream::connect(listener.local_addr()?)?;
    /// let (mut peer, _) = listener.accept()?;
    /// stream.write_all(b"x")?;
    ///
    /// let mut buf = [0; 8];
    /// assert_eq!(peer.peek(&mut buf)?, 1);
    /// assert_eq!(peer.read(&mut buf)?, 1); // it was still there
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.peek(buf)
    }

    /// Waits until a read would return at once: with data, the end of the file, or an error.
    ///
    /// Another reader may be faster, so the read that follows can still find nothing. Beyond std.
    ///
    /// # Parks
    ///
    /// While there is nothing to read, in non-blocking mode too. Blocks the thread outside a task.
    ///
    /// # Errors
    ///
    /// `TimedOut` after the read timeout.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    /// use std::io::prelude::*;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut stream = TcpStream::connect(listener.local_addr()?)?;
    /// let (peer, _) = listener.accept()?;
    /// stream.write_all(b"x")?;
    ///
    /// peer.wait_readable()?;
    /// assert_eq!(peer.try_read(&mut [0; 8])?, 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn wait_readable(&self) -> io::Result<()> {
        self.socket.wait(Direction::Read)
    }

    /// Waits until a write would return at once: because there is room, or with an error.
    ///
    /// Another writer may be faster, so the write that follows can still find no room. Beyond std.
    ///
    /// # Parks
    ///
    /// While there is no room to write, in non-blocking mode too. Blocks the thread outside a task.
    ///
    /// # Errors
    ///
    /// `TimedOut` after the write timeout.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    ///
    /// stream.wait_writable()?;
    /// assert_eq!(stream.try_write(b"x")?, 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn wait_writable(&self) -> io::Result<()> {
        self.socket.wait(Direction::Write)
    }

    /// Reads what is there, and never waits. Beyond std.
    ///
    /// A task that calls this in a loop holds its worker: let it call
    /// [`wait_readable`](Self::wait_readable) in between.
    ///
    /// # Parks
    ///
    /// In a loop, once in a while for a moment, which is a cancel point.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing, else as [`read`](std::io::Read::read).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    /// use std::io::ErrorKind;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// assert_eq!(stream.try_read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.try_read(buf)
    }

    /// Reads what is there into several buffers, and never waits. Beyond std.
    ///
    /// # Errors
    ///
    /// As [`try_read`](Self::try_read).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    /// use std::io::{IoSliceMut, prelude::*};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut stream = TcpStream::connect(listener.local_addr()?)?;
    /// let (peer, _) = listener.accept()?;
    /// stream.write_all(b"abc")?;
    ///
    /// peer.wait_readable()?;
    /// let (mut head, mut tail) = ([0; 1], [0; 8]);
    /// let mut bufs = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut tail)];
    /// assert_eq!(peer.try_read_vectored(&mut bufs)?, 3);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.socket.try_read_vectored(bufs)
    }

    /// Writes as much as there is room for, and never waits. Beyond std.
    ///
    /// # Parks
    ///
    /// In a loop, once in a while for a moment, which is a cancel point.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room, else as [`write`](std::io::Write::write).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// assert_eq!(stream.try_write(b"x")?, 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.socket.try_write(buf)
    }

    /// Writes from several buffers as much as there is room for, and never waits. Beyond std.
    ///
    /// # Errors
    ///
    /// As [`try_write`](Self::try_write).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    /// use std::io::IoSlice;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// let bufs = [IoSlice::new(b"ab"), IoSlice::new(b"c")];
    /// assert_eq!(stream.try_write_vectored(&bufs)?, 3);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.socket.try_write_vectored(bufs)
    }
}

impl Read for &TcpStream {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.socket.read_vectored(bufs)
    }
}

impl Read for TcpStream {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }
}

impl Write for &TcpStream {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.socket.write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.socket.write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for TcpStream {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
