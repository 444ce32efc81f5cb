//! A server's socket. What it shares with the Unix listener is in `shape::listener`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use super::TcpStream;
use crate::net::addr::{ToSocketAddrs, inet};
use crate::net::options::Options;
use crate::net::shape::listener;
use crate::net::socket::Socket;

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
    pub(in crate::net) socket: Socket,
}

impl TcpListener {
    /// Creates a new `TcpListener` which is bound to the specified address and ready to accept.
    ///
    /// Port 0 asks the system for a free port; [`local_addr`](Self::local_addr) tells which. If
    /// `addr` yields several addresses, each is tried in turn until one can be bound. As in std,
    /// `SO_REUSEADDR` is set; [`builder`](Self::builder) has options.
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
        TcpListener::builder().bind(addr)
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

    /// Sets the value for the `IPV6_V6ONLY` option, which has to be set before a socket is bound,
    /// and so comes too late for every listener.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`, which refuses it on a bound socket.
    #[deprecated(note = "this option can only be set before the socket is bound")]
    pub fn set_only_v6(&self, only_v6: bool) -> io::Result<()> {
        self.socket.kernel().set_only_v6(only_v6)
    }

    /// Gets the value of the `IPV6_V6ONLY` option for this socket.
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`, for one if the socket is no IPv6 socket.
    #[deprecated(note = "this option can only be set before the socket is bound")]
    pub fn only_v6(&self) -> io::Result<bool> {
        self.socket.kernel().only_v6()
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

listener!(
    TcpListener,
    TcpStream,
    SocketAddr,
    inet,
    Options::inherited,
    accept,
    poll_accept,
    std::net::TcpListener,
    "use gocoro::net::{TcpListener, TcpStream};",
    "let listener = TcpListener::bind(\"127.0.0.1:0\")?;",
    "TcpStream::connect(listener.local_addr()?)",
    ""
);
