//! Listeners bind, accept, and get over running out of descriptors.

use std::env;
use std::fs::File;
use std::io::{self, ErrorKind, prelude::*};
use std::net::Ipv6Addr;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::{Duration, Instant};

use gocoro::channel::unbounded;
use gocoro::net::{TcpListener, TcpStream};
use gocoro::task;
use gocoro::time::{io_deadline, timeout};

use super::{both, kind, matrix, pair, raw};
use crate::support::{HANG, on_drop};

#[test]
fn a_port_in_use_is_refused() {
    both(|| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let addr = listener.local_addr()?;
        assert_eq!(kind(TcpListener::bind(addr)), ErrorKind::AddrInUse);
        Ok(())
    });
}

#[test]
fn the_first_address_that_can_be_bound_is() {
    both(|| {
        let taken = TcpListener::bind("127.0.0.1:0")?;
        let addrs = [taken.local_addr()?, "127.0.0.1:0".parse().expect("this is an address")];
        let listener = TcpListener::bind(&addrs[..])?;
        assert_ne!(listener.local_addr()?, taken.local_addr()?);
        assert_eq!(kind(TcpListener::bind(&[][..])), ErrorKind::InvalidInput);
        Ok(())
    });
}

#[test]
fn a_restarted_server_need_not_wait_for_lingering_connections() {
    both(|| {
        // Asked of the option: a port that is really given up might go to a test beside this one.
        let listener = TcpListener::bind("127.0.0.1:0")?;
        assert!(raw::reuses_address(&listener)?);
        Ok(())
    });
}

#[test]
fn listeners_that_share_a_port_share_its_connections() {
    both(|| {
        let builder = TcpListener::builder().reuse_port(true);
        let one = builder.bind("127.0.0.1:0")?;
        let addr = one.local_addr()?;
        let two = builder.bind(addr)?;
        // Only with those that say so too.
        assert_eq!(kind(TcpListener::bind(addr)), ErrorKind::AddrInUse);

        let clients = (0..64).map(|_| TcpStream::connect(addr));
        let clients = clients.collect::<io::Result<Vec<_>>>()?;
        let mut accepted = Vec::new();
        while accepted.len() < clients.len() {
            accepted.extend([&one, &two].into_iter().flat_map(TcpListener::try_accept));
            task::yield_now();
        }
        Ok(())
    });
}

#[test]
fn a_listener_s_options() {
    both(|| {
        let listener = TcpListener::builder().reuse_address(false).bind("127.0.0.1:0")?;
        assert!(!raw::reuses_address(&listener)?);
        let listener = TcpListener::builder().backlog(u32::MAX).bind("127.0.0.1:0")?;
        assert!(raw::reuses_address(&listener)?);
        let _client = TcpStream::connect(listener.local_addr()?)?;
        listener.accept()?;

        // One connection finds room, and the next one none.
        let listener = TcpListener::builder().backlog(0).bind("127.0.0.1:0")?;
        let addr = listener.local_addr()?;
        let _client = TcpStream::connect(addr)?;
        let patience = Duration::from_millis(50);
        assert_eq!(kind(TcpStream::connect_timeout(&addr, patience)), ErrorKind::TimedOut);
        listener.accept()?;
        Ok(())
    });
}

#[test]
fn the_sixth_version_of_the_protocol() {
    if std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        println!("skipped: no IPv6 here");
        return;
    }
    both(|| {
        let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0))?;
        let mut client = TcpStream::connect(listener.local_addr()?)?;
        let (mut server, addr) = listener.accept()?;
        assert!(addr.is_ipv6());
        client.write_all(b"x")?;
        server.read_exact(&mut [0])
    });
}

#[test]
fn incoming_goes_on_for_ever() {
    matrix(|peer| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let addr = listener.local_addr()?;
        let clients = peer.spawn(move || -> io::Result<()> {
            for number in 0..20_u8 {
                TcpStream::connect(addr)?.write_all(&[number])?;
            }
            Ok(())
        });
        let mut number = [0];
        for (expected, stream) in (0..10).zip(listener.incoming()) {
            stream?.read_exact(&mut number)?;
            assert_eq!(number, [expected]);
        }
        for (expected, stream) in (10..20).zip(listener.into_incoming()) {
            stream?.read_exact(&mut number)?;
            assert_eq!(number, [expected]);
        }
        clients.wait()
    });
}

#[test]
fn clones_accept_from_one_queue() {
    matrix(|peer| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let clone = listener.try_clone()?;
        assert_eq!(clone.local_addr()?, listener.local_addr()?);
        let accepter = peer.spawn(move || clone.accept().map(|(stream, _)| stream));
        let addr = listener.local_addr()?;
        let (_one, _two) = (TcpStream::connect(addr)?, TcpStream::connect(addr)?);
        listener.accept()?;
        accepter.wait()?;
        assert_eq!(kind(listener.try_accept()), ErrorKind::WouldBlock);
        Ok(())
    });
}

#[test]
fn descriptors_are_not_inherited() {
    both(|| {
        let (client, server) = pair()?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        assert!(raw::is_close_on_exec(&client)?);
        assert!(raw::is_close_on_exec(&server)?);
        assert!(raw::is_close_on_exec(&listener)?);
        assert!(raw::is_close_on_exec(client.try_clone()?)?);
        assert!(raw::is_close_on_exec(listener.try_clone()?)?);
        Ok(())
    });
}

#[test]
fn debug_tells_address_and_descriptor() {
    both(|| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        assert_eq!(
            format!("{listener:?}"),
            format!(
                "TcpListener {{ addr: {}, fd: {} }}",
                listener.local_addr()?,
                listener.as_raw_fd()
            )
        );
        Ok(())
    });
}

/// Tells the process that it is the child of the test below.
const CHILD: &str = "GOCORO_TEST_NO_DESCRIPTORS";

/// Runs `scenario` in both colours, in a process of its own: the limit hits every test that runs
/// beside it.
fn in_child(test: &str, scenario: fn() -> io::Result<()>) {
    if env::var_os(CHILD).is_some() {
        both(scenario);
        return;
    }
    let (_crate, module) = module_path!().split_once("::").unwrap();
    let child = Command::new(env::current_exe().unwrap())
        .args([&format!("{module}::{test}"), "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        // Each has descriptors.
        .env("GOCORO_WORKERS", "2")
        .output()
        .unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success(), "{out}\n{err}");
    assert!(out.contains("1 passed"), "{out}\n{err}");
}

/// Uses up all descriptors but those that are open.
fn take_all_descriptors() -> io::Result<Vec<File>> {
    raw::limit_descriptors(128)?;
    Ok(std::iter::from_fn(|| File::open("/dev/null").ok()).collect())
}

#[test]
fn a_connection_outlives_a_lack_of_descriptors() {
    in_child("a_connection_outlives_a_lack_of_descriptors", accept_without_descriptors);
}

fn accept_without_descriptors() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    client.write_all(b"x")?;
    listener.wait_readable()?;

    let filler = take_all_descriptors()?;
    for _ in 0..2 {
        let error = listener.accept().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
    }
    assert!(client.try_clone().is_err());
    assert_eq!(
        TcpStream::connect(listener.local_addr()?).unwrap_err().raw_os_error(),
        Some(libc::EMFILE)
    );

    drop(filler);
    let (mut server, addr) = listener.accept()?;
    assert_eq!(addr, client.local_addr()?);
    server.read_exact(&mut [0])
}

#[test]
fn incoming_pauses_while_descriptors_lack() {
    in_child("incoming_pauses_while_descriptors_lack", incoming_without_descriptors);
}

fn incoming_without_descriptors() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let mut incoming = listener.incoming();
    let filler = take_all_descriptors()?;
    let mut fails = || {
        let error = incoming.next().unwrap().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
    };
    let started = Instant::now();
    (0..8).for_each(|_| fails());
    // 5, 10, 20 … 320 ms lie between eight errors.
    assert!(started.elapsed() >= Duration::from_millis(635), "{:?}", started.elapsed());
    // The next pause is a wait, out of which an expiry is thrown.
    timeout(Duration::ZERO, &mut fails).unwrap_err();
    // From here on each would be a second.
    let started = Instant::now();
    io_deadline(started, || (0..200).for_each(|_| fails()));
    listener.set_nonblocking(true)?;
    (0..200).for_each(|_| fails());
    listener.set_nonblocking(false)?;
    (0..200).for_each(|_| drop(listener.accept().unwrap_err()));
    assert!(started.elapsed() < HANG, "they paused: {:?}", started.elapsed());

    drop(filler);
    let stream = incoming.next().unwrap()?;
    assert_eq!(stream.peer_addr()?, client.local_addr()?);
    Ok(())
}

/// Cancelled in its pause, a task ends there, and waits for nothing in its destructors.
#[test]
fn a_cancel_ends_the_pause() {
    in_child("a_cancel_ends_the_pause", || {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let _filler = take_all_descriptors()?;
        let (failing, has_failed) = unbounded();
        let (ending, has_ended) = unbounded();
        let task = task::spawn(move || {
            let _last = on_drop(|| {
                let errors = listener.incoming().take(200).map(Result::unwrap_err);
                ending.send(errors.map(|error| error.raw_os_error()).collect::<Vec<_>>()).unwrap();
            });
            for stream in listener.incoming() {
                failing.send(stream.unwrap_err().raw_os_error()).unwrap();
            }
        });
        for _ in 0..8 {
            assert_eq!(has_failed.recv().unwrap(), Some(libc::EMFILE));
        }
        let started = Instant::now();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!(has_ended.recv().unwrap(), [Some(libc::EMFILE); 200]);
        assert!(started.elapsed() < HANG, "it paused: {:?}", started.elapsed());
        Ok(())
    });
}
