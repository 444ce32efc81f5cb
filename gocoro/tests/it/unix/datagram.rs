//! Datagrams go between processes as with std, and wait where a queue is full.

use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net;
use std::sync::mpsc;
use std::time::Duration;

use gocoro::channel::never;
use gocoro::net::unix::{SocketAddr, UnixDatagram};
use gocoro::select;

use super::TempPath;
use crate::support::{SOON, settle};
use crate::tcp::{both, kind, matrix, raw};

/// Whole seconds, since the kernel rounds to its ticks.
const READ: Option<Duration> = Some(Duration::from_secs(600));
const WRITE: Option<Duration> = Some(Duration::from_secs(700));

/// More datagrams than any queue has room for.
const MANY: u32 = 5000;

#[test]
fn a_responder_at_a_path() {
    matrix(|peer| {
        let (path, own) = (TempPath::new(), TempPath::new());
        let responder = UnixDatagram::bind(&path)?;
        let task = peer.spawn(move || -> io::Result<()> {
            let mut buf = [0; 64];
            for _ in 0..100 {
                let (count, sender) = responder.recv_from(&mut buf)?;
                responder.send_to(&buf[..count], sender.as_pathname().expect("it has a path"))?;
            }
            Ok(())
        });
        let socket = UnixDatagram::bind(&own)?;
        let mut buf = [0; 64];
        for round in 0..100_u32 {
            assert_eq!(socket.send_to(&round.to_ne_bytes(), &path)?, 4);
            let (count, sender) = socket.recv_from(&mut buf)?;
            assert_eq!((count, sender.as_pathname()), (4, Some(path.as_ref())));
            assert_eq!(buf[..4], round.to_ne_bytes());
        }
        task.wait()
    });
}

#[test]
fn abstract_names() {
    matrix(|peer| {
        let any = SocketAddr::from_pathname("")?;
        let (one, two) = (UnixDatagram::bind_addr(&any)?, UnixDatagram::bind_addr(&any)?);
        let (one_addr, two_addr) = (one.local_addr()?, two.local_addr()?);
        assert_eq!(one_addr.as_abstract_name().map(<[u8]>::len), Some(5));
        two.connect_addr(&one_addr)?;
        assert_eq!(two.peer_addr()?.as_abstract_name(), one_addr.as_abstract_name());
        let sender = peer.spawn(move || two.send(b"x").map(|_| two));
        let (count, addr) = one.peek_from(&mut [0; 8])?;
        assert_eq!((count, addr.as_abstract_name()), (1, two_addr.as_abstract_name()));
        one.recv(&mut [0; 8])?;
        let two = sender.wait()?;
        one.send_to_addr(b"yz", &two_addr)?;
        assert_eq!(two.recv(&mut [0; 8])?, 2);
        Ok(())
    });
}

/// A sender that is not connected has no event for the room in another's queue.
#[test]
fn a_full_queue_of_another_s_socket() {
    matrix(|peer| {
        let path = TempPath::new();
        let receiver = UnixDatagram::bind(&path)?;
        let sender = peer.spawn(move || -> io::Result<TempPath> {
            let socket = UnixDatagram::unbound()?;
            for number in 0..MANY {
                socket.send_to(&number.to_ne_bytes(), &path)?;
            }
            Ok(path)
        });
        receive_many(&receiver)?;
        sender.wait()?;
        Ok(())
    });
}

/// The events of a sender that is connected are those of its peer's queue, whoever it sends to.
#[test]
fn a_full_queue_of_another_s_socket_than_the_peer_s() {
    matrix(|peer| {
        let any = SocketAddr::from_pathname("")?;
        let (full, other) = (UnixDatagram::bind_addr(&any)?, UnixDatagram::bind_addr(&any)?);
        let (full_addr, other_addr) = (full.local_addr()?, other.local_addr()?);
        let filler = UnixDatagram::unbound()?;
        filler.set_nonblocking(true)?;
        while filler.send_to_addr(b"x", &full_addr).is_ok() {}
        let sender = peer.spawn(move || -> io::Result<()> {
            let socket = UnixDatagram::unbound()?;
            socket.connect_addr(&full_addr)?;
            for number in 0..MANY {
                socket.send_to_addr(&number.to_ne_bytes(), &other_addr)?;
            }
            Ok(())
        });
        receive_many(&other)?;
        sender.wait()
    });
}

/// A connected sender is told by an event when its peer's queue has room.
#[test]
fn a_full_queue_of_the_peer() {
    matrix(|peer| {
        let path = TempPath::new();
        let receiver = UnixDatagram::bind(&path)?;
        let socket = UnixDatagram::unbound()?;
        socket.connect(&path)?;
        let sender = peer.spawn(move || -> io::Result<()> {
            for number in 0..MANY {
                socket.send(&number.to_ne_bytes())?;
            }
            Ok(())
        });
        receive_many(&receiver)?;
        sender.wait()
    });
}

fn receive_many(receiver: &UnixDatagram) -> io::Result<()> {
    let mut buf = [0; 4];
    for number in 0..MANY {
        assert_eq!(receiver.recv(&mut buf)?, 4);
        assert_eq!(u32::from_ne_bytes(buf), number);
    }
    Ok(())
}

#[test]
fn timeouts() {
    both(|| {
        let (one, two) = UnixDatagram::pair()?;
        one.set_read_timeout(Some(SOON))?;
        assert_eq!(kind(one.recv(&mut [0; 8])), ErrorKind::TimedOut);
        assert_eq!(kind(one.recv_from(&mut [0; 8])), ErrorKind::TimedOut);
        assert_eq!(kind(one.peek(&mut [0; 8])), ErrorKind::TimedOut);
        assert_eq!(kind(one.peek_from(&mut [0; 8])), ErrorKind::TimedOut);
        one.set_write_timeout(Some(SOON))?;
        let full = loop {
            if let Err(error) = one.send(&[0; 4096]) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::TimedOut);
        assert_eq!(kind(one.wait_writable()), ErrorKind::TimedOut);
        two.recv(&mut [0; 8])?;

        // To another socket too, whose queue is full.
        let path = TempPath::new();
        let _receiver = UnixDatagram::bind(&path)?;
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SOON))?;
        let full = loop {
            if let Err(error) = socket.send_to(b"x", &path) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::TimedOut);
        socket.set_nonblocking(true)?;
        assert_eq!(kind(socket.send_to(b"x", &path)), ErrorKind::WouldBlock);
        Ok(())
    });
}

#[test]
fn the_mode_and_the_descriptor() {
    both(|| {
        let (one, two) = UnixDatagram::pair()?;
        assert!(!raw::is_nonblocking(&one)?);
        assert!(raw::is_close_on_exec(&one)?);
        assert!(!raw::is_nonblocking(UnixDatagram::unbound()?)?);
        one.set_nonblocking(true)?;
        assert_eq!(kind(one.recv(&mut [0; 8])), ErrorKind::WouldBlock);
        while one.send(&[0; 4096]).is_ok() {}
        assert_eq!(kind(one.send(&[0; 4096])), ErrorKind::WouldBlock);
        one.set_nonblocking(false)?;
        assert_eq!(two.recv(&mut [0; 8])?, 8);
        Ok(())
    });
}

#[test]
fn to_std_and_back() {
    both(|| {
        let (one, two) = UnixDatagram::pair()?;
        one.set_read_timeout(READ)?;
        one.set_write_timeout(WRITE)?;
        let one = net::UnixDatagram::from(one);
        assert_eq!((one.read_timeout()?, one.write_timeout()?), (READ, WRITE));
        let one = UnixDatagram::from(one);
        assert_eq!((one.read_timeout()?, one.write_timeout()?), (READ, WRITE));
        // SAFETY: the descriptor was just given up, and nothing else owns it.
        let one = unsafe { UnixDatagram::from_raw_fd(one.into_raw_fd()) };
        let one = UnixDatagram::from(OwnedFd::from(one)).try_clone()?;
        two.send(b"x")?;
        assert_eq!(one.recv(&mut [0; 8])?, 1);
        assert!(one.take_error()?.is_none());
        Ok(())
    });
}

#[test]
fn paths_that_are_wrong() {
    both(|| {
        let path = TempPath::new();
        let socket = UnixDatagram::unbound()?;
        assert_eq!(kind(socket.connect(&path)), ErrorKind::NotFound);
        assert_eq!(kind(socket.send_to(b"x", &path)), ErrorKind::NotFound);
        drop(UnixDatagram::bind(&path)?);
        assert_eq!(kind(UnixDatagram::bind(&path)), ErrorKind::AddrInUse);
        assert_eq!(kind(socket.send_to(b"x", &path)), ErrorKind::ConnectionRefused);
        assert_eq!(kind(socket.send(b"x")), ErrorKind::NotConnected);
        assert_eq!(kind(socket.peer_addr()), ErrorKind::NotConnected);
        assert_eq!(kind(UnixDatagram::bind("a\0b")), ErrorKind::InvalidInput);
        assert_eq!(kind(UnixDatagram::bind("p".repeat(200))), ErrorKind::InvalidInput);
        Ok(())
    });
}

#[test]
fn shutdown_wakes_a_receiver() {
    matrix(|peer| {
        let (one, two) = UnixDatagram::pair()?;
        let clone = one.try_clone()?;
        let receiver = peer.spawn(move || -> io::Result<usize> {
            one.send(b"x")?;
            one.recv(&mut [0; 8])
        });
        two.recv(&mut [0; 8])?;
        clone.shutdown(Shutdown::Both)?;
        assert_eq!(receiver.wait()?, 0);
        assert_eq!(kind(clone.send(b"x")), ErrorKind::BrokenPipe);
        Ok(())
    });
}

#[test]
fn a_sender_without_room_learns_that_its_half_is_shut_down() {
    matrix(|peer| {
        let (one, _two) = UnixDatagram::pair()?;
        let clone = one.try_clone()?;
        let (full, is_full) = mpsc::channel();
        let sender = peer.spawn(move || -> io::Result<()> {
            one.set_nonblocking(true)?;
            while one.send(&[0; 4096]).is_ok() {}
            one.set_nonblocking(false)?;
            full.send(()).expect("the other side waits for this");
            loop {
                one.send(&[0; 4096])?;
            }
        });
        while is_full.try_recv().is_err() {
            gocoro::task::yield_now();
        }
        clone.shutdown(Shutdown::Write)?;
        assert_eq!(kind(sender.wait()), ErrorKind::BrokenPipe);
        Ok(())
    });
}

#[test]
fn a_sender_to_another_without_room_learns_that_its_half_is_shut_down() {
    matrix(|peer| {
        let receiver = UnixDatagram::bind_addr(&SocketAddr::from_pathname("")?)?;
        let addr = receiver.local_addr()?;
        let one = UnixDatagram::unbound()?;
        let clone = one.try_clone()?;
        one.set_nonblocking(true)?;
        // Datagrams of this size fill the sender's own buffer before the receiver's queue.
        while one.send_to_addr(&[0; 1 << 15], &addr).is_ok() {}
        one.set_nonblocking(false)?;
        let sender = peer.spawn(move || one.send_to_addr(&[0; 1 << 15], &addr));
        settle();
        clone.shutdown(Shutdown::Write)?;
        assert_eq!(kind(sender.wait()), ErrorKind::BrokenPipe);
        Ok(())
    });
}

#[test]
fn a_choice() {
    matrix(|peer| {
        let (one, two) = UnixDatagram::pair()?;
        select!(writable(one) -> ready => ready?);
        let sender = peer.spawn(move || two.send(b"x"));
        select! {
            readable(one) -> ready => ready?,
            recv(never::<()>()) -> _ => unreachable!(),
        }
        assert_eq!(one.recv(&mut [0; 8])?, 1);
        sender.wait()?;
        Ok(())
    });
}

#[test]
fn debug_tells_addresses_and_descriptor() {
    both(|| {
        let (one, _two) = UnixDatagram::pair()?;
        let fd = one.as_raw_fd();
        let expected = format!("UnixDatagram {{ fd: {fd}, local: (unnamed), peer: (unnamed) }}");
        assert_eq!(format!("{one:?}"), expected);
        Ok(())
    });
}
