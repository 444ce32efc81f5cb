//! Lesson: the types are std's, so is the way to bound an operation.
//!
//! Each task has a connection of its own. `connect_timeout` and `set_read_timeout` are the methods
//! of `std::net::TcpStream`; they return errors, nothing unwinds. `BufReader` and `write!` come
//! from std and are not aware that they suspend.
//!
//! Run it: `cargo run -p gocoro-examples --bin echo_client [ADDRESS]` (see `echo_server`).
//! With `--self-test` its peer is a server of plain threads in the same process: tasks and threads
//! live side by side.

use gocoro::net::{SocketAddr, TcpStream, ToSocketAddrs};
use gocoro::{go, go_main};
use std::io::{self, BufRead, BufReader, Write};
use std::time::{Duration, Instant};

/// How many connections are open at the same time.
const CLIENTS: usize = 10;
/// How many lines are sent on each connection.
const LINES: usize = 100;
/// How long a connect or a reply may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends lines one by one and returns how long an echo took on average.
fn converse(address: SocketAddr, client: usize) -> io::Result<Duration> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut replies = BufReader::new(&stream);
    let started = Instant::now();
    for line in 0..LINES {
        let sent = format!("client {client}, line {line}\n");
        (&stream).write_all(sent.as_bytes())?;
        let mut reply = String::new();
        replies.read_line(&mut reply)?;
        if reply != sent {
            return Err(io::Error::other(format!("sent {sent:?}, got back {reply:?}")));
        }
    }
    Ok(started.elapsed() / LINES as u32)
}

/// An echo server of std threads, one for each client.
fn thread_server() -> io::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || io::copy(&mut &stream, &mut &stream));
        }
    });
    Ok(address)
}

#[go_main]
fn main() -> io::Result<()> {
    let address = match std::env::args().nth(1).as_deref() {
        Some("--self-test") => thread_server()?,
        argument => argument
            .unwrap_or("127.0.0.1:7000")
            .to_socket_addrs()?
            .next()
            .ok_or_else(|| io::Error::other("the name has no address"))?,
    };
    let clients: Vec<_> = (0..CLIENTS).map(|i| go!(converse(address, i))).collect();
    for (i, client) in clients.into_iter().enumerate() {
        println!("client {i}: {LINES} echoes, {:?} each", client.wait()?);
    }
    Ok(())
}
