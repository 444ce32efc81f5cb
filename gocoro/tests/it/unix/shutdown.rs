//! A Unix socket that is shut down tells those who wait on it.

use std::io::{self, ErrorKind, prelude::*};
use std::net::Shutdown;
use std::os::unix::net;
use std::sync::Arc;
use std::sync::mpsc;

use gocoro::net::unix::{SocketAddr, UnixListener, UnixStream};

use crate::support::settle;
use crate::tcp::{kind, matrix, raw};

/// Neither std nor gocoro shuts a listener down, but whoever has the descriptor can.
#[test]
fn accepting_from_a_listener_that_is_shut_down() {
    matrix(|peer| {
        let listener = UnixListener::bind_addr(&SocketAddr::from_pathname("")?)?;
        let clone = listener.try_clone()?;
        let _client = UnixStream::connect_addr(&listener.local_addr()?)?;
        let acceptor = peer.spawn(move || -> io::Result<UnixListener> {
            // What was pending before is still accepted.
            listener.accept()?;
            assert_eq!(kind(listener.accept()), ErrorKind::InvalidInput);
            Ok(listener)
        });
        settle();
        raw::shut_receiving(&clone);
        let listener = acceptor.wait()?;
        listener.set_nonblocking(true)?;
        assert_eq!(kind(listener.accept()), ErrorKind::WouldBlock);
        listener.set_nonblocking(false)?;
        drop(clone);
        assert_eq!(kind(net::UnixListener::from(listener).accept()), ErrorKind::InvalidInput);
        Ok(())
    });
}

#[test]
fn shutdown_wakes_readers_and_writers() {
    matrix(|peer| {
        let (one, _two) = UnixStream::pair()?;
        let one = Arc::new(one);
        let (full, is_full) = mpsc::channel();
        let reader = peer.spawn({
            let one = Arc::clone(&one);
            move || (&*one).read(&mut [0; 8])
        });
        let writer = peer.spawn({
            let one = Arc::clone(&one);
            move || -> io::Result<()> {
                while one.try_write(&[0; 4096]).is_ok() {}
                full.send(()).expect("the other side waits for this");
                loop {
                    (&*one).write_all(&[0; 4096])?;
                }
            }
        });
        while is_full.try_recv().is_err() {
            gocoro::task::yield_now();
        }
        one.shutdown(Shutdown::Both)?;
        assert_eq!(reader.wait()?, 0);
        assert_eq!(kind(writer.wait()), ErrorKind::BrokenPipe);
        Ok(())
    });
}

/// The kernel has no event for a sending half that is shut down while there is no room.
#[test]
fn a_writer_without_room_learns_that_its_half_is_shut_down() {
    matrix(|peer| {
        for (by_peer, how) in [(false, Shutdown::Write), (true, Shutdown::Read)] {
            let (one, two) = UnixStream::pair()?;
            let clone = one.try_clone()?;
            let (full, is_full) = mpsc::channel();
            let writer = peer.spawn(move || -> io::Result<()> {
                while one.try_write(&[0; 4096]).is_ok() {}
                full.send(()).expect("the other side waits for this");
                loop {
                    (&one).write_all(&[0; 4096])?;
                }
            });
            while is_full.try_recv().is_err() {
                gocoro::task::yield_now();
            }
            if by_peer { &two } else { &clone }.shutdown(how)?;
            assert_eq!(kind(writer.wait()), ErrorKind::BrokenPipe);
        }
        Ok(())
    });
}

#[test]
fn waiting_for_room_ends_when_the_half_is_shut_down() {
    matrix(|peer| {
        for nonblocking in [false, true] {
            let (one, _two) = UnixStream::pair()?;
            while one.try_write(&[0; 4096]).is_ok() {}
            one.set_nonblocking(nonblocking)?;
            let clone = one.try_clone()?;
            let waiter = peer.spawn(move || one.wait_writable().map(|()| one));
            settle();
            clone.shutdown(Shutdown::Write)?;
            let one = waiter.wait()?;
            // Waiting for room in a half that was shut down earlier returns at once.
            one.wait_writable()?;
            assert_eq!(kind((&one).write(b"x")), ErrorKind::BrokenPipe);
        }
        Ok(())
    });
}
