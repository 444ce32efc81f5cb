//! Lesson: datagrams may be lost, so whoever asks sets a timeout and asks again.
//!
//! Several tasks receive from one socket, and each datagram goes to one of them: a request that
//! takes long holds up no other. The client's `set_read_timeout` is std's; an expiry is an error
//! like any other, and the loop tries once more.
//!
//! Run it: `cargo run -p gocoro-examples --bin udp_responder [ADDRESS]`, then
//! `echo hello | nc -u -w1 127.0.0.1 7000`. With `--self-test` it is its own client and ends.

use gocoro::net::{SocketAddr, UdpSocket};
use gocoro::{go, go_main, time};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

/// Tasks that answer.
const RESPONDERS: usize = 4;
/// How long a client waits before it asks again.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often it asks.
const TRIES: usize = 10;

fn respond(socket: &UdpSocket) -> io::Result<()> {
    let mut buf = [0; 1500];
    loop {
        let (count, client) = socket.recv_from(&mut buf)?;
        time::sleep(Duration::from_millis(5)); // the work that the answer takes
        buf[..count].make_ascii_uppercase();
        socket.send_to(&buf[..count], client)?;
    }
}

fn serve(socket: UdpSocket) {
    let socket = Arc::new(socket);
    for _ in 0..RESPONDERS {
        go!(daemon, clone(socket) => {
            if let Err(e) = respond(&socket) {
                eprintln!("respond: {e}");
            }
        });
    }
}

fn ask(server: SocketAddr, question: &str) -> io::Result<String> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut buf = [0; 1500];
    for _ in 0..TRIES {
        socket.send(question.as_bytes())?;
        match socket.recv(&mut buf) {
            Ok(count) => return Ok(String::from_utf8_lossy(&buf[..count]).into_owned()),
            Err(e) if e.kind() == ErrorKind::TimedOut => {} // lost, there or on the way back
            Err(e) => return Err(e),
        }
    }
    Err(ErrorKind::TimedOut.into())
}

fn self_test() -> io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let server = socket.local_addr()?;
    serve(socket);
    let clients: Vec<_> = (0..50).map(|i| go!({ ask(server, &format!("question {i}")) })).collect();
    for (i, client) in clients.into_iter().enumerate() {
        assert_eq!(client.wait()?, format!("QUESTION {i}"));
    }
    println!("50 questions were answered");
    Ok(())
}

#[go_main]
fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".into());
    if address == "--self-test" {
        return self_test();
    }
    let socket = UdpSocket::bind(&address)?;
    println!("answering on {}", socket.local_addr()?);
    respond(&socket)
}
