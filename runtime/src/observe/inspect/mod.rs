//! The live page: what the program's tasks do, on a page that the program itself serves.
//!
//! # Who serves
//!
//! A thread with a runtime of its own, so that the page answers also when no worker of the program
//! turns. That runtime is *internal*: it is in no dump and in no numbers, no search for deadlocks
//! asks it, and its thread is one of those that nobody counts on
//! ([`Internal`](crate::census::Internal)). So a program with the page looks as it does without,
//! and its deadlocks are found.
//!
//! Whoever waits for this thread waits with a deadline, again and again: a wait without one would
//! seem to be one that nothing can end.
//!
//! # What it costs
//!
//! Once a second the numbers are read, which disturbs nobody. A dump is made only when somebody
//! asks, and is used again by whoever asks within a second, or within five times of what it has
//! taken: so a page that is open takes at most about a sixth of a worker's time, whatever the
//! number of tasks and pages. One task, with its backtrace, is asked for as rarely: whoever wants
//! another one too soon gets what the last dump says of it. What is sent is bounded too: groups,
//! the first rows of a table, the edges that matter of a graph ([`view`]).
//!
//! # Who may ask
//!
//! Any process that reaches the address: on loopback, those of this machine, of all its users. What
//! browsers do for foreign pages is refused ([`http`]). Nothing that is served changes anything.
//!
//! # Open
//!
//! - *A page that is open puts searches for deadlocks off.* A search needs workers that have slept
//!   for some time, and each dump wakes them. The first search comes after a fifth of a second, so
//!   it takes place; one whose first search has found nothing may have no second one.
//! - *Connections are not kept*: each request has one of its own. On loopback that costs less than
//!   the answer.

mod answers;
mod graph;
mod history;
mod http;
mod numbers;
mod server;
mod snapshot;
mod table;
mod view;

use std::fmt;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};

use self::server::Server;
use crate::net::{TcpListener, ToSocketAddrs};

/// The variable of the environment that has a program serve its page.
const VARIABLE: &str = "GOCORO_INSPECT";

/// A page that is served. Made by [`serve`].
///
/// Dropping it ends the server: nobody can reach the page any more.
#[must_use = "dropping it ends the server; `detach` leaves it on"]
pub struct Inspector {
    server: Server,
    address: SocketAddr,
}

/// Serves the live page at `addr`, from a thread of its own.
///
/// Port 0 asks the system for a free port; [`Inspector::local_addr`] tells which.
///
/// The page is for whoever can reach the address, without a password. So it should be one of the
/// loopback addresses, `127.0.0.1` or `::1`: others are reached from other machines.
///
/// # Parks
///
/// While a host name is looked up, and until the thread has started. Blocks the thread outside a
/// task.
///
/// # Errors
///
/// The errors of [`TcpListener::bind`], and the system's if it has no thread, descriptor or stack
/// left.
///
/// # Examples
///
/// ```
/// use gocoro::net::TcpStream;
/// use gocoro::runtime::inspect;
/// use std::io::{Read, Write};
///
/// let inspector = inspect::serve("127.0.0.1:0")?;
/// let mut stream = TcpStream::connect(inspector.local_addr())?;
/// stream.write_all(b"GET /tasks.json HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
/// let mut text = String::new();
/// stream.read_to_string(&mut text)?;
/// assert!(text.starts_with("HTTP/1.1 200 OK\r\n"));
/// assert!(text.contains(r#"{"version":1,"silent_workers":"#));
/// # std::io::Result::Ok(())
/// ```
pub fn serve<A: ToSocketAddrs>(addr: A) -> io::Result<Inspector> {
    let listener = TcpListener::bind(addr)?;
    let address = listener.local_addr()?;
    Ok(Inspector { server: Server::start(listener)?, address })
}

impl Inspector {
    /// The address at which the page is served.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Leaves the server on until the process ends.
    pub fn detach(self) {
        self.server.detach();
    }
}

impl fmt::Debug for Inspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inspector").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Where the environment wants the page served. An error if it has no address there.
pub(crate) fn address_by_environment() -> io::Result<Option<SocketAddr>> {
    let Some(text) = std::env::var_os(VARIABLE) else {
        return Ok(None);
    };
    text.to_str().and_then(address).map(Some).ok_or_else(|| {
        let why = format!(
            "{VARIABLE} is {text:?}; it has to be a port, or an address such as 127.0.0.1:7710"
        );
        io::Error::new(io::ErrorKind::InvalidInput, why)
    })
}

/// Serves the page until the process ends, and says on standard error where, or why not. That is no
/// error: a program runs without its page as well, and it may be a child of one that has the page.
pub(crate) fn serve_to_the_end(address: SocketAddr) {
    let said = match serve(address) {
        Ok(inspector) => {
            let address = inspector.local_addr();
            inspector.detach();
            format!("gocoro: {VARIABLE}: the live page is at http://{address}/\n")
        }
        Err(error) => format!("gocoro: {VARIABLE}: no live page at {address}: {error}\n"),
    };
    // `eprint` is not used, since it panics when stderr is closed.
    let _ = io::stderr().write_all(said.as_bytes());
}

/// The address that the environment names. A port alone is one on loopback.
fn address(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    let (host, port) = text.rsplit_once(':').unwrap_or(("localhost", text));
    if host == "localhost" {
        return Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().ok()?)));
    }
    text.parse().ok()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_on_loopback() {
        let read = |text| address(text).map(|address| address.to_string());
        for text in ["7710", " 7710\n", "localhost:7710", "127.0.0.1:7710"] {
            assert_eq!(read(text).as_deref(), Some("127.0.0.1:7710"), "{text:?}");
        }
        assert_eq!(read("[::1]:80").as_deref(), Some("[::1]:80"));
        assert_eq!(read("0.0.0.0:0").as_deref(), Some("0.0.0.0:0"));
        for text in ["", "on", "127.0.0.1", ":7710", "example.org:80", "70000", "::1:80:"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
