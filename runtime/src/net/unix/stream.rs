//! A connection. What it shares with a TCP stream is in `shape::stream`.

use std::fmt;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;

use socket2::{Domain, SockAddr, Type};

use super::addr;
use crate::net::connect;
use crate::net::options::Options;
use crate::net::shape::stream;
use crate::net::socket::Socket;
use crate::net::sys;

/// A Unix stream socket.
///
/// It is [`std::os::unix::net::UnixStream`] made suspendable: opened by [`connect`](Self::connect),
/// by [`pair`](Self::pair) or by [`UnixListener::accept`](super::UnixListener::accept), read and
/// written through [`Read`](std::io::Read) and [`Write`](std::io::Write) on the value or on a
/// reference to it, and closed when dropped. Several tasks and threads may use one stream at once.
///
/// Writing to a stream whose peer is gone is an error and never raises `SIGPIPE`.
///
/// # Parks
///
/// Reads and writes wait while there is nothing to read or no room to write. In a task that
/// suspends the task; outside it blocks the thread.
///
/// # Examples
///
/// ```
/// use gocoro::net::unix::UnixStream;
/// use std::io::{self, prelude::*};
///
/// let (mut stream, mut peer) = UnixStream::pair()?;
/// stream.write_all(b"hello")?;
/// drop(stream);
///
/// let mut received = String::new();
/// peer.read_to_string(&mut received)?;
/// assert_eq!(received, "hello");
/// # Ok::<(), io::Error>(())
/// ```
pub struct UnixStream {
    pub(in crate::net) socket: Socket,
}

impl UnixStream {
    /// Connects to the socket that a path names.
    ///
    /// # Parks
    ///
    /// While the listener's queue is full. Blocks the thread outside a task.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such path, `ConnectionRefused` if nobody listens there,
    /// `InvalidInput` for a path that is too long or has a null byte in it.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::unix::UnixStream;
    /// use std::io::ErrorKind;
    ///
    /// let error = UnixStream::connect("/there/is/no/socket").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// ```
    pub fn connect<P: AsRef<Path>>(path: P) -> io::Result<UnixStream> {
        UnixStream::connect_to(&addr::of_path(path)?)
    }

    /// Connects to the socket at an address, which may be an abstract name.
    ///
    /// # Parks
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use gocoro::net::unix::{SocketAddr, UnixListener, UnixStream};
    /// use std::os::linux::net::SocketAddrExt;
    ///
    /// let addr = SocketAddr::from_abstract_name("gocoro-doc-connect")?;
    /// let listener = UnixListener::bind_addr(&addr)?;
    /// let stream = UnixStream::connect_addr(&addr)?;
    /// assert_eq!(stream.peer_addr()?.as_abstract_name(), addr.as_abstract_name());
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn connect_addr(socket_addr: &SocketAddr) -> io::Result<UnixStream> {
        UnixStream::connect_to(&addr::to_kernel(socket_addr)?)
    }

    /// Creates two sockets that are connected to each other and have no names.
    ///
    /// # Errors
    ///
    /// Those of `socketpair`, for one that the process has no descriptors left.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::unix::UnixStream;
    ///
    /// let (stream, peer) = UnixStream::pair()?;
    /// assert!(stream.local_addr()?.is_unnamed());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        pair(Type::STREAM, UnixStream::new)
    }

    /// Returns the socket address of the local half of this connection.
    ///
    /// # Errors
    ///
    /// Those of `getsockname`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::unix::UnixStream;
    ///
    /// let (stream, _peer) = UnixStream::pair()?;
    /// assert!(stream.local_addr()?.is_unnamed());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        sys::with_std(self.socket.fd(), net::UnixStream::local_addr)
    }

    /// Returns the socket address of the remote half of this connection.
    ///
    /// # Errors
    ///
    /// Those of `getpeername`, for one if the socket is not connected.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::unix::UnixStream;
    ///
    /// let (stream, _peer) = UnixStream::pair()?;
    /// assert!(stream.peer_addr()?.is_unnamed());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        sys::with_std(self.socket.fd(), net::UnixStream::peer_addr)
    }

    fn connect_to(addr: &SockAddr) -> io::Result<UnixStream> {
        connect::connect(addr, None).map(UnixStream::new)
    }
}

/// Two sockets of a type that are connected to each other.
pub(super) fn pair<T>(ty: Type, new: impl Fn(Socket) -> T) -> io::Result<(T, T)> {
    let (one, two) = socket2::Socket::pair(Domain::UNIX, ty, None)?;
    let new = |socket| new(Socket::new(socket, Options::default()));
    Ok((new(one), new(two)))
}

impl fmt::Debug for UnixStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::describe(f, "UnixStream", self.as_raw_fd(), self.local_addr(), self.peer_addr())
    }
}

stream!(
    UnixStream,
    std::os::unix::net::UnixStream,
    Unix,
    "use gocoro::net::unix::UnixStream;\nuse std::io::prelude::*;",
    "let (stream, peer) = UnixStream::pair()?;"
);
