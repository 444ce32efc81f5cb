//! A server's socket. What it shares with the TCP listener is in `shape::listener`.

use std::fmt;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;

use super::{UnixStream, addr};
use crate::net::connect::{self, Listening};
use crate::net::options::Options;
use crate::net::shape::listener;
use crate::net::socket::Socket;
use crate::net::sys;

/// A Unix socket server, listening for connections.
///
/// It is [`std::os::unix::net::UnixListener`] made suspendable. Several tasks and threads may
/// accept from one listener at once; each connection goes to one of them. The socket is closed when
/// the last handle is dropped; its path stays, as in std.
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
/// ```no_run
/// use gocoro::net::unix::UnixListener;
/// use std::io::{self, prelude::*};
///
/// let listener = UnixListener::bind("/run/greeter.sock")?;
/// for stream in listener.incoming() {
///     gocoro::task::spawn(|| stream?.write_all(b"welcome"));
/// }
/// # Ok::<(), io::Error>(())
/// ```
pub struct UnixListener {
    pub(in crate::net) socket: Socket,
}

impl UnixListener {
    /// Creates a new `UnixListener` bound to a path, which is made.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if the path exists, `InvalidInput` if it is too long or has a null byte in it.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::unix::UnixListener;
    ///
    /// let path = std::env::temp_dir().join(format!("gocoro-bind-{}", std::process::id()));
    /// let listener = UnixListener::bind(&path)?;
    /// let error = UnixListener::bind(&path).unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    /// std::fs::remove_file(path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        connect::listen(&addr::of_path(path)?, &Listening::UNIX).map(UnixListener::new)
    }

    /// Creates a new `UnixListener` bound to an address, which may be an abstract name.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use gocoro::net::unix::{SocketAddr, UnixListener};
    /// use std::os::linux::net::SocketAddrExt;
    ///
    /// let addr = SocketAddr::from_abstract_name("gocoro-doc-listen")?;
    /// let listener = UnixListener::bind_addr(&addr)?;
    /// assert_eq!(listener.local_addr()?.as_abstract_name(), addr.as_abstract_name());
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bind_addr(socket_addr: &SocketAddr) -> io::Result<UnixListener> {
        connect::listen(&addr::to_kernel(socket_addr)?, &Listening::UNIX).map(UnixListener::new)
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
    /// use gocoro::net::unix::UnixListener;
    ///
    /// let path = std::env::temp_dir().join(format!("gocoro-addr-{}", std::process::id()));
    /// let listener = UnixListener::bind(&path)?;
    /// assert_eq!(listener.local_addr()?.as_pathname(), Some(path.as_path()));
    /// std::fs::remove_file(path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        sys::with_std(self.socket.fd(), net::UnixStream::local_addr)
    }
}

impl<'a> IntoIterator for &'a UnixListener {
    type Item = io::Result<UnixStream>;
    type IntoIter = Incoming<'a>;

    fn into_iter(self) -> Incoming<'a> {
        self.incoming()
    }
}

/// As std's: the descriptor, and the address if there is one.
impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("UnixListener");
        fields.field("fd", &self.socket.fd().as_raw_fd());
        if let Ok(addr) = self.local_addr() {
            fields.field("local", &addr);
        }
        fields.finish()
    }
}

/// A Unix connection has the options of a new socket, whatever its listener's are.
fn no_options(_: &Options) -> Options {
    Options::default()
}

listener!(
    UnixListener,
    UnixStream,
    SocketAddr,
    addr::from_kernel,
    no_options,
    accept_unix,
    poll_accept_unix,
    std::os::unix::net::UnixListener,
    "use gocoro::net::unix::{UnixListener, UnixStream};
# let name = format!(\"gocoro-{}-{:?}\", std::process::id(), std::thread::current().id());
# let path = std::env::temp_dir().join(name);",
    "let listener = UnixListener::bind(&path)?;",
    "UnixStream::connect(&path)",
    "# std::fs::remove_file(path)?;"
);
