//! Lesson: a real server in the same plain style: HTTP/1.1 with keep-alive and pipelining.
//!
//! One task for each connection; a `read` that has to wait suspends it. Parsing is `httparse`'s.
//! `GET /` greets, `POST /echo` returns the body (fixed length or chunked). Bad, slow, huge and
//! truncated requests are answered with a status that says so; every bound is in `limits`.
//!
//! Run it: `cargo run --release -p gocoro-examples --bin http_server [ADDRESS [IDLE_SECONDS]]`,
//! then `curl http://127.0.0.1:8080/` or `wrk -c64 http://127.0.0.1:8080/`. With `--self-test` in
//! place of an address it is its own client and ends.
//!
//! Read next: `connection` (the flow), `request` and `response` (bytes, no I/O), `limits`.

mod connection;
mod limits;
mod request;
mod response;

use gocoro::net::{Shutdown, TcpListener, TcpStream};
use gocoro::{go, go_main};
use std::io::{self, ErrorKind, Read, Write};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

fn serve(stream: TcpStream, idle: Duration) {
    if let Err(e) = connection::serve(stream, idle) {
        eprintln!("connection: {e}");
    }
}

/// Accepts for ever. An error must not end the server: it is reported now and then, and the loop
/// goes on. `incoming` pauses after an error that lasts, so that this loop does not spin.
fn accept_loop(listener: TcpListener, idle: Duration) {
    let mut failures = 0_u64;
    let mut reported: Option<Instant> = None;
    for stream in listener.incoming() {
        match stream {
            Ok(stream) => drop(go!(serve(stream, idle))),
            // The client gave up while it was in the queue, which says nothing about the listener.
            Err(e) if e.kind() == ErrorKind::ConnectionAborted => {}
            Err(e) => {
                failures += 1;
                // At the limit of descriptors, a connection's end lets one more client in, and then
                // the next accept fails. So a success in between is no reason to report again.
                if reported.is_none_or(|at| at.elapsed() >= limits::REPORT_PAUSE) {
                    eprintln!("accept: {e}; trying again (failures so far: {failures})");
                    reported = Some(Instant::now());
                }
            }
        }
    }
}

/// Sends `requests` in one write. Expects answers with these status codes, in order, and then the
/// end.
fn converse(listener: &str, requests: &str, codes: &[&str]) -> io::Result<()> {
    let mut stream = TcpStream::connect(listener)?;
    stream.write_all(requests.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let lines = answer.split("HTTP/1.1 ").skip(1);
    let found: Vec<_> = lines.filter_map(|line| line.get(..3)).collect();
    if found == codes {
        return Ok(());
    }
    Err(io::Error::other(format!("{requests:?}: expected {codes:?}, got {answer:?}")))
}

fn self_test() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    go!(daemon => accept_loop(listener, limits::IDLE_TIMEOUT));
    let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let post = "POST /echo HTTP/1.1\r\nHost: x\r\n";
    converse(&address, &get.repeat(16), &["200"; 16])?;
    let chunked = format!("{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n{get}");
    converse(&address, &chunked, &["200", "200"])?;
    converse(&address, &format!("{post}Content-Length: 9999999\r\n\r\n"), &["413"])?;
    converse(&address, "nonsense\r\n\r\n", &["400"])?;
    println!("answered well-formed, pipelined, huge and malformed requests");
    Ok(())
}

#[go_main]
fn main() -> io::Result<()> {
    // Every connection needs a descriptor. The usual soft limit of 1 024 is there for `select`.
    if let Err(e) = rlimit::increase_nofile_limit(u64::MAX) {
        eprintln!("the limit of open files stays as it is: {e}");
    }
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".into());
    if address == "--self-test" {
        return self_test();
    }
    let idle = match arguments.next().map(|seconds| seconds.parse::<NonZeroU32>()) {
        None => limits::IDLE_TIMEOUT,
        Some(Ok(seconds)) => Duration::from_secs(seconds.get().into()),
        Some(Err(e)) => return Err(io::Error::other(format!("the idle seconds: {e}"))),
    };
    let listener = TcpListener::bind(&address)?;
    println!("listening on http://{}", listener.local_addr()?);
    accept_loop(listener, idle);
    Ok(())
}
