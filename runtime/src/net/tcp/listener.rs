//! A server's socket. The iterators over its connections are in `incoming`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::panic::{RefUnwindSafe, UnwindSafe};

use socket2::{SockAddr, SockRef};

use super::TcpStream;
use super::stream::inet;
use crate::net::addr::{self, ToSocketAddrs};
use crate::net::connect;
use crate::net::io::Socket;
use crate::park;
use crate::reactor::Direction;

/// A TCP socket server, listening for connections.
///
/// It is [`std::net::TcpListener`] made suspendable. Several tasks and threads may accept from one
/// listener at once; each connection goes to one of them. The socket is closed when the last handle
/// is dropped.
///
/// `accept` knows no way to be told not to wait, so the descriptor itself is non-blocking while
/// gocoro holds it. [`set_nonblocking`](Self::set_nonblocking) means what it does in std all the
/// same, and a listener that is converted to a std type gets its mode back. While a
/// [`try_clone`](Self::try_clone) of it lives on in gocoro, that waits for the last one to be
/// converted, as the mode belongs to all of them.
///
/// # Parks
///
/// Accepting waits while no connection is pending. In a task that suspends the task; outside it
/// blocks the thread.
///
/// # Examples
///
/// ```
/// use gocoro::net::{TcpListener, TcpStream};
/// use std::io::{self, prelude::*};
///
/// fn greet(mut stream: TcpStream) -> io::Result<()> {
///     stream.write_all(b"welcome")
/// }
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let addr = listener.local_addr()?;
/// let server = gocoro::task::spawn(move || -> io::Result<()> {
///     for stream in listener.incoming().take(2) {
///         gocoro::task::spawn(|| greet(stream?));
///     }
///     Ok(())
/// });
///
/// for _ in 0..2 {
///     let mut greeting = String::new();
///     TcpStream::connect(addr)?.read_to_string(&mut greeting)?;
///     assert_eq!(greeting, "welcome");
/// }
/// server.wait()?;
/// # Ok::<(), io::Error>(())
/// ```
pub struct TcpListener {
    pub(super) socket: Socket,
}

impl TcpListener {
    /// Creates a new `TcpListener` which is bound to the specified address and ready to accept.
    ///
    /// Port 0 asks the system for a free port; [`local_addr`](Self::local_addr) tells which. If
    /// `addr` yields several addresses, each is tried in turn until one can be bound. As in std,
    /// `SO_REUSEADDR` is set.
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
    /// use gocoro::net::TcpListener;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let error = TcpListener::bind(listener.local_addr()?).unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<TcpListener> {
        addr::each(addr, connect::listen).map(TcpListener::new)
    }

    /// Returns the local socket address of this listener.
    ///
    /// # Errors
    ///
    /// Those of `getsockname`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::TcpListener;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// assert_ne!(listener.local_addr()?.port(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.kernel().local_addr().and_then(inet)
    }

    /// Creates a new independently owned handle to the underlying socket.
    ///
    /// Both handles can accept connections, and share all options.
    ///
    /// # Errors
    ///
    /// Those of `dup`, for one that the process has no descriptors left.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::TcpListener;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let other = listener.try_clone()?;
    /// assert_eq!(other.local_addr()?, listener.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_clone(&self) -> io::Result<TcpListener> {
        self.socket.try_clone().map(TcpListener::new)
    }

    /// Accepts a new incoming connection from this listener, and returns it with its peer's address.
    ///
    /// # Parks
    ///
    /// While no connection is pending. Blocks the thread outside a task.
    ///
    /// # Errors
    ///
    /// As in std, that of the connection (`ConnectionAborted`) or of the process, which may have no
    /// descriptors left. The listener stays usable, and in the latter case the connection stays
    /// pending: a server does well to pause before it accepts again, which
    /// [`incoming`](Self::incoming) does by itself. `WouldBlock` in non-blocking mode.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let client = TcpStream::connect(listener.local_addr()?)?;
    /// let (stream, addr) = listener.accept()?;
    /// assert_eq!(addr, client.local_addr()?);
    /// assert_eq!(addr, stream.peer_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let accepted = self.socket.io(Direction::Read, accept)?;
        self.accepted(accepted)
    }

    /// Accepts a connection that is pending already, and never waits. Beyond std.
    ///
    /// # Parks
    ///
    /// In a loop, once in a while for a moment, which is a cancel point.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none, else as [`accept`](Self::accept).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::TcpListener;
    /// use std::io::ErrorKind;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// assert_eq!(listener.try_accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        park::spent_io();
        self.accepted(accept(self.socket.fd())?)
    }

    /// Waits until a connection is pending. Beyond std.
    ///
    /// Another task may be faster, so the `accept` that follows can still find none.
    ///
    /// # Parks
    ///
    /// While no connection is pending, in non-blocking mode too. Blocks the thread outside a task.
    ///
    /// # Errors
    ///
    /// Those of waiting for a descriptor.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let client = TcpStream::connect(listener.local_addr()?)?;
    /// listener.wait_readable()?;
    /// let (stream, addr) = listener.try_accept()?;
    /// # drop(stream);
    /// assert_eq!(addr, client.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn wait_readable(&self) -> io::Result<()> {
        self.socket.wait(Direction::Read)
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
    /// use gocoro::net::TcpListener;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// listener.set_ttl(100)?;
    /// assert_eq!(listener.ttl()?, 100);
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
    /// use gocoro::net::TcpListener;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// assert!(listener.ttl()? > 0);
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
    /// use gocoro::net::TcpListener;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// assert!(listener.take_error()?.is_none());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.kernel().take_error()
    }

    /// Moves this TCP listener into or out of non-blocking mode.
    ///
    /// In non-blocking mode [`accept`](Self::accept) fails with `WouldBlock` instead of waiting.
    ///
    /// # Errors
    ///
    /// None; the signature is std's.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::TcpListener;
    /// use std::io::ErrorKind;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// listener.set_nonblocking(true)?;
    /// assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        // The descriptor is non-blocking as it is.
        self.socket.options().set_nonblocking(nonblocking);
        Ok(())
    }

    pub(super) fn new(socket: Socket) -> TcpListener {
        TcpListener { socket }
    }

    /// Dresses what [`accept`] returned.
    fn accepted(&self, (fd, addr): (OwnedFd, SockAddr)) -> io::Result<(TcpStream, SocketAddr)> {
        let stream = TcpStream::new(Socket::new(fd, self.socket.options().inherited()));
        Ok((stream, inet(addr)?))
    }
}

/// As std's: the address if there is one, and the descriptor.
impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("TcpListener");
        if let Ok(addr) = self.local_addr() {
            fields.field("addr", &addr);
        }
        fields.field("fd", &self.socket.fd().as_raw_fd()).finish()
    }
}

// As std's type, whatever the reactor keeps for a descriptor: a panic elsewhere leaves a socket no
// less usable.
impl UnwindSafe for TcpListener {}
impl RefUnwindSafe for TcpListener {}

/// Accepts one connection if one is pending, close-on-exec and blocking, the mode that is the
/// user's to change.
fn accept(listener: BorrowedFd<'_>) -> io::Result<(OwnedFd, SockAddr)> {
    let listener = SockRef::from(&listener);
    loop {
        match listener.accept() {
            Ok((socket, addr)) => {
                // Only Linux does not pass the listener's mode on.
                #[cfg(not(any(target_os = "linux", target_os = "android")))]
                socket.set_nonblocking(false)?;
                return Ok((socket.into(), addr));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
