//! What the scenarios need of the system and std does not offer.

use std::io;
use std::mem::size_of;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Closes a connection with a reset instead of an orderly end.
pub(crate) fn reset(stream: impl Into<OwnedFd>) -> io::Result<()> {
    let fd = stream.into();
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: the pointer is to a `linger` of the length given, which is what the option takes.
    check(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<libc::linger>() as libc::socklen_t,
        )
    })?;
    Ok(())
}

/// Whether `SO_REUSEADDR` is set.
pub(super) fn reuses_address(socket: impl AsFd) -> io::Result<bool> {
    is_set(socket, libc::SO_REUSEADDR)
}

/// Whether the socket is a listener.
pub(crate) fn is_listening(socket: impl AsFd) -> io::Result<bool> {
    is_set(socket, libc::SO_ACCEPTCONN)
}

fn is_set(socket: impl AsFd, option: libc::c_int) -> io::Result<bool> {
    let mut value: libc::c_int = 0;
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the pointers are to a writable `int`, which is what the option gives, and its length.
    check(unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            (&raw mut value).cast(),
            &raw mut len,
        )
    })?;
    Ok(value != 0)
}

/// Shuts the receiving half of a socket down, whatever the kernel says: of one that is not
/// connected it does what is asked and reports an error all the same.
pub(crate) fn shut_receiving(socket: impl AsFd) {
    // SAFETY: no pointers.
    unsafe { libc::shutdown(socket.as_fd().as_raw_fd(), libc::SHUT_RD) };
}

/// Sends one byte as urgent data.
pub(super) fn send_urgent(stream: impl AsFd, byte: u8) -> io::Result<()> {
    let fd = stream.as_fd().as_raw_fd();
    // SAFETY: the pointer is to one readable byte.
    let sent = unsafe { libc::send(fd, (&raw const byte).cast(), 1, libc::MSG_OOB) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A socket that is bound to a port of the loopback interface.
fn bound() -> io::Result<(OwnedFd, SocketAddr)> {
    // SAFETY: no pointers; the descriptor is new, so this owns it.
    let fd =
        unsafe { OwnedFd::from_raw_fd(check(libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0))?) };
    let addr = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: 0,
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(Ipv4Addr::LOCALHOST.octets()) },
        sin_zero: [0; 8],
    };
    let len = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    // SAFETY: the pointer is to an address of the length given.
    check(unsafe { libc::bind(fd.as_raw_fd(), (&raw const addr).cast(), len) })?;
    let socket = TcpListener::from(fd);
    let addr = socket.local_addr()?;
    Ok((socket.into(), addr))
}

/// An address where nobody listens for as long as the socket lives.
pub(super) fn refusing() -> io::Result<(OwnedFd, SocketAddr)> {
    bound()
}

/// An address that stops answering after the first few connections.
pub(crate) fn silent() -> io::Result<(OwnedFd, SocketAddr)> {
    let (fd, addr) = bound()?;
    // SAFETY: no pointers.
    check(unsafe { libc::listen(fd.as_raw_fd(), 0) })?;
    Ok((fd, addr))
}

fn flags(fd: RawFd, command: libc::c_int) -> io::Result<libc::c_int> {
    // SAFETY: no pointers.
    check(unsafe { libc::fcntl(fd, command) })
}

/// Whether the descriptor itself is non-blocking.
pub(crate) fn is_nonblocking(fd: impl AsFd) -> io::Result<bool> {
    Ok(flags(fd.as_fd().as_raw_fd(), libc::F_GETFL)? & libc::O_NONBLOCK != 0)
}

/// Whether the descriptor is closed in a program that this one runs.
pub(crate) fn is_close_on_exec(fd: impl AsFd) -> io::Result<bool> {
    Ok(flags(fd.as_fd().as_raw_fd(), libc::F_GETFD)? & libc::FD_CLOEXEC != 0)
}

/// Lets the process have no more than `count` descriptors.
pub(crate) fn limit_descriptors(count: u64) -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to one writable `rlimit`.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    limit.rlim_cur = count;
    // SAFETY: the pointer is to one readable `rlimit`.
    check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })?;
    Ok(())
}
