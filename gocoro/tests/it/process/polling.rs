//! A plain thread's choice among more sockets than the process may have open ends all the same.

use std::io::Write;
use std::thread;
use std::time::Duration;

use gocoro::channel::{Receiver, bounded};
use gocoro::net::{TcpListener, TcpStream};
use gocoro::select;
use gocoro::time::timeout;

use super::{IntoCode, run, scenarios};
use crate::support::{self, NEVER, SOON};

scenarios! {
    more_sockets_than_allowed,
    no_sockets_allowed,
}

const SOCKETS: usize = 6;

fn pairs() -> Vec<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let pair = |_| {
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    };
    (0..SOCKETS).map(pair).collect()
}

fn allow(count: u64) {
    let limit = libc::rlimit { rlim_cur: count, rlim_max: count };
    // SAFETY: a valid limit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
}

/// The number of what was chosen: a socket, the message, or neither within the time.
fn choose(pairs: &[(TcpStream, TcpStream)], message: &Receiver<()>, time: Duration) -> usize {
    select! {
        readable(pairs[0].0) => 0,
        readable(pairs[1].0) => 1,
        readable(pairs[2].0) => 2,
        readable(pairs[3].0) => 3,
        readable(pairs[4].0) => 4,
        readable(pairs[5].0) => 5,
        recv(message) -> got => got.map(|()| SOCKETS).unwrap(),
        default(time) => SOCKETS + 1,
    }
}

/// On a thread that has waited for sockets before, and on one that has not.
pub(super) fn more_sockets_than_allowed() {
    support::bounded(waits);
}

fn waits() {
    let (known, new) = (pairs(), pairs());
    let (_sender, silent) = bounded(0);
    assert_eq!(choose(&known, &silent, SOON), SOCKETS + 1);
    allow(SOCKETS as u64 - 2);
    tour(&known);
    thread::spawn(move || tour(&new)).join().unwrap();
}

/// The time, a message, an event, and a boundary each end the wait.
fn tour(pairs: &[(TcpStream, TcpStream)]) {
    let (sender, message) = bounded(0);
    thread::scope(|scope| {
        scope.spawn(|| sender.send(()).unwrap());
        assert_eq!(choose(pairs, &message, NEVER), SOCKETS);
    });
    assert_eq!(choose(pairs, &message, SOON), SOCKETS + 1);
    assert!(timeout(SOON, || choose(pairs, &message, NEVER)).is_err());
    thread::scope(|scope| {
        scope.spawn(|| (&pairs[4].1).write_all(b"x").unwrap());
        assert_eq!(choose(pairs, &message, NEVER), 4);
    });
}

/// The operation itself is left to say what is wrong.
pub(super) fn no_sockets_allowed() {
    support::bounded(|| {
        let pairs = pairs();
        let (_sender, message) = bounded(0);
        allow(0);
        assert!(choose(&pairs, &message, NEVER) < SOCKETS);
    });
}

#[test]
fn a_choice_among_too_many_sockets_ends() {
    run("more_sockets_than_allowed").code(0);
    run("no_sockets_allowed").code(0);
}
