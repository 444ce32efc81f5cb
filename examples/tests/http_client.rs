//! The HTTP client against the HTTP server, and against servers that misbehave; each a process or
//! a thread of its own.

mod common;

use common::Server;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

/// What the client says of these addresses, sorted by them.
fn fetch(urls: &[&str]) -> Vec<String> {
    let client = Command::new(env!("CARGO_BIN_EXE_http_client")).args(urls).output().unwrap();
    assert!(client.status.success(), "{client:?}");
    let said = String::from_utf8(client.stdout).unwrap();
    let mut lines: Vec<_> = said.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn pages_of_the_server_are_fetched_at_once() {
    let server = Server::start(env!("CARGO_BIN_EXE_http_server"));
    let (here, nowhere) =
        (format!("http://{}/", server.address), format!("http://{}/nowhere", server.address));
    let mut urls = vec![here.as_str(); 30];
    urls.push(&nowhere);
    let lines = fetch(&urls);
    assert_eq!(lines[..30], vec![format!("{here}: 13 bytes"); 30]);
    assert_eq!(lines[30], format!("{nowhere}: http status: 404"));
}

/// A server that reads a request, sends `answer`, and closes.
fn answers(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        stream.write_all(answer).unwrap();
    });
    url
}

#[test]
fn failures_are_errors_of_one_request_alone() {
    let server = Server::start(env!("CARGO_BIN_EXE_http_server"));
    let here = format!("http://{}/", server.address);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cases = [
        (format!("http://{nobody}/"), "refused"),
        ("http://nobody.invalid/".to_owned(), ""),
        ("gopher://127.0.0.1/".to_owned(), "scheme"),
        (format!("https://{}/", server.address), ""),
        (answers(b""), ""),
        (answers(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), ""),
        (answers(b"who are you?\r\n\r\n"), ""),
    ];
    for (url, part) in cases {
        let lines = fetch(&[&url, &here]);
        assert!(lines.contains(&format!("{here}: 13 bytes")), "{lines:?}");
        let line = lines.iter().find(|line| line.starts_with(&url)).expect("a line for each");
        assert!(line.contains(part) && !line.ends_with(" bytes"), "{line}");
    }
}
