//! Unix sockets, shaped like [`std::os::unix::net`].
//!
//! Change `use std::os::unix::net::UnixStream` to `use gocoro::net::unix::UnixStream` and nothing
//! else. [`SocketAddr`] is std's own, so abstract names are made and read by std's extension
//! (`std::os::linux::net::SocketAddrExt`). What the page of `gocoro::net` says of timeouts, modes
//! and signals holds here.
//!
//! # How it differs from std
//!
//! - Connecting to a listener whose queue is full, and sending to the queue of another datagram
//!   socket that is full, wait by trying again with pauses of up to 50 ms: the kernel has no event
//!   for either. Nor has it one for a sending half that is shut down while there is no room in it:
//!   whoever sends there, or waits in [`UnixStream::wait_writable`], is told up to 250 ms late. A
//!   `select!` with `writable` and [`UnixDatagram::wait_writable`] are not told.
//! - `peek` and `peek_from`, which std has not stabilised, are there.
//!
//! # Examples
//!
//! ```
//! use gocoro::net::unix::UnixStream;
//! use std::io::{self, prelude::*};
//!
//! let (mut stream, mut peer) = UnixStream::pair()?;
//! let echo = gocoro::task::spawn(move || io::copy(&mut peer.try_clone()?, &mut peer));
//!
//! stream.write_all(b"ping")?;
//! let mut answer = [0; 4];
//! stream.read_exact(&mut answer)?;
//! assert_eq!(&answer, b"ping");
//!
//! drop(stream);
//! assert_eq!(echo.wait()?, 4);
//! # Ok::<(), io::Error>(())
//! ```

mod addr;

mod stream;

mod datagram;
mod listener;

use std::fmt;
use std::io;
use std::os::fd::RawFd;
pub use std::os::unix::net::SocketAddr;

pub use self::datagram::UnixDatagram;
pub use self::listener::{Incoming, UnixListener};
pub use self::stream::UnixStream;

/// What the `Debug` of a socket shows, as std's: the descriptor, and the addresses that there are.
fn describe(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    fd: RawFd,
    local: io::Result<SocketAddr>,
    peer: io::Result<SocketAddr>,
) -> fmt::Result {
    let mut fields = f.debug_struct(name);
    fields.field("fd", &fd);
    if let Ok(local) = local {
        fields.field("local", &local);
    }
    if let Ok(peer) = peer {
        fields.field("peer", &peer);
    }
    fields.finish()
}
