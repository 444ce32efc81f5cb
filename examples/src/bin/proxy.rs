//! Lesson: a proxy is an accept loop and `copy_bidirectional`.
//!
//! Each connection is a task that connects to the server behind, and then copies both ways until
//! both sides have said all they had to say. When one of them says that it has finished, the other
//! one is told, and may go on answering. A connection on which nothing moves for too long is given
//! up, so that clients who vanished without a word hold nothing for ever.
//!
//! Run it: `cargo run -p gocoro-examples --bin proxy [ADDRESS SERVER]`, with an `echo_server`
//! behind it, then `nc 127.0.0.1 8000`. With `--self-test` it has clients and a server of its own.

use gocoro::io::{self, CopyBidirectional, Read, Write};
use gocoro::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use gocoro::{go, go_main};
use std::env;
use std::time::Duration;

/// How long a client waits for the server behind to take the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long nothing may move before a connection is given up.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

fn serve(client: TcpStream, server: &str, idle: Duration) -> io::Result<()> {
    let peer = client.peer_addr()?;
    let server = TcpStream::connect_within(server, CONNECT_TIMEOUT)?;
    // What comes in small pieces is passed on as it comes.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    match CopyBidirectional::new().idle_timeout(idle).copy(client, server) {
        Ok((up, down)) => println!("{peer}: {up} bytes up, {down} down"),
        Err(e) => println!("{peer}: {e}"), // with the bytes moved until then
    }
    Ok(())
}

fn accept_loop(listener: TcpListener, server: String, idle: Duration) {
    // Without descriptors `incoming` pauses between its errors, so this does not spin.
    for client in listener.incoming() {
        go!(clone(server) => {
            if let Err(e) = client.and_then(|client| serve(client, &server, idle)) {
                eprintln!("proxy: {e}");
            }
        });
    }
}

/// Starts a server that echoes, and the proxy before it; returns the proxy's address.
fn start(idle: Duration) -> io::Result<SocketAddr> {
    let behind = TcpListener::bind("127.0.0.1:0")?;
    let before = TcpListener::bind("127.0.0.1:0")?;
    let (address, server) = (before.local_addr()?, behind.local_addr()?.to_string());
    go!(daemon => {
        for stream in behind.incoming() {
            go!(daemon => {
                let stream = stream?;
                io::copy(&mut &stream, &mut &stream)
            });
        }
    });
    go!(daemon => accept_loop(before, server, idle));
    Ok(address)
}

fn self_test() -> io::Result<()> {
    let address = start(IDLE_TIMEOUT)?;
    let clients: Vec<_> = (0..50)
        .map(|i| {
            go!({
                let mut stream = TcpStream::connect(address)?;
                let sent = format!("client {i}").repeat(1_000);
                stream.write_all(sent.as_bytes())?;
                stream.shutdown(Shutdown::Write)?; // the end passes through, and the answer comes
                let mut answer = String::new();
                stream.read_to_string(&mut answer)?;
                assert_eq!(answer, sent);
                io::Result::Ok(())
            })
        })
        .collect();
    for client in clients {
        client.wait()?;
    }

    // Who says nothing is given up.
    let mut silent = TcpStream::connect(start(Duration::from_millis(50))?)?;
    silent.write_all(b"hello")?;
    let mut answer = String::new();
    silent.read_to_string(&mut answer)?;
    assert_eq!(answer, "hello");
    println!("50 clients had their answers, and an idle one was let go");
    Ok(())
}

#[go_main]
fn main() -> io::Result<()> {
    let mut args = env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:8000".into());
    if address == "--self-test" {
        return self_test();
    }
    let server = args.next().unwrap_or_else(|| "127.0.0.1:7000".into());
    let listener = TcpListener::bind(&address)?;
    println!("{} is {server}", listener.local_addr()?);
    accept_loop(listener, server, IDLE_TIMEOUT);
    Ok(())
}
