//! Lesson: an async library, hyper, under plain functions: HTTP/1.1 and HTTP/2, servers and
//! clients.
//!
//! gocoro's `TcpStream` has hyper's `Read` and `Write` (feature `hyper`), so it goes into hyper as
//! it is. `future::wait` drives a connection in the connection's task. hyper asks for an `Executor`
//! where it wants tasks of its own, which HTTP/2 does for each request, and for a `Timer` where
//! something may take too long.
//!
//! What a handler may do, in `service`: sleep, lock, send and receive, right inside hyper's poll.
//! A wait there suspends the task which polls: the request's own with HTTP/2, the connection's with
//! HTTP/1. So a handler must not wait there for what only the connection's task can bring: with
//! HTTP/1, the body of its own request. Plain code that is to wait for that too gets a task of its
//! own, and the handler awaits it.
//!
//! Run it: `cargo run --release -p gocoro-examples --bin hyper_http [ADDRESS
//! [HEAD_SECONDS]]`, then `curl http://127.0.0.1:8081/`, `curl --http2-prior-knowledge -d hello
//! http://127.0.0.1:8081/echo`, or `h2load -n20000 -c8 -m160 http://127.0.0.1:8081/sleep/5`. With
//! `--self-test` in place of an address it is its own client and ends.
//!
//! Read next: `service` (the handlers), `client` (both clients), `self_test`.

mod client;
mod self_test;
mod service;

use gocoro::future::{
    self,
    hyper::{Executor, Timer},
};
use gocoro::net::{TcpListener, TcpStream};
use gocoro::{go, go_main, time};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use service::Service;
use std::error::Error;
use std::io;
use std::time::{Duration, Instant};

/// How long a client may take to say which protocol it speaks, and, with HTTP/1, to send the head
/// of its next request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// An HTTP/2 client that says nothing for so long is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(20);

/// Whether the client begins with the preface of HTTP/2, `PRI * HTTP/2.0`. No method of HTTP/1 has
/// the same first three letters.
fn is_http2(stream: &TcpStream, head_timeout: Duration) -> io::Result<bool> {
    let (mut start, until) = ([0; 3], Instant::now() + head_timeout);
    loop {
        let count = time::io_deadline(until, || stream.peek(&mut start))?;
        let is_open = (1..3).contains(&count) && b"PRI".starts_with(&start[..count]);
        if !is_open || Instant::now() >= until {
            return Ok(start[..count] == *b"PRI");
        }
        // The first letters have come alone. A peek sees them at once, and waits for no more.
        time::sleep(Duration::from_millis(5));
    }
}

fn serve(
    stream: TcpStream,
    service: Service,
    head_timeout: Duration,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let service = service_fn(move |request| service.clone().answer(request));
    if is_http2(&stream, head_timeout)? {
        let connection = http2::Builder::new(Executor::new())
            .timer(Timer::new())
            .keep_alive_interval(PING_EVERY)
            .serve_connection(stream, service);
        future::wait(connection)?;
    } else {
        let connection = http1::Builder::new()
            .timer(Timer::new())
            .header_read_timeout(head_timeout)
            .half_close(true)
            .serve_connection(stream, service);
        future::wait(connection)?;
    }
    Ok(())
}

fn accept_loop(listener: TcpListener, head_timeout: Duration) {
    let service = Service::start();
    for stream in listener.incoming() {
        let service = service.clone();
        match stream {
            Ok(stream) => drop(go!({
                if let Err(e) = serve(stream, service, head_timeout) {
                    eprintln!("connection: {e}");
                }
            })),
            Err(e) => eprintln!("accept: {e}"),
        }
    }
}

#[go_main]
fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    if let Err(e) = rlimit::increase_nofile_limit(u64::MAX) {
        eprintln!("the limit of open files stays as it is: {e}");
    }
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8081".into());
    if address == "--self-test" {
        return self_test::run();
    }
    let head_timeout = match arguments.next() {
        None => HEAD_TIMEOUT,
        Some(seconds) => Duration::try_from_secs_f32(seconds.parse()?)?,
    };
    let listener = TcpListener::bind(&address)?;
    println!("listening on http://{}", listener.local_addr()?);
    accept_loop(listener, head_timeout);
    Ok(())
}
