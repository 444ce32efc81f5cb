//! A stream's options: timeouts and the mode are gocoro's, the others the kernel's.

use std::io;
use std::time::Duration;

use super::TcpStream;
use crate::reactor::Direction;

impl TcpStream {
    /// Sets how long a read may wait; `None` means for ever.
    ///
    /// A read that waits longer fails with `TimedOut` (std on Unix: `WouldBlock`). The value is
    /// shared with every [`try_clone`](Self::try_clone). Setting it costs no system call: the kernel
    /// learns of it only when the stream is converted to a std type or a descriptor.
    ///
    /// It bounds each single wait, so that a peer that sends a byte now and then is never late:
    /// [`io_deadline`](crate::time::io_deadline) bounds all of a request. After `TimedOut`, code
    /// that keeps what it has read may be called again, as `BufRead::read_line` with the same
    /// buffer; `lines` and `read_exact` drop it. [`timeout`](crate::time::timeout), which unwinds,
    /// drops it always.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a timeout of zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    /// use std::io::{ErrorKind, prelude::*};
    /// use std::time::Duration;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut stream = TcpStream::connect(listener.local_addr()?)?;
    ///
    /// stream.set_read_timeout(Some(Duration::from_millis(1)))?;
    /// assert_eq!(stream.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::TimedOut);
    ///
    /// let error = stream.set_read_timeout(Some(Duration::ZERO)).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidInput);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_read_timeout(&self, dur: Option<Duration>) -> io::Result<()> {
        self.socket.options().set_timeout(Direction::Read, dur)
    }

    /// Sets how long a write may wait; `None` means for ever.
    ///
    /// All that is said of [`set_read_timeout`](Self::set_read_timeout) holds here.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a timeout of zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    /// use std::time::Duration;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    /// assert_eq!(stream.write_timeout()?, Some(Duration::from_secs(5)));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_write_timeout(&self, dur: Option<Duration>) -> io::Result<()> {
        self.socket.options().set_timeout(Direction::Write, dur)
    }

    /// Returns the read timeout of this socket.
    ///
    /// # Errors
    ///
    /// None; the signature is std's.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// assert_eq!(stream.read_timeout()?, None);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(self.socket.options().timeout(Direction::Read))
    }

    /// Returns the write timeout of this socket.
    ///
    /// # Errors
    ///
    /// None; the signature is std's.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// assert_eq!(stream.write_timeout()?, None);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(self.socket.options().timeout(Direction::Write))
    }

    /// Sets the value of the `TCP_NODELAY` option on this socket.
    ///
    /// If set, segments are sent as soon as possible, even if there is only a small amount of data.
    /// When not set, data is gathered until there is a sufficient amount to send out.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// stream.set_nodelay(true)?;
    /// assert!(stream.nodelay()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket.kernel().set_tcp_nodelay(nodelay)
    }

    /// Gets the value of the `TCP_NODELAY` option on this socket.
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// assert!(!stream.nodelay()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket.kernel().tcp_nodelay()
    }

    /// Sets the value for the `IP_TTL` option on this socket: how many hops a packet may take.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`, for one if the value is out of range.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// stream.set_ttl(100)?;
    /// assert_eq!(stream.ttl()?, 100);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket.kernel().set_ttl_v4(ttl)
    }

    /// Gets the value of the `IP_TTL` option for this socket.
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// assert!(stream.ttl()? > 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.kernel().ttl_v4()
    }

    /// Gets the value of the `SO_ERROR` option on this socket, and clears it.
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// assert!(stream.take_error()?.is_none());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.kernel().take_error()
    }

    /// Moves this TCP stream into or out of non-blocking mode.
    ///
    /// In non-blocking mode an operation that would have to wait fails with `WouldBlock` instead.
    /// gocoro does not need the mode itself: a stream starts out of it, and the mode is the one that
    /// a std stream would have after the same calls, also when the two are converted. A mode that is
    /// changed behind this method, by `fcntl` on the descriptor, is not noticed.
    ///
    /// # Errors
    ///
    /// Those of `fcntl`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    /// use std::io::{ErrorKind, prelude::*};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut stream = TcpStream::connect(listener.local_addr()?)?;
    /// stream.set_nonblocking(true)?;
    /// assert_eq!(stream.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.socket.kernel().set_nonblocking(nonblocking)?;
        self.socket.options().set_nonblocking(nonblocking);
        Ok(())
    }
}
