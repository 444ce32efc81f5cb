//! What Linux has beyond other systems, shaped like [`std::os::linux::net`].

use std::io;
use std::os::fd::AsFd;
#[doc(no_inline)]
pub use std::os::linux::net::SocketAddrExt;

use socket2::SockRef;

use super::TcpStream;

/// Linux's extensions for [`TcpStream`].
///
/// It is a trait of gocoro's own, of the shape of `std::os::linux::net::TcpStreamExt`, which no
/// other crate can implement.
///
/// # Examples
///
/// ```
/// use gocoro::net::linux::TcpStreamExt;
/// use gocoro::net::{TcpListener, TcpStream};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let stream = TcpStream::connect(listener.local_addr()?)?;
/// stream.set_quickack(false)?;
/// assert!(!stream.quickack()?);
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait TcpStreamExt: AsFd {
    /// Sets the value of the `TCP_QUICKACK` option: whether what comes is acknowledged at once.
    ///
    /// The kernel may change it again while the stream is used.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        SockRef::from(&self.as_fd()).set_tcp_quickack(quickack)
    }

    /// Gets the value of the `TCP_QUICKACK` option for this socket.
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    fn quickack(&self) -> io::Result<bool> {
        SockRef::from(&self.as_fd()).tcp_quickack()
    }
}

impl TcpStreamExt for TcpStream {}
