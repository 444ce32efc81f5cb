//! Peers that are slow, that say what is no request, too much or nothing, and that go away.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use gocoro::go;
use gocoro::net::TcpStream;
use gocoro::runtime::inspect::Inspector;
use gocoro::time;

use super::{answer, connect, get, served};

const REQUEST: &str = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[track_caller]
fn serves(page: &Inspector) {
    assert!(get(page, "/metrics").0.starts_with("HTTP/1.1 200 OK\r\n"));
}

fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    match stream.read_to_end(&mut text) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let page = served();
    let mut stream = connect(&page);
    stream.set_nodelay(true).unwrap();
    for byte in REQUEST.as_bytes() {
        stream.write_all(&[*byte]).unwrap();
    }
    let text = rest(&mut stream);
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("# EOF\n"), "{text}");
}

#[test]
fn who_never_comes_to_an_end_is_cut_off_and_holds_up_nobody() {
    let page = served();
    let (mut silent, mut slow) = (connect(&page), connect(&page));
    let mut trickle = slow.try_clone().unwrap();
    // The whole request would take a minute.
    let trickles = go!({
        for byte in REQUEST.as_bytes() {
            if trickle.write_all(&[*byte]).is_err() {
                return;
            }
            time::sleep(Duration::from_millis(1500));
        }
    });
    serves(&page);
    for stream in [&mut silent, &mut slow] {
        let text = rest(stream);
        assert!(text.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{text}");
    }
    serves(&page);
    trickles.cancel();
    let _ = trickles.join();
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let page = served();
    for endless in [&b"A"[..], b"GET / HTTP/1.1\r\nA: ", b"GET /?"] {
        let mut stream = connect(&page);
        stream.write_all(endless).unwrap();
        // Far more than is read.
        let _ = stream.write_all(&[b'a'; 40 * 1024]);
        let text = rest(&mut stream);
        assert!(text.starts_with("HTTP/1.1 4"), "{text}");
        serves(&page);
    }
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "A: b\r\n".repeat(1000));
    assert!(answer(&page, many).starts_with("HTTP/1.1 431 "));
}

#[test]
fn what_is_no_request_is_answered_or_dropped() {
    let page = served();
    for (garbage, status) in [
        (&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..], "400"),
        (b"\0\0\0\0\r\n\r\n", "400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"),
        (b"GET\r\n\r\n", "400"),
        (b"GET / HTTP/9.9\r\n\r\n", "400"),
        (b"GET /%ff%fe HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
        (b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n", "421"),
        (b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n", "400"),
        (b"GET /?%&=&%zz=%e2%28&filter=%00%ff HTTP/1.1\r\nHost: localhost\r\n\r\n", "200"),
        (b"GET /view.json?limit=-1&limit=99999999999999999999&group=%00&sort=&order=&flipped=+++ HTTP/1.1\r\nHost: localhost\r\n\r\n", "200"),
    ] {
        let mut stream = connect(&page);
        stream.write_all(garbage).unwrap();
        let text = rest(&mut stream);
        let shown = String::from_utf8_lossy(garbage);
        assert_eq!(text.split(' ').nth(1), Some(status), "{shown:?}: {text:.200}");
    }
    serves(&page);
}

#[test]
fn who_goes_away_is_forgotten() {
    let page = served();
    for _ in 0..20 {
        // In the middle of the request, and without reading the answer.
        connect(&page).write_all(b"GET / HT").unwrap();
        connect(&page).write_all(REQUEST.as_bytes()).unwrap();
    }
    // Who has ended its own half is answered, if the request was whole.
    let mut whole = connect(&page);
    whole.write_all(REQUEST.as_bytes()).unwrap();
    whole.shutdown(Shutdown::Write).unwrap();
    assert!(rest(&mut whole).ends_with("# EOF\n"));
    let mut half = connect(&page);
    half.write_all(b"GET / HTTP/1.1\r\nHost: loc").unwrap();
    half.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut half), "");
    serves(&page);
}

#[test]
fn too_many_connections_are_closed_until_some_end() {
    let page = served();
    let mut silent: Vec<_> = (0..64).map(|_| connect(&page)).collect();
    // The one too many gets nothing. It may be accepted before the others are counted, so it is
    // tried until it is.
    let refused = || {
        let mut stream = connect(&page);
        let _ = stream.write_all(REQUEST.as_bytes());
        rest(&mut stream).is_empty()
    };
    while !refused() {
        silent.push(connect(&page));
    }
    drop(silent);
    while refused() {
        time::sleep(Duration::from_millis(5));
    }
}
