//! A stream's options that the kernel keeps.

use std::io;

use super::TcpStream;

impl TcpStream {
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
}
