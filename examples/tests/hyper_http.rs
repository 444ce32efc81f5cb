//! The hyper server from outside: a process of its own, and clients of plain std.

mod common;

use common::{PATIENCE, Server};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hyper_http");
const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
/// What a client of HTTP/2 says first: the preface, and settings, of which there are none.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// The types of frames, in their fourth byte.
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

/// What comes until the end, which may be a reset.
fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn is_served(server: &Server) -> bool {
    let mut stream = server.connect();
    stream.write_all(GET.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    rest(&mut stream).ends_with("\r\n\r\nHello, World!")
}

#[test]
fn both_protocols_may_begin_byte_by_byte() {
    let server = Server::start(PROGRAM);
    let mut stream = server.connect();
    for byte in GET.replace("GET", "PROPFIND").bytes() {
        stream.write_all(&[byte]).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(rest(&mut stream).starts_with("HTTP/1.1 404 "));

    let mut stream = server.connect();
    for byte in PREFACE {
        stream.write_all(&[*byte]).unwrap();
    }
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).unwrap();
    assert_eq!(frame[3], SETTINGS);
}

#[test]
fn what_does_not_come_is_not_waited_for() {
    let server = Server::run(&mut Command::new(PROGRAM), &["0.3"]);
    for start in ["", "P", "PR", "GET / HTTP/1.1\r\n", GET] {
        let mut stream = server.connect();
        let started = Instant::now();
        stream.write_all(start.as_bytes()).unwrap();
        rest(&mut stream);
        let took = started.elapsed();
        assert!(took > Duration::from_millis(200) && took < PATIENCE, "{start:?}: {took:?}");
    }
    assert!(is_served(&server));
}

#[test]
fn what_is_neither_protocol_is_refused() {
    let server = Server::start(PROGRAM);
    let mut stream = server.connect();
    stream.write_all(b"\x16\x03\x01 is TLS\r\n\r\n").unwrap();
    assert!(rest(&mut stream).starts_with("HTTP/1.1 400 "));

    let mut stream = server.connect();
    stream.write_all(PREFACE).unwrap();
    stream.write_all(&[0xff; 64]).unwrap(); // a frame that is longer than any may be
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let mut types = Vec::new();
    while bytes.len() >= 9 {
        let length = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]) as usize;
        types.push(bytes[3]);
        bytes.drain(..(9 + length).min(bytes.len()));
    }
    assert!(types.contains(&GOAWAY), "{types:?}");
    assert!(is_served(&server));
}

#[test]
fn a_client_that_goes_in_the_middle_harms_nobody() {
    let server = Server::start(PROGRAM);
    for _ in 0..50 {
        let mut body = server.connect();
        body.write_all(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
            .unwrap();
        let mut sleep = server.connect();
        sleep.write_all(b"GET /sleep/50 HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut streams = server.connect();
        streams.write_all(PREFACE).unwrap();
    }
    assert!(is_served(&server));
}
