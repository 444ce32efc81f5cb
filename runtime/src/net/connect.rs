//! Opening connections and listeners.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Instant;

use socket2::{Domain, Protocol, Type};

use super::io::Socket;
use super::options::Options;
use crate::park;
use crate::reactor::Direction;

/// Connections that may wait to be accepted: what Linux itself allows by default
/// (`net.core.somaxconn` since 5.4), and it cuts a larger value down. std's 128 on older targets
/// drops connections in a burst.
const BACKLOG_MAX: i32 = 4096;

/// Connects to one address, waiting no longer than until `deadline`.
pub(super) fn connect(addr: SocketAddr, deadline: Option<Instant>) -> io::Result<Socket> {
    // On loopback it is refused at once.
    park::spent_io();
    let socket = nonblocking(addr)?;
    let pending = match socket.connect(&addr.into()) {
        Ok(()) => false,
        Err(error) if goes_on(&error) => true,
        Err(error) => return Err(error),
    };
    let socket = Socket::new(OwnedFd::from(socket), Options::default());
    if pending {
        socket.wait_until(Direction::Write, || deadline)?;
        if let Some(error) = socket.kernel().take_error()? {
            return Err(error);
        }
    }
    // From here on `O_NONBLOCK` is the user's.
    socket.kernel().set_nonblocking(false)?;
    Ok(socket)
}

/// Binds to one address and listens. The descriptor is non-blocking.
pub(super) fn listen(addr: SocketAddr) -> io::Result<Socket> {
    park::looked();
    let socket = nonblocking(addr)?;
    // As std: a server must be able to restart while connections of its predecessor linger.
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG_MAX)?;
    Ok(Socket::new(OwnedFd::from(socket), Options::default()))
}

/// A TCP socket of `addr`'s family, close-on-exec and non-blocking.
fn nonblocking(addr: SocketAddr) -> io::Result<socket2::Socket> {
    let domain = Domain::for_address(addr);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        socket2::Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let socket = socket2::Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

/// An interrupted `connect` goes on in the background like any other.
fn goes_on(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR))
}
