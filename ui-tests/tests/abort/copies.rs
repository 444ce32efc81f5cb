//! A way of a copy that fails ends the other one, although nothing can be thrown at it.

use gocoro::io::{self, BufferStream, CopyBidirectional, ErrorKind, Read, Write};
use gocoro::net::{TcpListener, TcpStream};
use std::time::Duration;

fn of_the_first(copy: &CopyBidirectional) {
    let (client, near) = BufferStream::bounded(8);
    let (far, _silent) = BufferStream::bounded(8);
    client.fail(ErrorKind::ConnectionReset.into());
    assert_eq!(copy.copy(near, far).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

fn of_the_second(copy: &CopyBidirectional) {
    let (_silent, near) = BufferStream::bounded(8);
    let (far, server) = BufferStream::bounded(8);
    server.fail(ErrorKind::ConnectionReset.into());
    assert_eq!(copy.copy(near, far).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

fn of_neither() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (near, _) = listener.accept()?;
    let (far, mut server) = BufferStream::bounded(8);
    client.write_all(b"hello")?;
    let copy = CopyBidirectional::new().idle_timeout(Duration::from_millis(200));
    assert_eq!(copy.copy(near, far).unwrap_err().moved(), (5, 0));
    let mut text = String::new();
    server.read_to_string(&mut text)?;
    assert_eq!(text, "hello");
    Ok(())
}

fn all() {
    let copy = CopyBidirectional::new();
    of_the_first(&copy);
    of_the_second(&copy);
    of_neither().unwrap();
}

fn main() {
    all(); // on a plain thread
    gocoro::go!(all()).wait();
    println!("both ways ended");
}
