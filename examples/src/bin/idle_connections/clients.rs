//! The other process: opens the connections and checks that each is answered.

use crate::machine;
use gocoro::net::TcpStream;
use std::io::{self, BufRead, BufReader, Read, Write};

/// The most connections to one listener: fewer than the kernel has ephemeral ports (28 232 by
/// default). Each listener has its own loopback address, where all ports are free again.
pub(crate) const PER_LISTENER: usize = 20_000;

fn ping(mut stream: &TcpStream) -> io::Result<()> {
    stream.write_all(&[41])?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    if answer == [42] { Ok(()) } else { Err(io::Error::other("wrong answer")) }
}

/// Does what the `control` connection tells it, and ends when that connection is closed.
pub(crate) fn run(count: usize, control: &str, servers: &[String]) -> io::Result<()> {
    machine::make_room(count);
    let control = TcpStream::connect(control)?;
    let mut open = Vec::with_capacity(count);
    for command in BufReader::new(&control).lines() {
        if command? == "open" {
            for server in servers {
                for _ in 0..PER_LISTENER.min(count - open.len()) {
                    open.push(TcpStream::connect(server)?);
                    ping(&open[open.len() - 1])?;
                }
            }
            writeln!(&control, "{} connections are open and answered", open.len())?;
        } else {
            open.iter().try_for_each(ping)?;
            writeln!(&control, "{} connections are answered again", open.len())?;
        }
    }
    Ok(())
}
