//! TCP, UDP and Unix sockets, shaped like [`std::net`] and [`std::os::unix::net`].
//!
//! Change `use std::net::TcpStream` to `use gocoro::net::TcpStream` and nothing else: names,
//! signatures, trait implementations and errors are std's. Inside a task an operation that has to
//! wait suspends the task; on a plain thread it blocks that thread.
//!
//! # How it differs from std
//!
//! - A timeout set by `set_read_timeout` or `set_write_timeout` is reported as
//!   [`ErrorKind::TimedOut`](std::io::ErrorKind::TimedOut); std on Unix says `WouldBlock`, which a
//!   caller cannot tell from `set_nonblocking`. The value is kept beside the descriptor and costs
//!   no system call; it is handed to the kernel when the stream is converted to a std type.
//! - [`ToSocketAddrs`] is a trait of gocoro's own, for the same types: a host name is looked up on
//!   the blocking pool, so a slow name server holds up no other task.
//! - A [`TcpListener`]'s descriptor is non-blocking while gocoro holds it. `set_nonblocking` still
//!   means what it does in std, and a listener that is converted gets its mode back.
//! - An operation interrupted by a signal is taken up again, where std returns
//!   [`ErrorKind::Interrupted`](std::io::ErrorKind::Interrupted).
//! - Streams and listeners have `wait_readable`, `try_read` and the like beyond std's methods, and
//!   [`TcpListener::builder`] options.
//!
//! # Examples
//!
//! ```
//! use gocoro::net::{TcpListener, TcpStream};
//! use std::io::{self, BufReader, prelude::*};
//!
//! fn shout(stream: TcpStream) -> io::Result<()> {
//!     for line in BufReader::new(&stream).lines() {
//!         writeln!(&stream, "{}", line?.to_uppercase())?;
//!     }
//!     Ok(())
//! }
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let addr = listener.local_addr()?;
//! let server = gocoro::task::spawn(move || shout(listener.accept()?.0));
//!
//! let mut client = TcpStream::connect(addr)?;
//! client.write_all(b"hello\n")?;
//! let mut answer = [0; 6];
//! client.read_exact(&mut answer)?;
//! assert_eq!(&answer, b"HELLO\n");
//!
//! drop(client);
//! server.wait()?;
//! # Ok::<(), io::Error>(())
//! ```

mod options;
pub(crate) mod sys;

mod socket;

mod accept;
mod addr;
mod connect;
mod transfer;

mod eyeballs;

mod shape;

mod tcp;
mod udp;
pub mod unix;

#[cfg(target_os = "linux")]
pub mod linux;

pub use std::net::{
    AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6,
};

pub use self::addr::ToSocketAddrs;
pub use self::tcp::{Incoming, IntoIncoming, ListenerBuilder, TcpListener, TcpStream};
pub use self::udp::UdpSocket;
