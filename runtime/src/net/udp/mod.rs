//! UDP. What it shares with Unix datagrams is in `shape::datagram`.

mod settings;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::task::{Context, Poll, ready};

use super::addr::{self, ToSocketAddrs, inet};
use super::connect;
use super::shape::datagram;
use super::socket::Socket;

/// A UDP socket.
///
/// It is [`std::net::UdpSocket`] made suspendable. After [`bind`](Self::bind) it sends datagrams to
/// any address and receives them from any; [`connect`](Self::connect) sets the one address that
/// [`send`](Self::send) and [`recv`](Self::recv) serve. It is closed when the last handle is
/// dropped. Several tasks and threads may use one socket at once; each datagram goes to one of
/// them.
///
/// # Parks
///
/// Operations wait while there is no datagram to receive, or no room to send one. In a task that
/// suspends the task; outside it blocks the thread.
///
/// # Examples
///
/// ```
/// use gocoro::net::UdpSocket;
/// use std::io;
///
/// let responder = UdpSocket::bind("127.0.0.1:0")?;
/// let addr = responder.local_addr()?;
/// let task = gocoro::task::spawn(move || -> io::Result<()> {
///     let mut buf = [0; 1500];
///     let (count, sender) = responder.recv_from(&mut buf)?;
///     buf[..count].make_ascii_uppercase();
///     responder.send_to(&buf[..count], sender)?;
///     Ok(())
/// });
///
/// let socket = UdpSocket::bind("127.0.0.1:0")?;
/// socket.send_to(b"hello", addr)?;
/// let mut buf = [0; 8];
/// assert_eq!(socket.recv_from(&mut buf)?, (5, addr));
/// assert_eq!(&buf[..5], b"HELLO");
/// task.wait()?;
/// # Ok::<(), io::Error>(())
/// ```
pub struct UdpSocket {
    pub(in crate::net) socket: Socket,
}

impl UdpSocket {
    /// Creates a UDP socket from the given address.
    ///
    /// Port 0 asks the system for a free port; [`local_addr`](Self::local_addr) tells which. If
    /// `addr` yields several addresses, each is tried in turn until one can be bound.
    ///
    /// # Parks
    ///
    /// While a host name is looked up. Blocks the thread outside a task.
    ///
    /// # Errors
    ///
    /// That of the last address tried, `AddrInUse` for one, that of the name's resolution, or
    /// `InvalidInput` if there was no address at all.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// let error = UdpSocket::bind(socket.local_addr()?).unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<UdpSocket> {
        addr::each(addr, |addr| connect::bind(&addr.into())).map(UdpSocket::new)
    }

    /// Connects this socket to a remote address: [`send`](Self::send) and [`recv`](Self::recv) use
    /// it, and only datagrams from it are received.
    ///
    /// If `addr` yields several addresses, each is tried in turn until the system accepts one.
    /// Nothing is sent, so this succeeds whether or not anybody is there.
    ///
    /// # Parks
    ///
    /// While a host name is looked up. Blocks the thread outside a task.
    ///
    /// # Errors
    ///
    /// That of the last address tried, that of the name's resolution, or `InvalidInput` if there
    /// was no address at all.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::UdpSocket;
    ///
    /// let peer = UdpSocket::bind("127.0.0.1:0")?;
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.connect(peer.local_addr()?)?;
    /// assert_eq!(socket.send(b"x")?, 1);
    /// assert_eq!(peer.recv(&mut [0; 8])?, 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        addr::each(addr, |addr| self.socket.kernel().connect(&addr.into()))
    }

    /// Sends one datagram to the given address, and returns how many bytes it has.
    ///
    /// If `addr` yields several addresses, the first one is used.
    ///
    /// # Parks
    ///
    /// While a host name is looked up, and while there is no room for the datagram. Blocks the
    /// thread outside a task.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), that of the name's resolution, or `InvalidInput` if there was no
    /// address at all.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::UdpSocket;
    ///
    /// let peer = UdpSocket::bind("127.0.0.1:0")?;
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// assert_eq!(socket.send_to(b"ping", peer.local_addr()?)?, 4);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], addr: A) -> io::Result<usize> {
        match addr.to_socket_addrs()?.next() {
            Some(addr) => self.socket.send_to(buf, &addr.into()),
            None => {
                Err(io::Error::new(io::ErrorKind::InvalidInput, "no addresses to send data to"))
            }
        }
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
    /// use gocoro::net::UdpSocket;
    ///
    /// let peer = UdpSocket::bind("127.0.0.1:0")?;
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// peer.send_to(b"ping", socket.local_addr()?)?;
    /// assert_eq!(socket.recv_from(&mut [0; 8])?, (4, peer.local_addr()?));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (count, addr) = self.socket.recv_from(buf)?;
        Ok((count, inet(addr)?))
    }

    /// Receives one datagram and says who sent it, from inside of a poll, where nothing may wait.
    /// Beyond std.
    ///
    /// # Errors
    ///
    /// As [`poll_recv`](Self::poll_recv).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::UdpSocket;
    /// use std::future::poll_fn;
    ///
    /// let peer = UdpSocket::bind("127.0.0.1:0")?;
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// peer.send_to(b"ping", socket.local_addr()?)?;
    ///
    /// let mut buf = [0; 8];
    /// let received = poll_fn(|context| socket.poll_recv_from(context, &mut buf));
    /// assert_eq!(gocoro::future::wait(received)?, (4, peer.local_addr()?));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn poll_recv_from(
        &self,
        context: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let (count, addr) = ready!(self.socket.poll_recv_from(context, buf))?;
        Poll::Ready(inet(addr).map(|addr| (count, addr)))
    }

    /// Sends one datagram to the address that this socket is connected to, from inside of a poll,
    /// where nothing may wait. Beyond std.
    ///
    /// If there is no room for it, the waker is called once there may be.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send) but `WouldBlock` and `TimedOut`, and what the system says if it
    /// cannot watch the descriptor.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::UdpSocket;
    /// use std::future::poll_fn;
    ///
    /// let peer = UdpSocket::bind("127.0.0.1:0")?;
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.connect(peer.local_addr()?)?;
    ///
    /// let sent = poll_fn(|context| socket.poll_send(context, b"ping"));
    /// assert_eq!(gocoro::future::wait(sent)?, 4);
    /// assert_eq!(peer.recv(&mut [0; 8])?, 4);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn poll_send(&self, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.socket.poll_send(context, buf)
    }

    /// Sends one datagram to the given address, as [`poll_send`](Self::poll_send) does. Beyond std.
    ///
    /// # Errors
    ///
    /// As [`poll_send`](Self::poll_send).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::UdpSocket;
    /// use std::future::poll_fn;
    ///
    /// let peer = UdpSocket::bind("127.0.0.1:0")?;
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// let target = peer.local_addr()?;
    ///
    /// let sent = poll_fn(|context| socket.poll_send_to(context, b"ping", target));
    /// assert_eq!(gocoro::future::wait(sent)?, 4);
    /// assert_eq!(peer.recv(&mut [0; 8])?, 4);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn poll_send_to(
        &self,
        context: &mut Context<'_>,
        buf: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_send_to(context, buf, &target.into())
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
    /// use gocoro::net::UdpSocket;
    ///
    /// let peer = UdpSocket::bind("127.0.0.1:0")?;
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// peer.send_to(b"ping", socket.local_addr()?)?;
    /// assert_eq!(socket.peek_from(&mut [0; 8])?, (4, peer.local_addr()?));
    /// assert_eq!(socket.recv(&mut [0; 8])?, 4); // it was still there
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (count, addr) = self.socket.peek_from(buf)?;
        Ok((count, inet(addr)?))
    }

    /// Returns the socket address that this socket was created from.
    ///
    /// # Errors
    ///
    /// Those of `getsockname`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// assert_ne!(socket.local_addr()?.port(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.kernel().local_addr().and_then(inet)
    }

    /// Returns the socket address of the remote peer that this socket is connected to.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the socket is not connected.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::UdpSocket;
    /// use std::io::ErrorKind;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// assert_eq!(socket.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
    ///
    /// let peer = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.connect(peer.local_addr()?)?;
    /// assert_eq!(socket.peer_addr()?, peer.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.kernel().peer_addr().and_then(inet)
    }
}

/// As std's: the address if there is one, and the descriptor.
impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("UdpSocket");
        if let Ok(addr) = self.local_addr() {
            fields.field("addr", &addr);
        }
        fields.field("fd", &self.socket.fd().as_raw_fd()).finish()
    }
}

datagram!(
    UdpSocket,
    std::net::UdpSocket,
    send,
    "use gocoro::net::UdpSocket;",
    "let (socket, peer) = (UdpSocket::bind(\"127.0.0.1:0\")?, UdpSocket::bind(\"127.0.0.1:0\")?);
socket.connect(peer.local_addr()?)?;
peer.connect(socket.local_addr()?)?;"
);
