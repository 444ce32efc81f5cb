//! Datagrams between processes. What it shares with UDP is in `shape::datagram`.

use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;
use std::task::{Context, Poll, ready};

use socket2::Type;

use super::addr;
use super::stream::pair;
use crate::net::connect;
use crate::net::shape::datagram;
use crate::net::socket::Socket;
use crate::net::sys;

/// A Unix datagram socket.
///
/// It is [`std::os::unix::net::UnixDatagram`] made suspendable. It is closed when the last handle
/// is dropped; its path stays, as in std. Several tasks and threads may use one socket at once;
/// each datagram goes to one of them.
///
/// # Parks
///
/// Operations wait while there is no datagram to receive, or no room to send one. In a task that
/// suspends the task; outside it blocks the thread.
///
/// # Examples
///
/// ```
/// use gocoro::net::unix::UnixDatagram;
///
/// let (socket, peer) = UnixDatagram::pair()?;
/// let task = gocoro::task::spawn(move || peer.send(b"ping"));
/// let mut buf = [0; 8];
/// assert_eq!(socket.recv(&mut buf)?, 4);
/// assert_eq!(&buf[..4], b"ping");
/// # task.wait()?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UnixDatagram {
    pub(in crate::net) socket: Socket,
}

impl UnixDatagram {
    /// Creates a Unix datagram socket bound to a path, which is made.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if the path exists, `InvalidInput` if it is too long or has a null byte in it.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::unix::UnixDatagram;
    ///
    /// let path = std::env::temp_dir().join(format!("gocoro-datagram-{}", std::process::id()));
    /// let socket = UnixDatagram::bind(&path)?;
    /// assert_eq!(socket.local_addr()?.as_pathname(), Some(path.as_path()));
    /// std::fs::remove_file(path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        connect::bind(&addr::of_path(path)?).map(UnixDatagram::new)
    }

    /// Creates a Unix datagram socket bound to an address, which may be an abstract name.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use gocoro::net::unix::{SocketAddr, UnixDatagram};
    /// use std::os::linux::net::SocketAddrExt;
    ///
    /// let addr = SocketAddr::from_abstract_name("gocoro-doc-datagram")?;
    /// let socket = UnixDatagram::bind_addr(&addr)?;
    /// UnixDatagram::unbound()?.send_to_addr(b"x", &addr)?;
    /// assert_eq!(socket.recv(&mut [0; 8])?, 1);
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bind_addr(socket_addr: &SocketAddr) -> io::Result<UnixDatagram> {
        connect::bind(&addr::to_kernel(socket_addr)?).map(UnixDatagram::new)
    }

    /// Creates a Unix datagram socket that is bound to no address.
    ///
    /// # Errors
    ///
    /// Those of `socket`, for one that the process has no descriptors left.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::unix::UnixDatagram;
    ///
    /// let socket = UnixDatagram::unbound()?;
    /// assert!(socket.local_addr()?.is_unnamed());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn unbound() -> io::Result<UnixDatagram> {
        connect::datagram(socket2::Domain::UNIX, None).map(UnixDatagram::new)
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
    /// use gocoro::net::unix::UnixDatagram;
    ///
    /// let (socket, peer) = UnixDatagram::pair()?;
    /// socket.send(b"x")?;
    /// assert_eq!(peer.recv(&mut [0; 8])?, 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        pair(Type::DGRAM, UnixDatagram::new)
    }

    /// Connects this socket to the one that a path names: [`send`](Self::send) sends there, and
    /// only its datagrams are received.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such path, `ConnectionRefused` if no socket is bound to it,
    /// `InvalidInput` for a path that is too long or has a null byte in it.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::unix::UnixDatagram;
    /// use std::io::ErrorKind;
    ///
    /// let socket = UnixDatagram::unbound()?;
    /// let error = socket.connect("/there/is/no/socket").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.socket.kernel().connect(&addr::of_path(path)?)
    }

    /// Connects this socket to the one at an address, which may be an abstract name.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use gocoro::net::unix::{SocketAddr, UnixDatagram};
    /// use std::os::linux::net::SocketAddrExt;
    ///
    /// let addr = SocketAddr::from_abstract_name("gocoro-doc-connected")?;
    /// let peer = UnixDatagram::bind_addr(&addr)?;
    /// let socket = UnixDatagram::unbound()?;
    /// socket.connect_addr(&addr)?;
    /// socket.send(b"x")?;
    /// assert_eq!(peer.recv(&mut [0; 8])?, 1);
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn connect_addr(&self, socket_addr: &SocketAddr) -> io::Result<()> {
        self.socket.kernel().connect(&addr::to_kernel(socket_addr)?)
    }

    /// Sends one datagram to the socket that a path names, and returns how many bytes it has.
    ///
    /// # Parks
    ///
    /// While there is no room for the datagram, here or in the queue of the receiver. Blocks the
    /// thread outside a task.
    ///
    /// # Errors
    ///
    /// Those of [`connect`](Self::connect), `TimedOut` after the write timeout, and `WouldBlock` in
    /// non-blocking mode.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::unix::UnixDatagram;
    ///
    /// let path = std::env::temp_dir().join(format!("gocoro-send-{}", std::process::id()));
    /// let peer = UnixDatagram::bind(&path)?;
    /// assert_eq!(UnixDatagram::unbound()?.send_to(b"ping", &path)?, 4);
    /// assert_eq!(peer.recv(&mut [0; 8])?, 4);
    /// std::fs::remove_file(path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn send_to<P: AsRef<Path>>(&self, buf: &[u8], path: P) -> io::Result<usize> {
        self.socket.send_to_unix(buf, &addr::of_path(path)?)
    }

    /// Sends one datagram to the socket at an address, which may be an abstract name, and returns
    /// how many bytes it has.
    ///
    /// # Parks
    ///
    /// As [`send_to`](Self::send_to).
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use gocoro::net::unix::{SocketAddr, UnixDatagram};
    /// use std::os::linux::net::SocketAddrExt;
    ///
    /// let addr = SocketAddr::from_abstract_name("gocoro-doc-send")?;
    /// let peer = UnixDatagram::bind_addr(&addr)?;
    /// assert_eq!(UnixDatagram::unbound()?.send_to_addr(b"ping", &addr)?, 4);
    /// assert_eq!(peer.recv(&mut [0; 8])?, 4);
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn send_to_addr(&self, buf: &[u8], socket_addr: &SocketAddr) -> io::Result<usize> {
        self.socket.send_to_unix(buf, &addr::to_kernel(socket_addr)?)
    }

    /// Receives one datagram, and returns how many bytes of it are in the buffer and who sent it.
    ///
    /// What the buffer has no room for is lost.
    ///
    /// # Parks
    ///
    /// While there is no datagram. Blocks the thread outside a task.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::unix::UnixDatagram;
    ///
    /// let (socket, peer) = UnixDatagram::pair()?;
    /// peer.send(b"ping")?;
    /// let (count, sender) = socket.recv_from(&mut [0; 8])?;
    /// assert_eq!(count, 4);
    /// assert!(sender.is_unnamed());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (count, addr) = self.socket.recv_from(buf)?;
        Ok((count, addr::of_sender(addr)?))
    }

    /// Receives one datagram and says who sent it, from inside of a poll, where nothing may wait.
    /// Beyond std.
    ///
    /// There is no such way to send: no event tells of room in another socket's queue.
    ///
    /// # Errors
    ///
    /// As [`poll_recv`](Self::poll_recv).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::unix::UnixDatagram;
    /// use std::future::poll_fn;
    ///
    /// let (socket, peer) = UnixDatagram::pair()?;
    /// peer.send(b"ping")?;
    ///
    /// let mut buf = [0; 8];
    /// let received = poll_fn(|context| socket.poll_recv_from(context, &mut buf));
    /// assert_eq!(gocoro::future::wait(received)?.0, 4);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn poll_recv_from(
        &self,
        context: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let (count, addr) = ready!(self.socket.poll_recv_from(context, buf))?;
        Poll::Ready(addr::of_sender(addr).map(|addr| (count, addr)))
    }

    /// Receives one datagram without removing it from the queue, and returns how many bytes of it
    /// are in the buffer and who sent it.
    ///
    /// Successive calls return the same datagram.
    ///
    /// # Parks
    ///
    /// While there is no datagram. Blocks the thread outside a task.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::unix::UnixDatagram;
    ///
    /// let (socket, peer) = UnixDatagram::pair()?;
    /// peer.send(b"ping")?;
    /// assert_eq!(socket.peek_from(&mut [0; 8])?.0, 4);
    /// assert_eq!(socket.recv(&mut [0; 8])?, 4); // it was still there
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (count, addr) = self.socket.peek_from(buf)?;
        Ok((count, addr::of_sender(addr)?))
    }

    /// Returns the address of this socket.
    ///
    /// # Errors
    ///
    /// Those of `getsockname`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::unix::UnixDatagram;
    ///
    /// assert!(UnixDatagram::unbound()?.local_addr()?.is_unnamed());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        sys::with_std(self.socket.fd(), net::UnixStream::local_addr)
    }

    /// Returns the address that this socket is connected to.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the socket is not connected.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::unix::UnixDatagram;
    /// use std::io::ErrorKind;
    ///
    /// let error = UnixDatagram::unbound()?.peer_addr().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotConnected);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        sys::with_std(self.socket.fd(), net::UnixStream::peer_addr)
    }

    /// Shuts down the receiving, the sending, or both halves of this socket.
    ///
    /// All pending and future I/O on those halves returns at once, in every task and thread that
    /// waits for it: a receiver with `Ok(0)` once the queue is empty, a sender with `BrokenPipe`. A
    /// sender that waits for room is told up to 250 ms late.
    ///
    /// # Errors
    ///
    /// Those of `shutdown`. On Linux a socket need not be connected for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::Shutdown;
    /// use gocoro::net::unix::UnixDatagram;
    ///
    /// let (socket, _peer) = UnixDatagram::pair()?;
    /// socket.shutdown(Shutdown::Read)?;
    /// assert_eq!(socket.recv(&mut [0; 8])?, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.kernel().shutdown(how)
    }
}

impl fmt::Debug for UnixDatagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::describe(f, "UnixDatagram", self.as_raw_fd(), self.local_addr(), self.peer_addr())
    }
}

datagram!(
    UnixDatagram,
    std::os::unix::net::UnixDatagram,
    send_unix,
    "use gocoro::net::unix::UnixDatagram;",
    "let (socket, peer) = UnixDatagram::pair()?;"
);
