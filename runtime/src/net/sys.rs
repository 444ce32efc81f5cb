//! The system calls that neither std nor socket2 offers in a safe form, and the only `unsafe` of
//! this module.
//!
//! Every call retries `EINTR` itself and reads `errno` at once: the caller may suspend next, and
//! `errno` belongs to the thread.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::ops::Deref;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net;

use libc::{c_int, ssize_t};
use socket2::{SockAddr, SockRef};

use super::tcp::{TcpListener, TcpStream};
use super::udp::UdpSocket;
use super::unix::{UnixDatagram, UnixListener, UnixStream};

/// Buffers in one vectored call: the kernel refuses more (`UIO_MAXIOV`), and std stops there too.
pub(crate) const BUFFERS_MAX: usize = 1024;

/// How many bytes one vectored call with these buffers transfers at most.
pub(crate) fn taken<B: Deref<Target = [u8]>>(bufs: &[B]) -> usize {
    bufs.iter().take(BUFFERS_MAX).map(|buf| buf.len()).sum()
}

/// Leaves the data in the queue.
pub(super) const PEEK: c_int = libc::MSG_PEEK;

/// Whether the peer is gone is an error of the call here, never a `SIGPIPE`.
#[cfg(not(target_vendor = "apple"))]
const SEND_FLAGS: c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

/// Apple's systems have `SO_NOSIGPIPE` instead, which socket2 sets on each socket it makes.
#[cfg(target_vendor = "apple")]
const SEND_FLAGS: c_int = libc::MSG_DONTWAIT;

/// Receives without waiting; `flags` is 0 or [`PEEK`].
pub(crate) fn recv(fd: BorrowedFd<'_>, buf: &mut [u8], flags: c_int) -> io::Result<usize> {
    let flags = flags | libc::MSG_DONTWAIT;
    retry(|| {
        // SAFETY: `buf` is writable for `buf.len()` bytes until the call returns, and the kernel
        // stores nothing but initialised bytes in it.
        counted(unsafe { libc::recv(fd.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len(), flags) })
    })
}

/// Receives into several buffers without waiting.
pub(super) fn recv_vectored(fd: BorrowedFd<'_>, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let mut message = empty_message();
    message.msg_iov = bufs.as_mut_ptr().cast();
    message.msg_iovlen = bufs.len().min(BUFFERS_MAX) as _;
    retry(|| {
        // SAFETY: std guarantees that an `IoSliceMut` has the layout of an `iovec`, so `msg_iov`
        // points to at least `msg_iovlen` of them.
        //
        // Each is writable for its length until the call returns: `bufs` is borrowed mutably.
        counted(unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) })
    })
}

/// Sends without waiting.
pub(crate) fn send(fd: BorrowedFd<'_>, buf: &[u8]) -> io::Result<usize> {
    retry(|| {
        // SAFETY: `buf` is readable for `buf.len()` bytes until the call returns.
        counted(unsafe { libc::send(fd.as_raw_fd(), buf.as_ptr().cast(), buf.len(), SEND_FLAGS) })
    })
}

/// Sends from several buffers without waiting.
pub(super) fn send_vectored(fd: BorrowedFd<'_>, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut message = empty_message();
    message.msg_iov = bufs.as_ptr().cast_mut().cast();
    message.msg_iovlen = bufs.len().min(BUFFERS_MAX) as _;
    retry(|| {
        // SAFETY: std guarantees that an `IoSlice` has the layout of an `iovec`, so `msg_iov`
        // points to at least `msg_iovlen` of them, each readable for its length until the call
        // returns.
        //
        // `sendmsg` writes to neither the array nor the buffers, so the shared borrow is kept.
        counted(unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const message, SEND_FLAGS) })
    })
}

/// Receives one datagram without waiting, and tells its sender; `flags` is 0 or [`PEEK`].
pub(super) fn recv_from(
    fd: BorrowedFd<'_>,
    buf: &mut [u8],
    flags: c_int,
) -> io::Result<(usize, SockAddr)> {
    let flags = flags | libc::MSG_DONTWAIT;
    // SAFETY: an initialised byte is a valid `MaybeUninit` one, and socket2 promises to store
    // nothing but initialised bytes in the buffer.
    let buf = unsafe { &mut *(std::ptr::from_mut(buf) as *mut [MaybeUninit<u8>]) };
    retry(|| SockRef::from(&fd).recv_from_with_flags(buf, flags))
}

/// Sends one datagram to an address without waiting.
pub(super) fn send_to(fd: BorrowedFd<'_>, buf: &[u8], addr: &SockAddr) -> io::Result<usize> {
    retry(|| SockRef::from(&fd).send_to_with_flags(buf, addr, SEND_FLAGS))
}

/// Lends a Unix socket to std, of whatever type it is, to be asked for an address: std's type holds
/// each address that the kernel gives, but no constructor makes a path that fills all its room.
pub(super) fn with_std<R>(fd: BorrowedFd<'_>, ask: impl FnOnce(&net::UnixStream) -> R) -> R {
    // SAFETY: the descriptor is open until this returns, for it is borrowed, and `ManuallyDrop`
    // leaves it to its owner to close it.
    let socket = ManuallyDrop::new(unsafe { net::UnixStream::from_raw_fd(fd.as_raw_fd()) });
    ask(&socket)
}

fn empty_message() -> libc::msghdr {
    // SAFETY: `msghdr` is a C struct of integers and pointers, for which all zeroes are valid: no
    // name, no buffers, no control data.
    unsafe { mem::zeroed() }
}

/// The count that a call of C's returned, or its `errno`.
pub(crate) fn counted(result: ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Calls again as long as a signal interrupts the call.
#[inline]
pub(crate) fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Takes descriptors over by their numbers.
macro_rules! from_raw_fd {
    ($($ty:ty)*) => {$(
        impl FromRawFd for $ty {
            unsafe fn from_raw_fd(fd: RawFd) -> Self {
                // SAFETY: the caller hands over an open descriptor that nothing else owns.
                unsafe { OwnedFd::from_raw_fd(fd) }.into()
            }
        }
    )*};
}
pub(crate) use from_raw_fd;

from_raw_fd! { TcpStream TcpListener UdpSocket UnixStream UnixListener UnixDatagram }
