//! The graceful shutdown from outside: a process of its own, and clients of plain std.

mod common;

use common::{PATIENCE, Server};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_graceful_shutdown");

struct Client(BufReader<TcpStream>);

impl Client {
    /// A client that has sent this. One that has sent nothing is idle to the server, from the
    /// start: one that has heard an answer may be told to stop before the server waits for its next
    /// request.
    fn new(server: &Server, sent: &str) -> Self {
        let mut stream = server.connect();
        stream.write_all(sent.as_bytes()).unwrap();
        Self(BufReader::new(stream))
    }

    /// The next line, or nothing at the end. A reset is an end, too.
    fn hears(&mut self) -> String {
        let mut line = String::new();
        let _ = self.0.read_line(&mut line);
        line.trim_end().to_owned()
    }
}

#[test]
fn what_has_begun_is_finished_what_is_stuck_is_cut_and_nobody_else_gets_in() {
    let mut server = Server::start(PROGRAM);
    let mut busy = Client::new(&server, "work 3000\n");
    let mut stuck = Client::new(&server, "work 3600000\n");
    let mut half = Client::new(&server, "work");
    let mut idle = Client::new(&server, "");
    for client in [&mut busy, &mut stuck] {
        assert_eq!(client.hears(), "working");
    }

    let told = Instant::now();
    let mut teller = Client::new(&server, "shutdown\n");
    assert_eq!(teller.hears(), "stopping");
    while TcpStream::connect(&server.address).is_ok() {}
    assert!(told.elapsed() < Duration::from_secs(3), "refused while requests are under way");
    assert_eq!(idle.hears(), "goodbye");
    assert_eq!(busy.hears(), "done");
    for client in [&mut busy, &mut stuck, &mut half, &mut idle, &mut teller] {
        assert_eq!(client.hears(), "");
    }
    assert!(told.elapsed() >= Duration::from_secs(5), "no cut before the deadline");
    assert!(told.elapsed() < PATIENCE);

    assert!(server.process.wait().unwrap().success());
    let mut said = String::new();
    server.stdout.read_to_string(&mut said).unwrap();
    assert_eq!(said.matches("a request was cut").count(), 1, "{said}");
    assert!(said.contains("cut: 2 }"), "{said}");
}

fn kill(server: &Server, signal: &str) {
    let process = server.process.id().to_string();
    assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
}

#[test]
fn a_signal_stops_it_as_the_request_does() {
    for signal in ["-INT", "-TERM"] {
        let mut server = Server::start(PROGRAM);
        let mut busy = Client::new(&server, "work 500\n");
        let mut idle = Client::new(&server, "");
        assert_eq!(busy.hears(), "working");
        kill(&server, signal);
        assert_eq!(idle.hears(), "goodbye");
        assert_eq!(busy.hears(), "done");
        assert!(server.process.wait().unwrap().success());
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut server = Server::start(PROGRAM);
    let mut stuck = Client::new(&server, "work 3600000\n");
    let mut idle = Client::new(&server, "");
    assert_eq!(stuck.hears(), "working");
    kill(&server, "-TERM");
    assert_eq!(idle.hears(), "goodbye");
    kill(&server, "-INT");
    assert_eq!(server.process.wait().unwrap().code(), Some(130));
}

#[test]
fn requests_are_bounded_in_length_and_time() {
    let server = Server::start(PROGRAM);
    let mut long = Client::new(&server, &"x".repeat(1000));
    assert_eq!(long.hears(), "");
    let mut wrong = Client::new(&server, "work much\nwork 1\n");
    assert_eq!(wrong.hears(), "much: invalid digit found in string");
    assert_eq!(wrong.hears(), "working");

    let mut slow = Client::new(&server, "work");
    let started = Instant::now();
    slow.0.get_ref().set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    while common::is_timeout(slow.0.read(&mut [0])) {
        let _ = slow.0.get_mut().write_all(b" ");
        assert_eq!(Client::new(&server, "work 1\n").hears(), "working");
    }
    let took = started.elapsed();
    assert!(took > Duration::from_secs(9) && took < PATIENCE, "{took:?}");
}
