//! The WebSocket chat from outside, by frames that are written byte by byte. The cases of `/echo`
//! are those of the Autobahn test suite, which CI runs as well where it is installed.

mod common;

use common::Server;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

const CHAT: &str = env!("CARGO_BIN_EXE_websocket_chat");

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// The bit of a message's last frame.
const FIN: u8 = 0x80;

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x12, 0xf0, 0x55, 0x9e];
    let mut frame = vec![first];
    match payload.len() {
        length @ ..126 => frame.push(0x80 | length as u8),
        length @ ..65_536 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// A message of several frames of so many bytes, with `between` after each but the last.
fn fragments(opcode: u8, payload: &[u8], bytes: usize, between: &[u8]) -> Vec<u8> {
    let mut sent = Vec::new();
    let count = payload.chunks(bytes).len();
    for (i, part) in payload.chunks(bytes).enumerate() {
        let last = i + 1 == count;
        let first = if i == 0 { opcode } else { CONTINUATION } | if last { FIN } else { 0 };
        sent.extend(frame(first, part));
        if !last {
            sent.extend(between);
        }
    }
    sent
}

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(FIN | CLOSE, &[&code.to_be_bytes(), reason].concat())
}

fn request(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

struct Peer(TcpStream);

impl Peer {
    fn new(server: &Server, path: &str) -> Self {
        let mut stream = server.connect();
        stream.write_all(request(path).as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
        Self(stream)
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Sends a few bytes at a time, each time in a segment of its own.
    fn chopped(&mut self, bytes: &[u8], piece: usize) {
        bytes.chunks(piece).for_each(|piece| self.send(piece));
    }

    /// The first byte of the next frame, and its payload.
    fn frame(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).unwrap();
        let length = match head[1] {
            126 => self.number(2),
            127 => self.number(8),
            length => length as usize, // a server's frame has no mask
        };
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).unwrap();
        (head[0], payload)
    }

    fn number(&mut self, bytes: usize) -> usize {
        let mut number = [0; 8];
        self.0.read_exact(&mut number[8 - bytes..]).unwrap();
        u64::from_be_bytes(number) as usize
    }

    fn hears(&mut self, line: &str) {
        let (first, payload) = self.frame();
        assert_eq!((first, String::from_utf8_lossy(&payload)), (FIN | TEXT, line.into()));
    }

    /// The code with which the server closes, and that it really does.
    #[track_caller]
    fn closed(mut self) -> Option<u16> {
        let (first, payload) = self.frame();
        assert_eq!(first, FIN | CLOSE, "{payload:?}");
        // Whatever comes after that is not read.
        let _ = self.0.write_all(&frame(FIN | TEXT, b"nobody hears this"));
        assert_eq!(self.0.read(&mut [0]).unwrap_or(0), 0);
        let code: Option<[u8; 2]> = payload.get(..2).map(|code| code.try_into().unwrap());
        code.map(u16::from_be_bytes)
    }
}

/// Sends what breaks a rule, once at once and once byte by byte, and asserts the code.
#[track_caller]
fn breaks(server: &Server, bytes: &[u8], code: u16) {
    for piece in [bytes.len(), 1] {
        let mut peer = Peer::new(server, "/echo");
        peer.send(&frame(FIN | TEXT, b"before"));
        peer.chopped(bytes, piece);
        peer.hears("before");
        assert_eq!(peer.closed(), Some(code), "{bytes:x?}");
    }
}

#[test]
fn messages_of_every_length_come_back() {
    let server = Server::start(CHAT);
    let mut peer = Peer::new(&server, "/echo");
    for length in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 1 << 20] {
        for opcode in [TEXT, BINARY] {
            let payload = vec![b'*'; length];
            let sent = frame(FIN | opcode, &payload);
            peer.send(&sent);
            assert!(peer.frame() == (FIN | opcode, payload.clone()), "{length}");
            let piece = (length / 500).max(1);
            peer.chopped(&sent, piece);
            assert!(peer.frame() == (FIN | opcode, payload), "{length} by {piece}");
        }
    }
    peer.send(&close(1000, b""));
    assert_eq!(peer.closed(), Some(1000));
}

#[test]
fn large_messages_come_in_fragments_of_every_size() {
    let server = Server::start(CHAT);
    let mut peer = Peer::new(&server, "/echo");
    for length in [64 << 10, 256 << 10, 1 << 20] {
        for bytes in [64, 1024, 4096, 65_536] {
            if length / bytes > 4096 {
                continue; // takes its time unoptimised, and shows no more
            }
            let payload: Vec<u8> = (0..length).map(|i| i as u8).collect();
            peer.send(&fragments(BINARY, &payload, bytes, b""));
            assert!(peer.frame() == (FIN | BINARY, payload), "{length} by {bytes}");
        }
    }
}

#[test]
fn pings_are_answered_between_and_within_messages() {
    let server = Server::start(CHAT);
    let mut peer = Peer::new(&server, "/echo");
    for payload in [&b""[..], b"still there?", &[0xff; 125]] {
        peer.send(&frame(FIN | PING, payload));
        assert_eq!(peer.frame(), (FIN | PONG, payload.to_vec()));
    }
    peer.send(&frame(FIN | PONG, b"nobody asked"));
    for piece in [usize::MAX, 1] {
        let pings: Vec<u8> = (0..10).flat_map(|i| frame(FIN | PING, &[i])).collect();
        peer.chopped(&pings, piece);
        for i in 0..10 {
            assert_eq!(peer.frame(), (FIN | PONG, vec![i]));
        }
        let ping = frame(FIN | PING, b"p");
        peer.chopped(&fragments(TEXT, "f\u{e4}nf".as_bytes(), 1, &ping), piece);
        for _ in 0..4 {
            assert_eq!(peer.frame(), (FIN | PONG, b"p".to_vec()));
        }
        peer.hears("f\u{e4}nf");
    }
    breaks(&server, &frame(FIN | PING, &[0; 126]), 1002);
    breaks(&server, &frame(PING, b"part"), 1002);
}

#[test]
fn frames_that_mean_nothing_end_the_connection() {
    let server = Server::start(CHAT);
    for reserved in [0x10, 0x20, 0x40, 0x70] {
        breaks(&server, &frame(FIN | reserved | TEXT, b"x"), 1002);
        breaks(&server, &frame(FIN | reserved | PING, b""), 1002);
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        breaks(&server, &frame(FIN | opcode, b""), 1002);
    }
    breaks(&server, b"\x81\x01x", 1002); // a client's frame without a mask
}

#[test]
fn fragments_out_of_order_end_the_connection() {
    let server = Server::start(CHAT);
    let mut peer = Peer::new(&server, "/echo");
    for bytes in [&b""[..], b"middle"] {
        for part in [frame(TEXT, b""), frame(CONTINUATION, bytes), frame(FIN, b"")] {
            peer.send(&part);
        }
        peer.hears(&String::from_utf8_lossy(bytes));
    }
    breaks(&server, &frame(FIN | CONTINUATION, b"of nothing"), 1002);
    breaks(&server, &frame(CONTINUATION, b"of nothing"), 1002);
    breaks(&server, &[frame(TEXT, b"a"), frame(FIN | TEXT, b"b")].concat(), 1002);
}

#[test]
fn text_is_utf_8() {
    let server = Server::start(CHAT);
    let mut peer = Peer::new(&server, "/echo");
    let text = "Hello-\u{b5}@\u{df}\u{f6}\u{e4}\u{fc}\u{e0}\u{e1}-UTF-8!! \u{ffff}\u{10ffff}\u{0}";
    for bytes in [1, 2, 3, text.len()] {
        peer.chopped(&fragments(TEXT, text.as_bytes(), bytes, b""), 1);
        peer.hears(text);
    }
    for wrong in [
        &b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"[..], // a surrogate
        b"\xf4\x90\x80\x80",                                                    // beyond the last
        b"\xc0\xaf",                                                            // overlong
        b"\xe0\x80\x80",
        b"\x80",
        b"\xff",
        b"end \xce",
    ] {
        breaks(&server, &frame(FIN | TEXT, wrong), 1007);
        breaks(&server, &fragments(TEXT, wrong, 1, b""), 1007);
    }
    // A binary message may be anything.
    peer.send(&frame(FIN | BINARY, b"\xff"));
    assert_eq!(peer.frame(), (FIN | BINARY, b"\xff".to_vec()));
}

#[test]
fn both_sides_say_goodbye() {
    let server = Server::start(CHAT);
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        for reason in [&b""[..], "f\u{fc}nf".as_bytes(), &[b'x'; 123]] {
            let mut peer = Peer::new(&server, "/echo");
            peer.send(&close(code, reason));
            assert_eq!(peer.closed(), Some(code));
        }
    }
    for code in [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535] {
        let mut peer = Peer::new(&server, "/echo");
        peer.send(&close(code, b""));
        assert_eq!(peer.closed(), Some(1002), "{code}");
    }
    let mut peer = Peer::new(&server, "/echo");
    peer.send(&frame(FIN | CLOSE, b""));
    assert_eq!(peer.closed(), None);
    breaks(&server, &frame(FIN | CLOSE, b"\x03"), 1002);
    breaks(&server, &close(1000, &[b'x'; 124]), 1002);
    breaks(&server, &close(1000, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80"), 1007);
    // What follows a goodbye is not read any more.
    let mut peer = Peer::new(&server, "/echo");
    peer.send(&[close(1000, b""), frame(FIN | PING, b""), frame(FIN | TEXT, b"\xff")].concat());
    assert_eq!(peer.closed(), Some(1000));
}

#[test]
fn what_is_too_long_is_refused_before_it_is_there() {
    let server = Server::start(CHAT);
    let mut peer = Peer::new(&server, "/tea/Ann");
    peer.hears("Ann is here");
    peer.send(&frame(FIN | TEXT, &[b'x'; 5000])[..20]); // its head says how long it is to be
    assert_eq!(peer.closed(), Some(1009));
    let mut peer = Peer::new(&server, "/tea/Bob");
    peer.hears("Bob is here");
    peer.send(&fragments(TEXT, &[b'x'; 5000], 100, b""));
    assert_eq!(peer.closed(), Some(1009));
    let mut peer = Peer::new(&server, "/echo");
    peer.send(b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0");
    assert_eq!(peer.closed(), Some(1009));
}

#[test]
fn requests_that_are_none_are_refused() {
    let server = Server::start(CHAT);
    for (request, answer) in [
        (request("/"), "HTTP/1.1 404 "),
        (request("/tea"), "HTTP/1.1 404 "),
        (request("/tea/"), "HTTP/1.1 404 "),
        (request("//Ann"), "HTTP/1.1 404 "),
        (request("/tea/Ann/hat"), "HTTP/1.1 404 "),
        ("GET /tea/Ann HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), ""),
        ("\x16\x03\x01\x02\0\x01\0\r\n\r\n".to_owned(), ""),
        ("x".repeat(70_000), ""),
    ] {
        let mut stream = server.connect();
        let _ = stream.write_all(request.as_bytes());
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes); // a reset is an end, too
        let start = String::from_utf8_lossy(&bytes);
        assert!(start.starts_with(answer) && start.is_empty() == answer.is_empty(), "{start}");
    }
}

#[test]
fn lines_reach_everybody_in_the_room() {
    let server = Server::start(CHAT);
    let mut room: Vec<_> = (0..10)
        .map(|i| {
            let mut peer = Peer::new(&server, &format!("/tea/{i}"));
            peer.hears(&format!("{i} is here"));
            peer
        })
        .collect();
    for (i, peer) in room.iter_mut().enumerate() {
        (i + 1..10).for_each(|later| peer.hears(&format!("{later} is here")));
    }
    for i in 0..10 {
        // Half of a line does not keep the others' from coming to whoever writes it.
        let mut line = frame(FIN | TEXT, format!("line {i}").as_bytes());
        let half = line.split_off(line.len() / 2);
        room[i].send(&line);
        let other = (i + 1) % 10;
        room[other].send(&frame(FIN | TEXT, b"meanwhile"));
        room.iter_mut().for_each(|peer| peer.hears(&format!("{other}: meanwhile")));
        room[i].send(&half);
        room.iter_mut().for_each(|peer| peer.hears(&format!("{i}: line {i}")));
    }
}

#[test]
fn who_does_not_read_loses_lines_and_holds_up_nobody() {
    let server = Server::start(CHAT);
    let mut deaf = Peer::new(&server, "/tea/deaf");
    deaf.hears("deaf is here");
    let mut loud = Peer::new(&server, "/tea/loud");
    loud.hears("loud is here");
    deaf.hears("loud is here");
    let line = "x".repeat(4000);
    let sent = 4000; // 16 MB, more than sockets hold
    for _ in 0..sent {
        loud.send(&frame(FIN | TEXT, line.as_bytes()));
        loud.hears(&format!("loud: {line}"));
    }
    let (mut heard, mut lost) = (0, 0);
    while heard + lost < sent {
        let (_, text) = deaf.frame();
        let text = String::from_utf8(text).unwrap();
        match text.strip_suffix(" lines were too fast for you") {
            Some(count) => lost += count.parse::<usize>().unwrap(),
            None => heard += usize::from(text.starts_with("loud: ")),
        }
    }
    assert!(heard > 0 && lost > 0, "{heard} heard, {lost} lost");
}

#[test]
fn clients_that_break_off_leave_nothing_behind() {
    let server = Server::start(CHAT);
    let descriptors = format!("/proc/{}/fd", server.process.id());
    let count = || std::fs::read_dir(&descriptors).unwrap().count();
    let mut first = Peer::new(&server, "/tea/first");
    first.hears("first is here");
    let before = count();
    for end in (0..request("/tea/Ann").len()).step_by(7) {
        let mut stream = server.connect();
        stream.write_all(&request("/tea/Ann").as_bytes()[..end]).unwrap();
        if end % 2 == 0 {
            stream.shutdown(Shutdown::Both).unwrap();
        }
    }
    for i in 0..20 {
        let mut peer = Peer::new(&server, &format!("/coffee/{i}"));
        peer.hears(&format!("{i} is here"));
        peer.send(&frame(FIN | TEXT, b"broken off")[..5]);
    }
    let patience = Instant::now() + common::PATIENCE;
    while count() > before && Instant::now() < patience {
        std::thread::yield_now();
    }
    assert!(count() <= before, "{} descriptors, {before} before", count());
}

#[test]
fn a_slow_request_is_ended_and_does_not_disturb_others() {
    let server = Server::start(CHAT);
    let mut slow = server.connect();
    slow.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let started = Instant::now();
    // A byte now and then does not help: the deadline is that of the whole request.
    for byte in request("/echo").bytes().cycle() {
        let _ = slow.write_all(&[byte]);
        let mut other = Peer::new(&server, "/echo");
        other.send(&frame(FIN | TEXT, b"quick"));
        other.hears("quick");
        if !common::is_timeout(slow.read(&mut [0])) {
            break;
        }
    }
    let took = started.elapsed();
    assert!(took > Duration::from_secs(9) && took < common::PATIENCE, "{took:?}");
}
