//! From and to descriptors and std's types. `FromRawFd`, which is unsafe to call, is in `sys`.
//!
//! A conversion keeps what the user sees: the timeouts, the mode, the data in flight.

use std::net;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};

use socket2::SockRef;

use super::{TcpListener, TcpStream};
use crate::net::io::Socket;
use crate::net::options::Options;

/// Takes a stream over, with the timeouts and the mode that it has.
///
/// Handles that were made by duplicating the descriptor elsewhere share the options of the kernel
/// at this moment and none that are set later; [`TcpStream::try_clone`] makes handles that do.
impl From<OwnedFd> for TcpStream {
    fn from(fd: OwnedFd) -> Self {
        let options = Options::of(fd.as_fd());
        TcpStream::new(Socket::new(fd, options))
    }
}

/// Takes a listener over and makes its descriptor non-blocking; the mode that the user sees is the
/// one that it had.
impl From<OwnedFd> for TcpListener {
    fn from(fd: OwnedFd) -> Self {
        let options = Options::of(fd.as_fd());
        // An open descriptor does not refuse this, and `From` could not report it.
        let _ = SockRef::from(&fd).set_nonblocking(true);
        TcpListener::new(Socket::new(fd, options))
    }
}

/// Gives the descriptor up, with the timeouts and the mode set in the kernel.
impl From<TcpStream> for OwnedFd {
    fn from(stream: TcpStream) -> Self {
        stream.socket.into_parts().0
    }
}

/// Gives the descriptor up and restores its mode, unless a [`TcpListener::try_clone`] is still held
/// by gocoro: the mode belongs to all of them, so the last one restores it.
impl From<TcpListener> for OwnedFd {
    fn from(listener: TcpListener) -> Self {
        let (fd, options) = listener.socket.into_parts();
        if options.is_some_and(|options| !options.nonblocking()) {
            // As above: not refused, not reportable.
            let _ = SockRef::from(&fd).set_nonblocking(false);
        }
        fd
    }
}

/// Implements all that follows from the conversions above.
macro_rules! conversions {
    ($($ty:ident)*) => {$(
        impl From<net::$ty> for $ty {
            fn from(socket: net::$ty) -> Self {
                OwnedFd::from(socket).into()
            }
        }

        impl From<$ty> for net::$ty {
            fn from(socket: $ty) -> Self {
                OwnedFd::from(socket).into()
            }
        }

        impl AsFd for $ty {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.socket.fd()
            }
        }

        impl AsRawFd for $ty {
            fn as_raw_fd(&self) -> RawFd {
                self.socket.fd().as_raw_fd()
            }
        }

        impl IntoRawFd for $ty {
            fn into_raw_fd(self) -> RawFd {
                OwnedFd::from(self).into_raw_fd()
            }
        }
    )*};
}

conversions! { TcpStream TcpListener }
