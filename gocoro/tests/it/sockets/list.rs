//! The list: each entry makes an operation that waits for ever, with all that it needs inside.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd};

use gocoro::net::unix::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use gocoro::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

use crate::resolver::silent;
use crate::support::NEVER;
use crate::tcp;
use crate::unix::TempPath;

pub(super) type Op = Box<dyn FnMut() -> io::Result<()> + Send>;

type Make = fn() -> io::Result<Op>;

/// An operation on `$socket`, which comes with its peer; `$keep` stays open.
macro_rules! op {
    ($pair:expr, |$socket:ident| $op:expr) => {
        || {
            let ($socket, peer) = $pair?;
            Ok(Box::new(move || {
                let _ = &peer;
                let $socket = &$socket;
                // What sends goes on until there is no room.
                loop {
                    let _ = $op?;
                }
            }))
        }
    };
}

pub(super) const WAITS: &[(&str, Make)] = &[
    ("TcpStream::connect", op!(tcp::stream::silenced(), |addr| TcpStream::connect(addr))),
    (
        "TcpStream::connect, several",
        op!(tcp::stream::silenced(), |addr| { TcpStream::connect(&[*addr, *addr][..]) }),
    ),
    ("TcpStream::connect, a name", op!(silent(), |name| TcpStream::connect(name.address()))),
    (
        "TcpStream::connect_timeout",
        op!(tcp::stream::silenced(), |addr| TcpStream::connect_timeout(addr, NEVER)),
    ),
    (
        "TcpStream::connect_within",
        op!(silent(), |name| TcpStream::connect_within(name.address(), NEVER)),
    ),
    ("ToSocketAddrs::to_socket_addrs", op!(silent(), |name| name.address().to_socket_addrs())),
    ("TcpStream::read", op!(tcp::pair(), |s| (&*s).read(&mut [0; 8]))),
    ("TcpStream::read_vectored", op!(tcp::pair(), |s| (&*s).read_vectored(&mut into(&mut [0; 8])))),
    ("TcpStream::peek", op!(tcp::pair(), |s| s.peek(&mut [0; 8]))),
    ("TcpStream::write", op!(tcp::pair(), |s| (&*s).write(&[0; 4096]))),
    ("TcpStream::write_vectored", op!(tcp::pair(), |s| (&*s).write_vectored(&from(&[0; 4096])))),
    ("TcpStream::wait_readable", op!(tcp::pair(), |s| s.wait_readable())),
    ("TcpStream::wait_writable", op!(full_tcp(), |s| s.wait_writable())),
    ("TcpListener::accept", op!(tcp_listener(), |l| l.accept())),
    ("TcpListener::bind, a name", op!(silent(), |name| TcpListener::bind(name.address()))),
    ("ListenerBuilder::bind", op!(silent(), |name| TcpListener::builder().bind(name.address()))),
    ("TcpListener::incoming", op!(tcp_listener(), |l| l.incoming().next().unwrap())),
    (
        "TcpListener::into_incoming",
        op!(tcp_listener(), |l| l.try_clone()?.into_incoming().next().unwrap()),
    ),
    ("TcpListener::wait_readable", op!(tcp_listener(), |l| l.wait_readable())),
    ("UdpSocket::bind, a name", op!(silent(), |name| UdpSocket::bind(name.address()))),
    (
        "UdpSocket::connect, a name",
        op!(silent(), |name| UdpSocket::bind("127.0.0.1:0")?.connect(name.address())),
    ),
    (
        "UdpSocket::send_to, a name",
        op!(silent(), |name| UdpSocket::bind("127.0.0.1:0")?.send_to(b"x", name.address())),
    ),
    ("UdpSocket::recv", op!(udp(), |s| s.recv(&mut [0; 8]))),
    ("UdpSocket::recv_from", op!(udp(), |s| s.recv_from(&mut [0; 8]))),
    ("UdpSocket::peek", op!(udp(), |s| s.peek(&mut [0; 8]))),
    ("UdpSocket::peek_from", op!(udp(), |s| s.peek_from(&mut [0; 8]))),
    ("UdpSocket::wait_readable", op!(udp(), |s| s.wait_readable())),
    (
        "UnixStream::connect_addr",
        op!(full_listener(), |l| { UnixStream::connect_addr(&l.local_addr()?) }),
    ),
    ("UnixStream::connect", op!(full_listener_at_path(), |path| UnixStream::connect(path))),
    ("UnixStream::read", op!(UnixStream::pair(), |s| (&*s).read(&mut [0; 8]))),
    (
        "UnixStream::read_vectored",
        op!(UnixStream::pair(), |s| (&*s).read_vectored(&mut into(&mut [0; 8]))),
    ),
    ("UnixStream::peek", op!(UnixStream::pair(), |s| s.peek(&mut [0; 8]))),
    ("UnixStream::write", op!(UnixStream::pair(), |s| (&*s).write(&[0; 4096]))),
    (
        "UnixStream::write_vectored",
        op!(UnixStream::pair(), |s| (&*s).write_vectored(&from(&[0; 4096]))),
    ),
    ("UnixStream::wait_readable", op!(UnixStream::pair(), |s| s.wait_readable())),
    ("UnixStream::wait_writable", op!(full_unix(), |s| s.wait_writable())),
    ("UnixListener::accept", op!(unix_listener(), |l| l.accept())),
    ("UnixListener::incoming", op!(unix_listener(), |l| l.incoming().next().unwrap())),
    ("UnixListener::wait_readable", op!(unix_listener(), |l| l.wait_readable())),
    ("UnixDatagram::recv", op!(UnixDatagram::pair(), |s| s.recv(&mut [0; 8]))),
    ("UnixDatagram::recv_from", op!(UnixDatagram::pair(), |s| s.recv_from(&mut [0; 8]))),
    ("UnixDatagram::peek", op!(UnixDatagram::pair(), |s| s.peek(&mut [0; 8]))),
    ("UnixDatagram::peek_from", op!(UnixDatagram::pair(), |s| s.peek_from(&mut [0; 8]))),
    ("UnixDatagram::wait_readable", op!(UnixDatagram::pair(), |s| s.wait_readable())),
    ("UnixDatagram::send to a pair", op!(UnixDatagram::pair(), |s| s.send(&[0; 4096]))),
    ("UnixDatagram::send", op!(connected_datagram(), |s| s.send(b"x"))),
    (
        "UnixDatagram::send_to",
        op!(datagram_receiver_at_path(), |path| UnixDatagram::unbound()?.send_to(b"x", path)),
    ),
    ("UnixDatagram::wait_writable", op!(full_datagram(), |s| s.wait_writable())),
    (
        "UnixDatagram::send_to_addr",
        op!(datagram_receiver(), |s| {
            UnixDatagram::unbound()?.send_to_addr(b"x", &s.local_addr()?)
        }),
    ),
];

fn full_tcp() -> io::Result<(TcpStream, TcpStream)> {
    let (stream, peer) = tcp::pair()?;
    // An acknowledgement that is late makes room; so it is filled until that comes no more.
    stream.set_write_timeout(Some(std::time::Duration::from_millis(100)))?;
    while (&stream).write(&[0; 1 << 16]).is_ok() {}
    stream.set_write_timeout(None)?;
    Ok((stream, peer))
}

fn tcp_listener() -> io::Result<(TcpListener, ())> {
    Ok((TcpListener::bind("127.0.0.1:0")?, ()))
}

fn udp() -> io::Result<(UdpSocket, ())> {
    Ok((UdpSocket::bind("127.0.0.1:0")?, ()))
}

/// Lets the kernel choose an abstract name.
fn any() -> io::Result<SocketAddr> {
    SocketAddr::from_pathname("")
}

fn unix_listener() -> io::Result<(UnixListener, ())> {
    Ok((UnixListener::bind_addr(&any()?)?, ()))
}

/// A listener to which nobody can connect any more, and who did.
fn full_listener() -> io::Result<(UnixListener, UnixStream)> {
    let listener = UnixListener::bind_addr(&any()?)?;
    limit_backlog(&listener)?;
    let first = UnixStream::connect_addr(&listener.local_addr()?)?;
    Ok((listener, first))
}

/// As [`full_listener`], at a path.
fn full_listener_at_path() -> io::Result<(TempPath, (UnixListener, UnixStream))> {
    let path = TempPath::new();
    let listener = UnixListener::bind(&path)?;
    limit_backlog(&listener)?;
    let first = UnixStream::connect(&path)?;
    Ok((path, (listener, first)))
}

/// Leaves room for one connection.
pub(crate) fn limit_backlog(listener: impl AsFd) -> io::Result<()> {
    // SAFETY: no pointers.
    match unsafe { libc::listen(listener.as_fd().as_raw_fd(), 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn full_unix() -> io::Result<(UnixStream, UnixStream)> {
    let (stream, peer) = UnixStream::pair()?;
    while stream.try_write(&[0; 1 << 16]).is_ok() {}
    Ok((stream, peer))
}

fn datagram_receiver() -> io::Result<(UnixDatagram, ())> {
    Ok((UnixDatagram::bind_addr(&any()?)?, ()))
}

fn datagram_receiver_at_path() -> io::Result<(TempPath, UnixDatagram)> {
    let path = TempPath::new();
    let receiver = UnixDatagram::bind(&path)?;
    Ok((path, receiver))
}

fn into(buf: &mut [u8]) -> [IoSliceMut<'_>; 1] {
    [IoSliceMut::new(buf)]
}

fn from(buf: &[u8]) -> [IoSlice<'_>; 1] {
    [IoSlice::new(buf)]
}

/// A sender whose peer is not connected to it, so that the peer's queue bounds what is sent.
fn connected_datagram() -> io::Result<(UnixDatagram, UnixDatagram)> {
    let (receiver, ()) = datagram_receiver()?;
    let sender = UnixDatagram::unbound()?;
    sender.connect_addr(&receiver.local_addr()?)?;
    Ok((sender, receiver))
}

fn full_datagram() -> io::Result<(UnixDatagram, UnixDatagram)> {
    let (sender, receiver) = connected_datagram()?;
    sender.set_nonblocking(true)?;
    while sender.send(b"x").is_ok() {}
    sender.set_nonblocking(false)?;
    Ok((sender, receiver))
}
