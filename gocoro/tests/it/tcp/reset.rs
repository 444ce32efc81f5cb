//! A connection that is reset at each byte of an exchange says what std's does, operation by
//! operation.

use std::fmt;
use std::io::{self, Read, Write};
use std::net;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use gocoro::net::{TcpListener, TcpStream};

use super::{Colour, raw};
use crate::support::until;

const REQUEST: &[u8] = b"GET a\n";

const REPLY: &[u8] = b"200 ok\n";

/// What one operation after another said.
#[derive(Debug, Default, PartialEq)]
struct Log(Vec<String>);

impl Log {
    fn note(&mut self, what: &str, result: io::Result<impl fmt::Debug>) -> bool {
        let is_ok = result.is_ok();
        let said = match result {
            Ok(value) => format!("{value:?}"),
            Err(error) => format!("{:?}, {error}", error.kind()),
        };
        self.0.push(format!("{what}: {said}"));
        is_ok
    }
}

/// When the connection is reset.
#[derive(Clone, Copy, Debug)]
enum When {
    /// While the own side waits for the next byte of the reply.
    InARead,
    /// Before the own side goes on with its request, or with reading the reply.
    Between,
}

/// The peer's half: takes this many bytes of the exchange, of both directions, and resets it.
fn peer(mut stream: net::TcpStream, bytes: usize) -> io::Result<()> {
    let (taken, sent) = (bytes.min(REQUEST.len()), bytes.saturating_sub(REQUEST.len()));
    stream.read_exact(&mut vec![0; taken])?;
    stream.write_all(&REPLY[..sent])?;
    raw::reset(OwnedFd::from(stream))
}

/// The own half, on either library's stream; `is_gone` tells whether the reset has come.
fn own<S>(stream: &S, bytes: usize, when: When, is_gone: impl Fn(&S) -> bool) -> Log
where
    for<'a> &'a S: Read + Write,
{
    let mut log = Log::default();
    let taken = bytes.min(REQUEST.len());
    for byte in &REQUEST[..taken] {
        log.note("write", { stream }.write(&[*byte]));
    }
    if let When::Between = when {
        until(|| is_gone(stream));
        for byte in &REQUEST[taken..] {
            log.note("write", { stream }.write(&[*byte]));
        }
    }
    // The whole reply, the error, and the end of the file after it.
    let mut byte = [0];
    while log.note("read", { stream }.read(&mut byte)) && log.0.len() < 64 {
        if log.0.last().is_some_and(|last| last == "read: 0") {
            break;
        }
    }
    log.note("read", { stream }.read(&mut byte));
    log.note("write", { stream }.write(b"x"));
    log.note("vectored", { stream }.write_vectored(&[io::IoSlice::new(b"x")]));
    log.note("read", { stream }.read(&mut byte));
    log
}

fn of_std(bytes: usize, when: When) -> io::Result<Log> {
    let listener = net::TcpListener::bind("127.0.0.1:0")?;
    let stream = net::TcpStream::connect(listener.local_addr()?)?;
    let (accepted, _) = listener.accept()?;
    let peer = std::thread::spawn(move || peer(accepted, bytes));
    let log = own(&stream, bytes, when, |stream| stream.peer_addr().is_err());
    peer.join().expect("the peer panicked")?;
    Ok(log)
}

fn of_gocoro(bytes: usize, when: When) -> io::Result<Log> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let stream = TcpStream::connect(listener.local_addr()?)?;
    let accepted = net::TcpStream::from(OwnedFd::from(listener.accept()?.0));
    let peer = std::thread::spawn(move || peer(accepted, bytes));
    let log = own(&stream, bytes, when, |stream| stream.peer_addr().is_err());
    peer.join().expect("the peer panicked")?;
    Ok(log)
}

#[test]
fn a_reset_at_each_byte_of_an_exchange() {
    for when in [When::InARead, When::Between] {
        for bytes in 0..=REQUEST.len() + REPLY.len() {
            let expected = Arc::new(of_std(bytes, when).unwrap());
            println!("{when:?}, at byte {bytes}: {expected:?}");
            let is_reset = |line: &String| line.contains("ConnectionReset");
            assert_eq!(expected.0.iter().filter(|line| is_reset(line)).count(), 1);
            for colour in [Colour::Task, Colour::Thread] {
                let log = colour.spawn(move || of_gocoro(bytes, when)).wait().unwrap();
                assert_eq!(log, *expected, "{colour:?}, {when:?}, at byte {bytes}");
            }
        }
    }
}
