//! Streams and listeners come from std's types and descriptors, and go back whole.

use std::io::{self, ErrorKind, prelude::*};
use std::net;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::time::Duration;

use gocoro::net::{TcpListener, TcpStream};

use super::{both, kind, matrix, pair, raw};

/// Whole seconds, since the kernel rounds to its ticks.
const READ: Option<Duration> = Some(Duration::from_secs(600));
const WRITE: Option<Duration> = Some(Duration::from_secs(700));

#[test]
fn a_stream_goes_to_std_and_back() {
    matrix(|peer| {
        let (client, server) = pair()?;
        let (client, server) = (net::TcpStream::from(client), net::TcpStream::from(server));
        assert!(!raw::is_nonblocking(&client)?);
        // std's type blocks the thread: not in a task.
        (&client).write_all(b"abc")?;

        let server = TcpStream::from(server);
        let reader = peer.spawn(move || -> io::Result<()> {
            let mut buf = [0; 6];
            (&server).read_exact(&mut buf)?;
            assert_eq!(&buf, b"abcdef");
            Ok(())
        });
        let client = TcpStream::from(client);
        (&client).write_all(b"def")?;
        reader.wait()
    });
}

#[test]
fn timeouts_go_to_std_and_back() {
    both(|| {
        let (client, _server) = pair()?;
        client.set_read_timeout(READ)?;
        client.set_write_timeout(WRITE)?;
        let client = net::TcpStream::from(client);
        assert_eq!((client.read_timeout()?, client.write_timeout()?), (READ, WRITE));

        let client = TcpStream::from(client);
        assert_eq!((client.read_timeout()?, client.write_timeout()?), (READ, WRITE));
        client.set_read_timeout(None)?;

        let client = net::TcpStream::from(client);
        assert_eq!((client.read_timeout()?, client.write_timeout()?), (None, WRITE));

        let client = TcpStream::from(client);
        client.set_read_timeout(Some(Duration::from_nanos(1)))?;
        let client = net::TcpStream::from(client);
        assert!(client.read_timeout()?.is_some(), "the shortest timeout became none");
        Ok(())
    });
}

#[test]
fn the_mode_goes_to_std_and_back() {
    both(|| {
        let (client, _server) = pair()?;
        client.set_nonblocking(true)?;
        let client = net::TcpStream::from(client);
        assert_eq!(kind((&client).read(&mut [0; 8])), ErrorKind::WouldBlock);

        let client = TcpStream::from(client);
        assert_eq!(kind((&client).read(&mut [0; 8])), ErrorKind::WouldBlock);
        client.set_nonblocking(false)?;

        let client = net::TcpStream::from(client);
        assert!(!raw::is_nonblocking(&client)?);
        Ok(())
    });
}

#[test]
fn a_listener_goes_to_std_and_back() {
    matrix(|peer| {
        let listener = net::TcpListener::bind("127.0.0.1:0")?;
        let addr = listener.local_addr()?;
        let listener = TcpListener::from(listener);
        let accepter = peer.spawn(move || listener.accept().map(|(_, addr)| (listener, addr)));
        let client = TcpStream::connect(addr)?;
        let (listener, accepted) = accepter.wait()?;
        assert_eq!(accepted, client.local_addr()?);

        let listener = net::TcpListener::from(listener);
        assert!(!raw::is_nonblocking(&listener)?);
        let client = TcpStream::connect(addr)?;
        assert_eq!(listener.accept()?.1, client.local_addr()?);
        Ok(())
    });
}

#[test]
fn a_listener_s_mode_goes_to_std_and_back() {
    both(|| {
        let listener = net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from(listener);
        assert_eq!(kind(listener.accept()), ErrorKind::WouldBlock);
        let listener = net::TcpListener::from(listener);
        assert!(raw::is_nonblocking(&listener)?);

        let listener = TcpListener::from(listener);
        listener.set_nonblocking(false)?;
        assert!(!raw::is_nonblocking(net::TcpListener::from(listener))?);
        Ok(())
    });
}

#[test]
fn the_last_of_a_listener_s_handles_restores_its_mode() {
    both(|| {
        let one = TcpListener::bind("127.0.0.1:0")?;
        let two = one.try_clone()?;
        let one = net::TcpListener::from(one);
        // `two` could not accept without blocking its worker if this were otherwise.
        assert!(raw::is_nonblocking(&one)?);
        let two = net::TcpListener::from(two);
        assert!(!raw::is_nonblocking(&one)?);
        assert!(!raw::is_nonblocking(&two)?);
        Ok(())
    });
}

#[test]
fn a_stream_and_its_descriptor() {
    both(|| {
        let (client, server) = pair()?;
        let number = client.as_raw_fd();
        assert_eq!(client.as_fd().as_raw_fd(), number);
        let number = client.into_raw_fd();
        // SAFETY: the descriptor was just given up, and nothing else owns it.
        let client = unsafe { TcpStream::from_raw_fd(number) };
        assert_eq!(client.as_raw_fd(), number);

        let client = TcpStream::from(OwnedFd::from(client));
        (&client).write_all(b"x")?;
        (&server).read_exact(&mut [0])?;

        // A duplicate made by hand is a handle too.
        let other = TcpStream::from(client.as_fd().try_clone_to_owned()?);
        drop(client);
        (&server).write_all(b"y")?;
        (&other).read_exact(&mut [0])
    });
}

#[test]
fn a_listener_and_its_descriptor() {
    both(|| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let number = listener.as_raw_fd();
        assert_eq!(listener.as_fd().as_raw_fd(), number);
        let number = listener.into_raw_fd();
        // SAFETY: the descriptor was just given up, and nothing else owns it.
        let listener = unsafe { TcpListener::from_raw_fd(number) };
        let listener = TcpListener::from(OwnedFd::from(listener));
        let _client = TcpStream::connect(listener.local_addr()?)?;
        listener.accept()?;
        Ok(())
    });
}

#[test]
fn a_connection_inherits_its_listener_s_timeouts() {
    both(|| {
        let listener = TcpStream::from(OwnedFd::from(TcpListener::bind("127.0.0.1:0")?));
        listener.set_read_timeout(READ)?;
        let listener = TcpListener::from(OwnedFd::from(listener));
        let _client = TcpStream::connect(listener.local_addr()?)?;
        let (server, _) = listener.accept()?;
        // As the kernel has it.
        let seen = server.read_timeout()?;
        assert_eq!(net::TcpStream::from(server).read_timeout()?, seen);
        assert_eq!(seen, READ);
        Ok(())
    });
}

#[test]
fn a_descriptor_that_is_no_socket() {
    both(|| {
        let (reader, _writer) = io::pipe()?;
        let stream = TcpStream::from(OwnedFd::from(reader));
        let error = (&stream).read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOTSOCK));
        assert!(stream.local_addr().is_err());
        assert!(format!("{stream:?}").starts_with("TcpStream { fd: "));
        Ok(())
    });
}
