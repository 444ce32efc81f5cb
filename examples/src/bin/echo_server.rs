//! Lesson: a server is a loop that accepts, and one task for each connection.
//!
//! `echo` is what one would write with `std::net` and a thread for each client. `std::io::copy`
//! knows nothing of gocoro: it calls `Read::read`, which suspends the task while no bytes are
//! there.
//!
//! Run it: `cargo run -p gocoro-examples --bin echo_server [ADDRESS]`, then `nc 127.0.0.1 7000`.
//! With `--self-test` in place of an address it is its own client and ends.

use gocoro::net::{Shutdown, TcpListener, TcpStream};
use gocoro::{go, go_main};
use std::io::{self, Read, Write};

fn echo(stream: TcpStream) -> io::Result<()> {
    io::copy(&mut &stream, &mut &stream).map(drop)
}

fn accept_loop(listener: TcpListener) {
    // Without descriptors `incoming` pauses between its errors, so this does not spin.
    for stream in listener.incoming() {
        go!({
            if let Err(e) = stream.and_then(echo) {
                eprintln!("echo: {e}"); // this client is gone, the others are not affected
            }
        });
    }
}

fn self_test() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    go!(daemon => accept_loop(listener)); // a daemon does not keep the program alive

    let clients: Vec<_> = (0..100)
        .map(|i| {
            go!({
                let mut stream = TcpStream::connect(address)?;
                let sent = format!("client {i}").repeat(1_000);
                stream.write_all(sent.as_bytes())?;
                stream.shutdown(Shutdown::Write)?;
                let mut answer = String::new();
                stream.read_to_string(&mut answer)?;
                assert_eq!(answer, sent);
                io::Result::Ok(answer.len())
            })
        })
        .collect();
    let mut bytes = 0;
    for client in clients {
        bytes += client.wait()?;
    }
    println!("100 clients had {bytes} bytes echoed");
    Ok(())
}

#[go_main]
fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".into());
    if address == "--self-test" {
        return self_test();
    }
    let listener = TcpListener::bind(&address)?;
    println!("echoing on {}", listener.local_addr()?);
    accept_loop(listener);
    Ok(())
}
