//! Opening connections and listeners.

use std::io;
use std::time::Instant;

use socket2::{Domain, Protocol, SockAddr, Type};

use super::options::Options;
use super::socket::{Socket, keep_trying};
use crate::park;
use crate::reactor::Direction;

/// Connections that may wait to be accepted: what Linux itself allows by default
/// (`net.core.somaxconn` since 5.4), and it cuts a larger value down. std's 128 on older targets
/// drops connections in a burst.
const BACKLOG_MAX: i32 = 4096;

/// A connection that is made, or being made.
pub(super) enum Attempt {
    Done(Socket),
    /// The socket becomes writable when it is decided how the attempt ends, which [`finish`] tells.
    Pending(Socket),
}

/// Connects a stream to one address, waiting no longer than until `deadline`.
pub(super) fn connect(addr: &SockAddr, deadline: Option<Instant>) -> io::Result<Socket> {
    match begin(addr, deadline)? {
        Attempt::Done(socket) => Ok(socket),
        Attempt::Pending(socket) => {
            socket.source().ready(Direction::Write, || deadline)?;
            finish(socket)
        }
    }
}

/// Begins to connect a stream. Only a Unix listener whose queue is full makes this wait.
pub(super) fn begin(addr: &SockAddr, deadline: Option<Instant>) -> io::Result<Attempt> {
    // On loopback it is refused at once.
    park::spent_io();
    let socket = nonblocking(addr)?;
    let attempt = || match socket.connect(addr) {
        Ok(()) => Ok(false),
        Err(error) if goes_on(&error) => Ok(true),
        Err(error) => Err(error),
    };
    // A Unix listener's queue may be full. The kernel has no event that tells when it is not.
    let pending = match addr.is_unix() {
        true => keep_trying(Direction::Write, || deadline, attempt)?,
        false => attempt()?,
    };
    let socket = Socket::new(socket, Options::default());
    if pending { Ok(Attempt::Pending(socket)) } else { blocking(socket).map(Attempt::Done) }
}

/// Tells how a pending attempt ended.
pub(super) fn finish(socket: Socket) -> io::Result<Socket> {
    match socket.kernel().take_error()? {
        None => blocking(socket),
        Some(error) => Err(error),
    }
}

/// From here on `O_NONBLOCK` is the user's.
fn blocking(socket: Socket) -> io::Result<Socket> {
    socket.kernel().set_nonblocking(false)?;
    Ok(socket)
}

/// How a listener is set up.
#[derive(Clone, Debug)]
pub(super) struct Listening {
    pub(super) backlog: i32,
    pub(super) reuse_address: bool,
    pub(super) reuse_port: bool,
}

impl Listening {
    pub(super) const UNIX: Listening =
        Listening { backlog: BACKLOG_MAX, reuse_address: false, reuse_port: false };

    /// As std: a server must be able to restart while connections of its predecessor linger.
    pub(super) const TCP: Listening = Listening { reuse_address: true, ..Listening::UNIX };
}

/// Binds a stream socket to one address and listens. The descriptor is non-blocking.
pub(super) fn listen(addr: &SockAddr, listening: &Listening) -> io::Result<Socket> {
    park::looked();
    let socket = nonblocking(addr)?;
    if listening.reuse_address {
        socket.set_reuse_address(true)?;
    }
    if listening.reuse_port {
        socket.set_reuse_port(true)?;
    }
    socket.bind(addr)?;
    socket.listen(listening.backlog)?;
    Ok(Socket::new(socket, Options::default()))
}

/// Binds a datagram socket to one address.
pub(super) fn bind(addr: &SockAddr) -> io::Result<Socket> {
    let protocol = (!addr.is_unix()).then_some(Protocol::UDP);
    let socket = datagram(addr.domain(), protocol)?;
    socket.kernel().bind(addr)?;
    Ok(socket)
}

/// A datagram socket, close-on-exec. Its descriptor is blocking, a mode that is the user's.
pub(super) fn datagram(domain: Domain, protocol: Option<Protocol>) -> io::Result<Socket> {
    park::looked();
    let socket = socket2::Socket::new(domain, Type::DGRAM, protocol)?;
    Ok(Socket::new(socket, Options::default()))
}

/// A stream socket of `addr`'s family, close-on-exec and non-blocking.
fn nonblocking(addr: &SockAddr) -> io::Result<socket2::Socket> {
    let protocol = (!addr.is_unix()).then_some(Protocol::TCP);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        socket2::Socket::new(addr.domain(), Type::STREAM.nonblocking(), protocol)
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let socket = socket2::Socket::new(addr.domain(), Type::STREAM, protocol)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

/// An interrupted `connect` goes on in the background like any other.
fn goes_on(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR))
}
