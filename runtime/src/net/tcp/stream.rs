//! A connection and its addresses. What it shares with a Unix stream is in `shape::stream`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use crate::clock;
use crate::net::addr::{ToSocketAddrs, inet};
use crate::net::connect;
use crate::net::eyeballs;
use crate::net::options::zero_timeout;
use crate::net::shape::stream;
use crate::net::socket::Socket;
use crate::time;

/// A TCP stream between a local and a remote socket.
///
/// It is [`std::net::TcpStream`] made suspendable: opened by [`connect`](Self::connect) or by
/// [`TcpListener::accept`](super::TcpListener::accept), read and written through
/// [`Read`](std::io::Read) and [`Write`](std::io::Write) on the value or on a reference to it, and
/// closed when dropped. Several tasks and threads may use one stream at once.
///
/// Writing to a stream whose peer is gone is an error and never raises `SIGPIPE`.
///
/// Options that std does not have, such as keep-alive and the sizes of buffers, are set through the
/// crate `socket2`, whose `SockRef::from(&stream)` takes any socket of gocoro's as it is.
///
/// # Parks
///
/// Reads and writes wait while there is nothing to read or no room to write. In a task that
/// suspends the task; outside it blocks the thread.
///
/// # Examples
///
/// ```
/// use gocoro::net::{TcpListener, TcpStream};
/// use std::io::{self, prelude::*};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut stream = TcpStream::connect(listener.local_addr()?)?;
/// let (mut peer, _) = listener.accept()?;
///
/// stream.write_all(&[1])?;
/// let mut byte = [0];
/// peer.read_exact(&mut byte)?;
/// assert_eq!(byte, [1]);
/// # Ok::<(), io::Error>(())
/// ```
///
/// Options of `socket2`:
///
/// ```
/// use gocoro::net::{TcpListener, TcpStream};
/// use socket2::{SockRef, TcpKeepalive};
/// use std::time::Duration;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let stream = TcpStream::connect(listener.local_addr()?)?;
///
/// let options = SockRef::from(&stream);
/// options.set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_secs(60)))?;
/// assert!(options.keepalive()?);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TcpStream {
    pub(in crate::net) socket: Socket,
}

impl TcpStream {
    /// Opens a TCP connection to a remote host.
    ///
    /// If `addr` yields several addresses, the first connection that is made wins. The families of
    /// addresses take turns; each attempt begins 250 ms after the one before, or at once if that
    /// has failed (RFC 8305).
    ///
    /// # Parks
    ///
    /// While a host name is looked up and while a connection is being made. Blocks the thread
    /// outside a task.
    ///
    /// # Errors
    ///
    /// That of the attempt that failed last, that of the name's resolution, or `InvalidInput` if
    /// there was no address at all.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let addr = listener.local_addr()?;
    ///
    /// let stream = TcpStream::connect(("127.0.0.1", addr.port()))?;
    /// assert_eq!(stream.peer_addr()?, addr);
    ///
    /// let addrs = [addr, addr];
    /// assert!(TcpStream::connect(&addrs[..]).is_ok());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<TcpStream> {
        eyeballs::connect(addr.to_socket_addrs()?).map(TcpStream::new)
    }

    /// Opens a TCP connection to a remote host, waiting no longer than `timeout`.
    ///
    /// It takes a single address, as in std; [`connect_within`](Self::connect_within) takes names.
    ///
    /// # Parks
    ///
    /// While the connection is being made. Blocks the thread outside a task.
    ///
    /// # Errors
    ///
    /// `TimedOut` when the time is up, `InvalidInput` if `timeout` is zero, and those of the
    /// connection attempt.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    /// use std::time::Duration;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let addr = listener.local_addr()?;
    /// assert!(TcpStream::connect_timeout(&addr, Duration::from_secs(10)).is_ok());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn connect_timeout(addr: &SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        if timeout.is_zero() {
            return Err(zero_timeout());
        }
        connect::connect(&(*addr).into(), clock::after(timeout)).map(TcpStream::new)
    }

    /// Opens a TCP connection to a remote host, waiting no longer than `timeout` for all of it: for
    /// its name to be looked up, and for whichever of its addresses answers first. Beyond std.
    ///
    /// # Parks
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Errors
    ///
    /// `TimedOut` when the time is up, `InvalidInput` if `timeout` is zero, and those of
    /// [`connect`](Self::connect).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    /// use std::time::Duration;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let port = listener.local_addr()?.port();
    /// assert!(TcpStream::connect_within(("localhost", port), Duration::from_secs(10)).is_ok());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn connect_within<A: ToSocketAddrs>(addr: A, timeout: Duration) -> io::Result<TcpStream> {
        if timeout.is_zero() {
            return Err(zero_timeout());
        }
        match clock::after(timeout) {
            Some(deadline) => time::io_deadline(deadline, || TcpStream::connect(addr)),
            None => TcpStream::connect(addr),
        }
    }

    /// Returns the socket address of the remote peer of this TCP connection.
    ///
    /// # Errors
    ///
    /// `NotConnected` once the connection is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.kernel().peer_addr().and_then(inet)
    }

    /// Returns the socket address of the local half of this TCP connection.
    ///
    /// # Errors
    ///
    /// Those of `getsockname`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// assert!(stream.local_addr()?.ip().is_loopback());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.kernel().local_addr().and_then(inet)
    }
}

/// As std's: the addresses while there are any, and the descriptor.
impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("TcpStream");
        if let Ok(addr) = self.local_addr() {
            fields.field("addr", &addr);
        }
        if let Ok(peer) = self.peer_addr() {
            fields.field("peer", &peer);
        }
        fields.field("fd", &self.socket.fd().as_raw_fd()).finish()
    }
}

stream!(
    TcpStream,
    std::net::TcpStream,
    Tcp,
    "use gocoro::net::{TcpListener, TcpStream};\nuse std::io::prelude::*;",
    "let listener = TcpListener::bind(\"127.0.0.1:0\")?;
let stream = TcpStream::connect(listener.local_addr()?)?;
let (peer, _) = listener.accept()?;"
);
