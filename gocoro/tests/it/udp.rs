//! UDP sockets do what std documents, in tasks and on plain threads.

use std::io::{self, ErrorKind};
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gocoro::channel::never;
use gocoro::net::UdpSocket;
use gocoro::select;

use crate::support::{SOON, settle};
use crate::tcp::{both, kind, matrix, raw};

/// Whole seconds, since the kernel rounds to its ticks.
const READ: Option<Duration> = Some(Duration::from_secs(600));
const WRITE: Option<Duration> = Some(Duration::from_secs(700));

fn bound() -> io::Result<UdpSocket> {
    UdpSocket::bind("127.0.0.1:0")
}

/// Two sockets that are connected to each other.
fn pair() -> io::Result<(UdpSocket, UdpSocket)> {
    let (one, two) = (bound()?, bound()?);
    one.connect(two.local_addr()?)?;
    two.connect(one.local_addr()?)?;
    Ok((one, two))
}

#[test]
fn a_responder() {
    matrix(|peer| {
        let responder = bound()?;
        let addr = responder.local_addr()?;
        let task = peer.spawn(move || -> io::Result<()> {
            let mut buf = [0; 64];
            loop {
                let (count, sender) = responder.recv_from(&mut buf)?;
                responder.send_to(&buf[..count], sender)?;
                if count == 0 {
                    return Ok(());
                }
            }
        });
        let socket = bound()?;
        let mut buf = [0; 64];
        for round in 0..500_u32 {
            assert_eq!(socket.send_to(&round.to_ne_bytes(), addr)?, 4);
            assert_eq!(socket.recv_from(&mut buf)?, (4, addr));
            assert_eq!(buf[..4], round.to_ne_bytes());
        }
        // An empty datagram is a datagram.
        assert_eq!(socket.send_to(&[], addr)?, 0);
        assert_eq!(socket.recv_from(&mut buf)?, (0, addr));
        task.wait()
    });
}

#[test]
fn connected_sockets() {
    matrix(|peer| {
        let (one, two) = pair()?;
        let addr = one.local_addr()?;
        assert_eq!(two.peer_addr()?, addr);
        let echo = peer.spawn(move || -> io::Result<()> {
            let mut buf = [0; 8];
            for _ in 0..100 {
                let count = two.recv(&mut buf)?;
                two.send(&buf[..count])?;
            }
            Ok(())
        });
        // A stranger's datagrams are not received.
        bound()?.send_to(b"stranger", addr)?;
        for round in 0..100_u8 {
            assert_eq!(one.send(&[round])?, 1);
            let mut buf = [0; 8];
            assert_eq!(one.recv(&mut buf)?, 1);
            assert_eq!(buf[0], round);
        }
        echo.wait()
    });
}

#[test]
fn each_datagram_goes_to_one_of_many_receivers() {
    matrix(|peer| {
        let receiver = Arc::new(bound()?);
        let receivers: Vec<_> = (0..16)
            .map(|_| {
                let receiver = Arc::clone(&receiver);
                peer.spawn(move || -> io::Result<u8> {
                    let mut byte = [0];
                    receiver.recv(&mut byte)?;
                    Ok(byte[0])
                })
            })
            .collect();
        let sender = bound()?;
        for number in 0..16 {
            sender.send_to(&[number], receiver.local_addr()?)?;
        }
        let mut received = Vec::new();
        for receiver in receivers {
            received.push(receiver.wait()?);
        }
        received.sort();
        assert!(received.into_iter().eq(0..16));
        Ok(())
    });
}

#[test]
fn peeking_and_truncation() {
    matrix(|peer| {
        let (one, two) = pair()?;
        let addr = one.local_addr()?;
        let sender = peer.spawn(move || one.send(b"abcdef").map(|_| one));
        let mut buf = [0; 4];
        // As in std, and the rest is not lost yet.
        assert_eq!(two.peek(&mut buf)?, 4);
        assert_eq!(two.peek_from(&mut buf)?, (4, addr));
        assert_eq!(two.recv_from(&mut buf)?, (4, addr));
        assert_eq!(&buf, b"abcd");
        two.set_nonblocking(true)?;
        assert_eq!(kind(two.recv(&mut buf)), ErrorKind::WouldBlock);
        sender.wait()?;
        Ok(())
    });
}

#[test]
fn nobody_there() {
    both(|| {
        let gone = bound()?.local_addr()?;
        let socket = bound()?;
        socket.connect(gone)?;
        socket.send(b"x")?;
        // The kernel reports it to the next operation; a wait that goes on is woken.
        assert_eq!(kind(socket.recv(&mut [0; 8])), ErrorKind::ConnectionRefused);
        socket.set_read_timeout(Some(SOON))?;
        assert_eq!(kind(socket.recv(&mut [0; 8])), ErrorKind::TimedOut);
        Ok(())
    });
}

#[test]
fn addresses() {
    both(|| {
        let taken = bound()?;
        let addrs = [taken.local_addr()?, "127.0.0.1:0".parse().expect("an address")];
        assert_ne!(UdpSocket::bind(&addrs[..])?.local_addr()?, taken.local_addr()?);
        assert_eq!(kind(UdpSocket::bind(taken.local_addr()?)), ErrorKind::AddrInUse);

        let none: &[SocketAddr] = &[];
        assert_eq!(kind(UdpSocket::bind(none)), ErrorKind::InvalidInput);
        assert_eq!(kind(taken.connect(none)), ErrorKind::InvalidInput);
        assert_eq!(kind(taken.send_to(b"x", none)), ErrorKind::InvalidInput);
        assert_eq!(kind(taken.peer_addr()), ErrorKind::NotConnected);

        // The first address is the one that is sent to.
        let other = bound()?;
        let addrs = [other.local_addr()?, taken.local_addr()?];
        taken.send_to(b"x", &addrs[..])?;
        assert_eq!(other.recv(&mut [0; 8])?, 1);
        let port = other.local_addr()?.port();
        taken.send_to(b"x", ("localhost", port))?;
        other.recv(&mut [0; 8])?;

        let error = taken.send_to(&vec![0; 1 << 17], other.local_addr()?).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
        Ok(())
    });
}

#[test]
fn the_sixth_version_of_the_protocol() {
    if net::UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        println!("skipped: no IPv6 here");
        return;
    }
    both(|| {
        let (one, two) = (
            UdpSocket::bind((Ipv6Addr::LOCALHOST, 0))?,
            UdpSocket::bind((Ipv6Addr::LOCALHOST, 0))?,
        );
        one.send_to(b"x", two.local_addr()?)?;
        assert_eq!(two.recv_from(&mut [0; 8])?, (1, one.local_addr()?));
        one.set_multicast_loop_v6(false)?;
        assert!(!one.multicast_loop_v6()?);
        Ok(())
    });
}

#[test]
fn timeouts() {
    both(|| {
        let (one, two) = pair()?;
        one.set_read_timeout(Some(SOON))?;
        let start = Instant::now();
        assert_eq!(kind(one.recv(&mut [0; 8])), ErrorKind::TimedOut);
        assert!(start.elapsed() >= SOON);
        assert_eq!(kind(one.recv_from(&mut [0; 8])), ErrorKind::TimedOut);
        assert_eq!(kind(one.peek(&mut [0; 8])), ErrorKind::TimedOut);
        assert_eq!(kind(one.peek_from(&mut [0; 8])), ErrorKind::TimedOut);
        assert_eq!(kind(one.wait_readable()), ErrorKind::TimedOut);
        assert_eq!(kind(one.set_read_timeout(Some(Duration::ZERO))), ErrorKind::InvalidInput);
        assert_eq!(kind(one.set_write_timeout(Some(Duration::ZERO))), ErrorKind::InvalidInput);

        // Clones share it, and the socket is as good as before.
        let clone = one.try_clone()?;
        assert_eq!(clone.read_timeout()?, Some(SOON));
        clone.set_read_timeout(READ)?;
        two.send(b"x")?;
        assert_eq!(one.recv(&mut [0; 8])?, 1);
        one.wait_writable()
    });
}

#[test]
fn the_mode() {
    matrix(|peer| {
        let (one, two) = pair()?;
        one.set_nonblocking(true)?;
        assert!(raw::is_nonblocking(&one)?);
        assert_eq!(kind(one.recv(&mut [0; 8])), ErrorKind::WouldBlock);
        assert_eq!(kind(one.recv_from(&mut [0; 8])), ErrorKind::WouldBlock);
        assert_eq!(kind(one.peek(&mut [0; 8])), ErrorKind::WouldBlock);
        assert_eq!(kind(one.peek_from(&mut [0; 8])), ErrorKind::WouldBlock);
        let sender = peer.spawn(move || two.send(b"x"));
        one.wait_readable()?;
        assert_eq!(one.recv(&mut [0; 8])?, 1);
        one.set_nonblocking(false)?;
        sender.wait()?;
        Ok(())
    });
}

#[test]
fn the_descriptor_is_the_user_s() {
    both(|| {
        let (one, two) = pair()?;
        two.send(b"x")?;
        one.recv(&mut [0; 8])?;
        one.set_read_timeout(Some(SOON))?;
        assert_eq!(kind(one.recv(&mut [0; 8])), ErrorKind::TimedOut);
        assert!(!raw::is_nonblocking(&one)?);
        assert!(raw::is_close_on_exec(&one)?);
        assert!(raw::is_close_on_exec(one.try_clone()?)?);
        Ok(())
    });
}

#[test]
fn to_std_and_back() {
    both(|| {
        let (one, two) = pair()?;
        one.set_read_timeout(READ)?;
        one.set_write_timeout(WRITE)?;
        let one = net::UdpSocket::from(one);
        assert!(!raw::is_nonblocking(&one)?);
        assert_eq!((one.read_timeout()?, one.write_timeout()?), (READ, WRITE));
        one.set_nonblocking(true)?;
        let one = UdpSocket::from(one);
        assert_eq!((one.read_timeout()?, one.write_timeout()?), (READ, WRITE));
        assert_eq!(kind(one.recv(&mut [0; 8])), ErrorKind::WouldBlock);
        one.set_nonblocking(false)?;

        let number = one.as_raw_fd();
        assert_eq!(one.as_fd().as_raw_fd(), number);
        let number = one.into_raw_fd();
        // SAFETY: the descriptor was just given up, and nothing else owns it.
        let one = unsafe { UdpSocket::from_raw_fd(number) };
        let one = UdpSocket::from(OwnedFd::from(one));
        two.send(b"x")?;
        assert_eq!(one.recv(&mut [0; 8])?, 1);
        Ok(())
    });
}

#[test]
fn options() {
    both(|| {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        assert!(!socket.broadcast()?);
        socket.set_broadcast(true)?;
        assert!(socket.broadcast()?);
        socket.set_ttl(42)?;
        assert_eq!(socket.ttl()?, 42);
        assert!(socket.multicast_loop_v4()?);
        socket.set_multicast_loop_v4(false)?;
        assert!(!socket.multicast_loop_v4()?);
        assert_eq!(socket.multicast_ttl_v4()?, 1);
        socket.set_multicast_ttl_v4(7)?;
        assert_eq!(socket.multicast_ttl_v4()?, 7);
        assert!(socket.take_error()?.is_none());

        let group = Ipv4Addr::new(239, 1, 2, 3);
        socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)?;
        assert_eq!(
            kind(socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)),
            ErrorKind::AddrInUse
        );
        socket.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST)?;
        let error = socket.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
        assert!(socket.join_multicast_v4(&Ipv4Addr::LOCALHOST, &Ipv4Addr::LOCALHOST).is_err());
        assert!(socket.join_multicast_v6(&Ipv6Addr::LOCALHOST, 0).is_err());
        assert!(socket.leave_multicast_v6(&Ipv6Addr::LOCALHOST, 0).is_err());
        Ok(())
    });
}

/// A receiver's half is shut down after the receiver has waited once, and before it waits again.
#[test]
fn a_receiver_that_has_waited_before_learns_of_the_end() {
    matrix(|peer| {
        for looked in [false, true] {
            let (one, two) = pair()?;
            let sender = peer.spawn(move || {
                settle();
                two.send(b"x").map(|_| two)
            });
            assert_eq!(one.recv(&mut [0; 8])?, 1);
            let _two = sender.wait()?;
            raw::shut_receiving(&one);
            if looked {
                settle();
            }
            assert_eq!(one.recv(&mut [0; 8])?, 0);
        }
        Ok(())
    });
}

/// Neither std nor gocoro shuts a UDP socket down, but whoever has the descriptor can.
#[test]
fn a_receiver_learns_that_its_half_is_shut_down() {
    matrix(|peer| {
        let socket = bound()?;
        let clone = socket.try_clone()?;
        let receiver = peer.spawn(move || -> io::Result<UdpSocket> {
            assert_eq!(socket.recv(&mut [0; 8])?, 0);
            assert_eq!((socket.recv(&mut [0; 8])?, socket.peek(&mut [0; 8])?), (0, 0));
            Ok(socket)
        });
        settle();
        raw::shut_receiving(&clone);
        let socket = receiver.wait()?;
        // There is no sender whose address could be told.
        assert_eq!(kind(socket.recv_from(&mut [0; 8])), ErrorKind::InvalidInput);
        assert_eq!(kind(socket.peek_from(&mut [0; 8])), ErrorKind::InvalidInput);
        let std = net::UdpSocket::from(socket);
        assert_eq!(std.recv(&mut [0; 8])?, 0);
        assert_eq!(kind(std.recv_from(&mut [0; 8])), ErrorKind::InvalidInput);
        Ok(())
    });
}

#[test]
fn a_choice() {
    matrix(|peer| {
        let (one, two) = pair()?;
        select! {
            readable(one) => unreachable!("nothing was sent"),
            default => {}
        }
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
fn dropping_it_closes_it() {
    both(|| {
        let socket = bound()?;
        let addr = socket.local_addr()?;
        let clone = socket.try_clone()?;
        drop(socket);
        assert_eq!(kind(UdpSocket::bind(addr)), ErrorKind::AddrInUse);
        drop(clone);
        let sender = bound()?;
        sender.connect(addr)?;
        sender.send(b"x")?;
        assert_eq!(kind(sender.recv(&mut [0; 8])), ErrorKind::ConnectionRefused);
        Ok(())
    });
}

#[test]
fn debug_tells_address_and_descriptor() {
    both(|| {
        let socket = bound()?;
        let (addr, fd) = (socket.local_addr()?, socket.as_raw_fd());
        assert_eq!(format!("{socket:?}"), format!("UdpSocket {{ addr: {addr}, fd: {fd} }}"));
        Ok(())
    });
}
