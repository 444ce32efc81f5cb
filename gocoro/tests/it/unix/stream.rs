//! Unix streams and listeners open, transfer and end as std's do.

use std::io::{self, BufReader, ErrorKind, IoSlice, IoSliceMut, prelude::*};
use std::mem::size_of_val;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net;
use std::sync::mpsc;
use std::time::Duration;

use gocoro::channel::never;
use gocoro::net::unix::{SocketAddr, UnixListener, UnixStream};
use gocoro::select;

use super::TempPath;
use crate::sockets::limit_backlog;
use crate::support::{SOON, settle};
use crate::tcp::{Colour, both, kind, matrix, raw};

/// Whole seconds, since the kernel rounds to its ticks.
const READ: Option<Duration> = Some(Duration::from_secs(600));
const WRITE: Option<Duration> = Some(Duration::from_secs(700));

/// Ordinary code that knows of no tasks.
fn shout(stream: UnixStream) -> io::Result<()> {
    for line in BufReader::new(&stream).lines() {
        writeln!(&stream, "{}", line?.to_uppercase())?;
    }
    Ok(())
}

#[test]
fn one_function_serves_in_a_task_and_on_a_thread() {
    matrix(|peer| {
        let path = TempPath::new();
        let listener = UnixListener::bind(&path)?;
        let server = peer.spawn(move || shout(listener.accept()?.0));

        let mut client = UnixStream::connect(&path)?;
        assert_eq!(client.peer_addr()?.as_pathname(), Some(path.as_ref()));
        client.write_all(b"one\ntwo\n")?;
        client.shutdown(Shutdown::Write)?;
        let mut answer = String::new();
        client.read_to_string(&mut answer)?;
        assert_eq!(answer, "ONE\nTWO\n");
        server.wait()
    });
}

#[test]
fn abstract_names_and_incoming() {
    matrix(|peer| {
        let listener = UnixListener::bind_addr(&SocketAddr::from_pathname("")?)?;
        let addr = listener.local_addr()?;
        assert_eq!(addr.as_abstract_name().map(<[u8]>::len), Some(5));
        let clients = peer.spawn(move || -> io::Result<()> {
            for number in 0..20_u8 {
                UnixStream::connect_addr(&addr)?.write_all(&[number])?;
            }
            Ok(())
        });
        let mut number = [0];
        for (expected, stream) in (0..10).zip(listener.incoming()) {
            stream?.read_exact(&mut number)?;
            assert_eq!(number, [expected]);
        }
        for (expected, stream) in (10..20).zip(&listener) {
            stream?.read_exact(&mut number)?;
            assert_eq!(number, [expected]);
        }
        clients.wait()
    });
}

#[test]
fn a_long_conversation_of_short_reads() {
    matrix(|peer| {
        let (mut client, server) = UnixStream::pair()?;
        let echo = peer.spawn(move || io::copy(&mut &server, &mut &server));
        for round in 0..1000_u32 {
            client.write_all(&round.to_ne_bytes())?;
            let mut answer = [0; 4];
            client.read_exact(&mut answer)?;
            assert_eq!(u32::from_ne_bytes(answer), round);
        }
        drop(client);
        assert_eq!(echo.wait()?, 4000);
        Ok(())
    });
}

#[test]
fn more_data_than_the_buffers_hold() {
    const BYTES: usize = 4 << 20;
    matrix(|peer| {
        let (client, server) = UnixStream::pair()?;
        let data: Vec<u8> = (0..BYTES).map(|at| (at % 251) as u8).collect();
        let sent = data.clone();
        let writer = peer.spawn(move || (&client).write_all(&sent));
        let mut received = Vec::new();
        (&server).read_to_end(&mut received)?;
        writer.wait()?;
        assert!(received == data);
        Ok(())
    });
}

#[test]
fn several_buffers_peeking_and_attempts() {
    both(|| {
        let (mut one, mut two) = UnixStream::pair()?;
        assert_eq!(kind(two.try_read(&mut [0; 8])), ErrorKind::WouldBlock);
        let parts = [&b"ab"[..], b"", b"cde", b"f"].map(IoSlice::new);
        assert_eq!(one.write_vectored(&parts)?, 6);
        assert_eq!(two.peek(&mut [0; 8])?, 6);
        let (mut head, mut tail) = ([0; 1], [0; 8]);
        let mut parts = [&mut head[..], &mut tail].map(IoSliceMut::new);
        assert_eq!(two.read_vectored(&mut parts)?, 6);
        assert_eq!((&head, &tail[..5]), (b"a", &b"bcdef"[..]));
        assert_eq!(one.try_write(b"x")?, 1);
        assert_eq!(two.try_read(&mut [0; 8])?, 1);
        drop(one);
        assert_eq!(two.read(&mut [0; 8])?, 0);
        assert_eq!(kind(two.write(b"x")), ErrorKind::BrokenPipe);
        Ok(())
    });
}

#[test]
fn vectored_transfers_of_nothing_return_at_once() {
    both(|| {
        let (mut unix, _peer) = UnixStream::pair()?;
        let (mut tcp, _other) = crate::tcp::pair()?;
        unix.shutdown(Shutdown::Write)?;
        tcp.shutdown(Shutdown::Write)?;
        assert_eq!((unix.read_vectored(&mut [])?, tcp.read_vectored(&mut [])?), (0, 0));
        let empty = &mut [IoSliceMut::new(&mut [])];
        assert_eq!((unix.read_vectored(empty)?, tcp.read_vectored(empty)?), (0, 0));
        assert_eq!((unix.try_read_vectored(empty)?, tcp.try_read_vectored(empty)?), (0, 0));
        let empty = &[IoSlice::new(&[])];
        assert_eq!((unix.write_vectored(empty)?, tcp.write_vectored(empty)?), (0, 0));
        assert_eq!((unix.try_write_vectored(empty)?, tcp.try_write_vectored(empty)?), (0, 0));
        Ok(())
    });
}

/// Sends bytes with a descriptor beside them.
fn send_with_descriptor(stream: impl AsFd, bytes: &[u8], beside: BorrowedFd<'_>) -> io::Result<()> {
    let mut iov = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // In units of the alignment that the header needs.
    let mut control = [0_usize; 8];
    // SAFETY: a `msghdr` of zeroes has no name, no buffers and no control data.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut iov;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    let size = size_of_val(&beside.as_raw_fd()) as u32;
    // SAFETY: arithmetic only.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(size) } as _;
    assert!(message.msg_controllen as usize <= size_of_val(&control));
    // SAFETY: the control buffer is large enough for one header and one descriptor, so the header
    // is there, and its data has room for the number.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(size) as _;
        libc::CMSG_DATA(header).cast::<i32>().write_unaligned(beside.as_raw_fd());
    }
    // SAFETY: all that the message points to lives until the call returns.
    let sent = unsafe { libc::sendmsg(stream.as_fd().as_raw_fd(), &raw const message, 0) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A read stops short behind bytes that descriptors came with, though more is there.
#[test]
fn data_behind_a_descriptor_is_read() {
    matrix(|peer| {
        let (mut client, mut server) = UnixStream::pair()?;
        let (go, gone) = mpsc::channel();
        let reader = peer.spawn(move || -> io::Result<Vec<u8>> {
            let mut buf = [0; 64];
            // A wait, so that the reactor knows the socket.
            server.set_read_timeout(Some(SOON))?;
            assert_eq!(kind(server.read(&mut buf)), ErrorKind::TimedOut);
            server.set_read_timeout(None)?;
            server.write_all(b"y")?;
            while gone.try_recv().is_err() {
                gocoro::task::yield_now();
            }
            // The worker polls: no event is left that would come later.
            settle();
            let mut received = Vec::new();
            while received.len() < 6 {
                let count = server.read(&mut buf)?;
                received.extend_from_slice(&buf[..count]);
            }
            Ok(received)
        });
        client.read_exact(&mut [0])?;
        send_with_descriptor(&client, b"abc", io::stdin().as_fd())?;
        client.write_all(b"def")?;
        go.send(()).expect("the reader waits for this");
        assert_eq!(reader.wait()?, b"abcdef");
        Ok(())
    });
}

#[test]
fn a_full_listener_is_waited_for() {
    matrix(|peer| {
        let path = TempPath::new();
        let listener = UnixListener::bind(&path)?;
        limit_backlog(&listener)?;
        let _first = UnixStream::connect(&path)?;
        let clients: Vec<_> = (0..4)
            .map(|_| {
                let path = path.as_ref().to_owned();
                peer.spawn(move || UnixStream::connect(path)?.write_all(b"x"))
            })
            .collect();
        listener.accept()?;
        for _ in 0..4 {
            listener.accept()?.0.read_exact(&mut [0])?;
        }
        for client in clients {
            client.wait()?;
        }
        Ok(())
    });
}

#[test]
fn paths_that_are_wrong() {
    both(|| {
        let path = TempPath::new();
        assert_eq!(kind(UnixStream::connect(&path)), ErrorKind::NotFound);
        let listener = UnixListener::bind(&path)?;
        assert_eq!(kind(UnixListener::bind(&path)), ErrorKind::AddrInUse);
        // The path outlives the socket, as in std.
        drop(listener);
        assert_eq!(kind(UnixStream::connect(&path)), ErrorKind::ConnectionRefused);
        assert_eq!(kind(UnixStream::connect("a\0b")), ErrorKind::InvalidInput);
        assert_eq!(kind(UnixListener::bind("p".repeat(200))), ErrorKind::InvalidInput);
        Ok(())
    });
}

#[test]
fn waiters_of_both_colours_are_woken() {
    both(|| {
        let (client, server) = UnixStream::pair()?;
        let readers: Vec<_> = (0..16)
            .map(|number| {
                let colour = if number % 2 == 0 { Colour::Task } else { Colour::Thread };
                let server = server.try_clone()?;
                Ok(colour.spawn(move || (&server).read(&mut [0; 1])))
            })
            .collect::<io::Result<_>>()?;
        (&client).write_all(&[0; 8])?;
        for _ in 0..8 {
            (&client).write_all(&[0])?;
        }
        for reader in readers {
            assert_eq!(reader.wait()?, 1);
        }
        Ok(())
    });
}

#[test]
fn timeouts_and_the_mode() {
    both(|| {
        let (mut one, mut two) = UnixStream::pair()?;
        one.set_read_timeout(Some(SOON))?;
        one.set_write_timeout(Some(SOON))?;
        assert_eq!(kind(one.read(&mut [0; 8])), ErrorKind::TimedOut);
        assert_eq!(kind(one.peek(&mut [0; 8])), ErrorKind::TimedOut);
        let full = loop {
            if let Err(error) = one.write(&[0; 1 << 16]) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::TimedOut);
        assert_eq!(kind(one.wait_writable()), ErrorKind::TimedOut);
        assert_eq!(kind(one.set_read_timeout(Some(Duration::ZERO))), ErrorKind::InvalidInput);
        assert!(!raw::is_nonblocking(&one)?);

        let clone = one.try_clone()?;
        clone.set_nonblocking(true)?;
        assert_eq!(kind(one.read(&mut [0; 8])), ErrorKind::WouldBlock);
        assert_eq!(kind(one.write(&[0; 8])), ErrorKind::WouldBlock);
        two.write_all(b"x")?;
        assert_eq!(one.read(&mut [0; 8])?, 1);

        let listener = UnixListener::bind_addr(&SocketAddr::from_pathname("")?)?;
        listener.set_nonblocking(true)?;
        assert_eq!(kind(listener.accept()), ErrorKind::WouldBlock);
        assert_eq!(kind(listener.incoming().next().unwrap()), ErrorKind::WouldBlock);
        let client = UnixStream::connect_addr(&listener.local_addr()?)?;
        assert!(!raw::is_nonblocking(&client)?);
        // The mode is the listener's alone.
        assert!(!raw::is_nonblocking(listener.accept()?.0)?);
        Ok(())
    });
}

#[test]
fn a_connection_has_no_timeouts_of_its_listener() {
    both(|| {
        let listener = net::UnixListener::bind_addr(&SocketAddr::from_pathname("")?)?;
        let addr = listener.local_addr()?;
        // As a socket of another type, for the timeouts that std's listener does not have.
        let socket = net::UnixStream::from(OwnedFd::from(listener));
        socket.set_read_timeout(READ)?;
        socket.set_write_timeout(WRITE)?;
        let listener = UnixListener::from(OwnedFd::from(socket));
        let _client = UnixStream::connect_addr(&addr)?;
        let server = listener.accept()?.0;
        assert_eq!((server.read_timeout()?, server.write_timeout()?), (None, None));
        let server = net::UnixStream::from(server);
        assert_eq!((server.read_timeout()?, server.write_timeout()?), (None, None));
        Ok(())
    });
}

#[test]
fn to_std_and_back() {
    both(|| {
        let (one, two) = UnixStream::pair()?;
        assert!(raw::is_close_on_exec(&one)?);
        one.set_read_timeout(READ)?;
        one.set_write_timeout(WRITE)?;
        let one = net::UnixStream::from(one);
        assert_eq!((one.read_timeout()?, one.write_timeout()?), (READ, WRITE));
        let one = UnixStream::from(one);
        assert_eq!((one.read_timeout()?, one.write_timeout()?), (READ, WRITE));
        // SAFETY: the descriptor was just given up, and nothing else owns it.
        let one = unsafe { UnixStream::from_raw_fd(one.into_raw_fd()) };
        let one = UnixStream::from(OwnedFd::from(one));
        (&two).write_all(b"x")?;
        (&one).read_exact(&mut [0])?;
        assert!(one.take_error()?.is_none());

        let listener = net::UnixListener::bind_addr(&SocketAddr::from_pathname("")?)?;
        let addr = listener.local_addr()?;
        let listener = UnixListener::from(listener);
        let clone = listener.try_clone()?;
        let _client = UnixStream::connect_addr(&addr)?;
        clone.wait_readable()?;
        clone.try_accept()?;
        // The mode belongs to all handles: the last one restores it.
        let listener = net::UnixListener::from(listener);
        assert!(raw::is_nonblocking(&listener)?);
        drop(net::UnixListener::from(clone));
        assert!(!raw::is_nonblocking(&listener)?);
        // SAFETY: the descriptor was just given up, and nothing else owns it.
        let listener = unsafe { UnixListener::from_raw_fd(listener.into_raw_fd()) };
        assert!(listener.take_error()?.is_none());
        Ok(())
    });
}

#[test]
fn a_choice() {
    matrix(|peer| {
        let listener = UnixListener::bind_addr(&SocketAddr::from_pathname("")?)?;
        let addr = listener.local_addr()?;
        let client = peer.spawn(move || UnixStream::connect_addr(&addr)?.write_all(b"x"));
        select! {
            readable(listener) -> ready => ready?,
            recv(never::<()>()) -> _ => unreachable!(),
        }
        let server = listener.accept()?.0;
        select!(writable(server) -> ready => ready?);
        select! {
            readable(server) -> ready => ready?,
            recv(never::<()>()) -> _ => unreachable!(),
        }
        client.wait()
    });
}

#[test]
fn debug_tells_addresses_and_descriptor() {
    both(|| {
        let (one, _two) = UnixStream::pair()?;
        let fd = one.as_raw_fd();
        let expected = format!("UnixStream {{ fd: {fd}, local: (unnamed), peer: (unnamed) }}");
        assert_eq!(format!("{one:?}"), expected);
        let path = TempPath::new();
        let listener = UnixListener::bind(&path)?;
        let text = format!("{listener:?}");
        assert!(text.starts_with("UnixListener { fd: ") && text.contains("local: "), "{text}");
        Ok(())
    });
}
