//! What ureq waits in: gocoro's sockets and name lookup. This file may be copied as it is.

use gocoro::net::{Shutdown, TcpStream, ToSocketAddrs};
use gocoro::time;
use socket2::SockRef;
use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::sync::{Arc, Weak};
use std::time::Instant;
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, ShutdownHandle, Transport,
    time::Duration,
};

/// Looks names up beside the workers. ureq's own resolver starts a thread, and blocks until that
/// has an answer.
#[derive(Debug)]
pub(crate) struct Names;

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(Error::BadUri(format!("{uri}: scheme or host is missing")));
        };
        let Some(name) = DefaultResolver::host_and_port(scheme, authority) else {
            return Err(Error::BadUri(format!("{uri}: unknown scheme")));
        };
        let found = within(timeout, || name.to_socket_addrs())?;
        let family = config.ip_family();
        let mut addresses = self.empty();
        for address in family.keep_wanted(found) {
            if addresses.try_push(address).is_err() {
                break; // ureq takes no more
            }
        }
        if addresses.is_empty() { Err(Error::HostNotFound) } else { Ok(addresses) }
    }
}

/// Connects gocoro's sockets.
#[derive(Debug)]
pub(crate) struct Sockets;

impl Connector for Sockets {
    type Out = Socket;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _chained: Option<()>,
    ) -> Result<Option<Socket>, Error> {
        // `connect` takes whichever of a host's addresses answers first. The timeout bounds the
        // attempts at all of them together.
        let stream = within(details.timeout, || TcpStream::connect(&details.addrs[..]))?;
        stream.set_nodelay(details.config.no_delay())?;
        let stream = Arc::new(Stream(stream));
        let shared: Weak<dyn ShutdownHandle> = Arc::downgrade(&stream) as _;
        (details.register_shutdown)(shared)?;
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Socket { stream, buffers }))
    }
}

#[derive(Debug)]
pub(crate) struct Socket {
    stream: Arc<Stream>,
    buffers: LazyBuffers,
}

#[derive(Debug)]
struct Stream(TcpStream);

impl ShutdownHandle for Stream {
    fn shutdown(&self) {
        let _ = self.0.shutdown(Shutdown::Both); // an error means that it was closed already
    }
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let output = &self.buffers.output()[..amount];
        within(timeout.for_write(), || (&self.stream.0).write_all(output))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let input = self.buffers.input_append_buf();
        let count = within(timeout.for_read(), || (&self.stream.0).read(input))?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    /// Whether the server has kept the connection open, and has said nothing that it was not asked
    /// for.
    ///
    /// ureq asks while it holds the lock of its pool, which is std's. An operation of gocoro's,
    /// `try_read` included, might let another task run, which then blocks the worker at that lock
    /// for good. So the question goes to the kernel.
    fn is_open(&mut self) -> bool {
        let look = SockRef::from(&self.stream.0)
            .recv_with_flags(&mut [MaybeUninit::uninit()], libc::MSG_PEEK | libc::MSG_DONTWAIT);
        look.is_err_and(|e| e.kind() == ErrorKind::WouldBlock)
    }
}

/// Does I/O under a timeout of ureq's.
fn within<T>(timeout: NextTimeout, io: impl FnOnce() -> io::Result<T>) -> Result<T, Error> {
    let deadline = match timeout.after {
        Duration::Exact(after) => Instant::now().checked_add(after),
        Duration::NotHappening => None,
    };
    let done = match deadline {
        Some(deadline) => time::io_deadline(deadline, io),
        None => io(),
    };
    done.map_err(|e| match e.kind() {
        ErrorKind::TimedOut => Error::Timeout(timeout.reason),
        _ => Error::Io(e),
    })
}
