//! The list: each entry makes an operation that waits for ever, with all that it needs inside.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd};

use gocoro::net::unix::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use gocoro::net::{TcpListener, TcpStream, UdpSocket};

use crate::tcp;

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
    ("TcpStream::read", op!(tcp::pair(), |s| (&*s).read(&mut [0; 8]))),
    ("TcpStream::peek", op!(tcp::pair(), |s| s.peek(&mut [0; 8]))),
    ("TcpStream::write", op!(tcp::pair(), |s| (&*s).write(&[0; 4096]))),
    ("TcpStream::wait_readable", op!(tcp::pair(), |s| s.wait_readable())),
    ("TcpStream::wait_writable", op!(full_tcp(), |s| s.wait_writable())),
    ("TcpListener::accept", op!(tcp_listener(), |l| l.accept())),
    ("TcpListener::wait_readable", op!(tcp_listener(), |l| l.wait_readable())),
    ("UdpSocket::recv", op!(udp(), |s| s.recv(&mut [0; 8]))),
    ("UdpSocket::recv_from", op!(udp(), |s| s.recv_from(&mut [0; 8]))),
    ("UdpSocket::peek", op!(udp(), |s| s.peek(&mut [0; 8]))),
    ("UdpSocket::peek_from", op!(udp(), |s| s.peek_from(&mut [0; 8]))),
    ("UdpSocket::wait_readable", op!(udp(), |s| s.wait_readable())),
    (
        "UnixStream::connect_addr",
        op!(full_listener(), |l| { UnixStream::connect_addr(&l.local_addr()?) }),
    ),
    ("UnixStream::read", op!(UnixStream::pair(), |s| (&*s).read(&mut [0; 8]))),
    ("UnixStream::peek", op!(UnixStream::pair(), |s| s.peek(&mut [0; 8]))),
    ("UnixStream::write", op!(UnixStream::pair(), |s| (&*s).write(&[0; 4096]))),
    ("UnixStream::wait_readable", op!(UnixStream::pair(), |s| s.wait_readable())),
    ("UnixStream::wait_writable", op!(full_unix(), |s| s.wait_writable())),
    ("UnixListener::accept", op!(unix_listener(), |l| l.accept())),
    ("UnixListener::wait_readable", op!(unix_listener(), |l| l.wait_readable())),
    ("UnixDatagram::recv", op!(UnixDatagram::pair(), |s| s.recv(&mut [0; 8]))),
    ("UnixDatagram::recv_from", op!(UnixDatagram::pair(), |s| s.recv_from(&mut [0; 8]))),
    ("UnixDatagram::peek", op!(UnixDatagram::pair(), |s| s.peek(&mut [0; 8]))),
    ("UnixDatagram::peek_from", op!(UnixDatagram::pair(), |s| s.peek_from(&mut [0; 8]))),
    ("UnixDatagram::wait_readable", op!(UnixDatagram::pair(), |s| s.wait_readable())),
    ("UnixDatagram::send to a pair", op!(UnixDatagram::pair(), |s| s.send(&[0; 4096]))),
    ("UnixDatagram::send", op!(connected_datagram(), |s| s.send(b"x"))),
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
