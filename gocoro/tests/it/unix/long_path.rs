//! A path that fills all the room of an address, which leaves none for the null byte behind it: the
//! kernel takes it, and std has it from the kernel alone.

use std::io::{self, ErrorKind, Write};
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net;
use std::path::PathBuf;

use gocoro::net::unix::{UnixDatagram, UnixListener, UnixStream};

use super::TempPath;
use crate::tcp::{both, kind};

/// The bytes of a Unix address's path.
const ROOM: usize = size_of::<libc::sockaddr_un>() - size_of::<libc::sa_family_t>();

/// A socket of a type that is bound to a path of full length.
fn bound(ty: libc::c_int) -> io::Result<(OwnedFd, TempPath)> {
    let mut path = TempPath::new();
    let missing = ROOM - path.0.as_os_str().len();
    path.0 = PathBuf::from(format!("{}{}", path.0.display(), "-".repeat(missing)));
    // SAFETY: no pointers.
    let fd = unsafe { libc::socket(libc::AF_UNIX, ty | libc::SOCK_CLOEXEC, 0) };
    assert!(fd >= 0);
    // SAFETY: the descriptor is new, so this owns it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    at(libc::bind, &fd, &path)?;
    Ok((fd, path))
}

type Call = unsafe extern "C" fn(RawFd, *const libc::sockaddr, libc::socklen_t) -> libc::c_int;

/// Binds or connects a socket, whatever std thinks of the path.
fn at(call: Call, fd: &OwnedFd, path: &TempPath) -> io::Result<()> {
    // SAFETY: an address of zeroes is one without a name.
    let mut addr: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    addr.sun_family = libc::AF_UNIX as libc::sa_family_t;
    for (to, from) in addr.sun_path.iter_mut().zip(path.0.as_os_str().as_bytes()) {
        *to = *from as libc::c_char;
    }
    let len = size_of::<libc::sockaddr_un>() as libc::socklen_t;
    // SAFETY: `call` is `bind` or `connect`, and the pointer is to an address of the length given.
    match unsafe { call(fd.as_raw_fd(), (&raw const addr).cast(), len) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[test]
fn of_a_stream() {
    both(|| {
        let server = TempPath::new();
        let listener = UnixListener::bind(&server)?;
        let (fd, path) = bound(libc::SOCK_STREAM)?;
        at(libc::connect, &fd, &server)?;
        let mut client = UnixStream::from(fd);
        assert_eq!(client.local_addr()?.as_pathname(), Some(path.as_ref()));
        let (stream, addr) = listener.accept()?;
        assert_eq!(addr.as_pathname(), Some(path.as_ref()));
        assert_eq!(stream.peer_addr()?.as_pathname(), Some(path.as_ref()));
        client.write_all(b"x")
    });
}

#[test]
fn of_a_datagram() {
    both(|| {
        let server = TempPath::new();
        let receiver = UnixDatagram::bind(&server)?;
        let (fd, path) = bound(libc::SOCK_DGRAM)?;
        let sender = UnixDatagram::from(fd);
        assert_eq!(sender.local_addr()?.as_pathname(), Some(path.as_ref()));
        sender.send_to(b"x", &server)?;
        for receive in [UnixDatagram::peek_from, UnixDatagram::recv_from] {
            let (count, addr) = receive(&receiver, &mut [0; 8])?;
            assert_eq!((count, addr.is_unnamed()), (1, true));
        }
        // std makes no address of such a path, or the sender would have a name.
        assert_eq!(kind(net::SocketAddr::from_pathname(&path)), ErrorKind::InvalidInput);
        Ok(())
    });
}
