//! Descriptors: the kernel says what they are.

use std::io::{Read, Write};
use std::net::Ipv4Addr;

use gocoro::io::pipe;
use gocoro::net::unix::UnixStream;
use gocoro::net::{TcpListener, TcpStream, UdpSocket};
use gocoro::process::Command;
use gocoro::{go, io::BufferStream};

use super::{task_waits, waits};

#[test]
fn sockets_say_their_addresses() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    let what = format!("accept on tcp {addr}");
    let accepted = go!(name = "dump-accept" => { (listener.accept().unwrap().0, listener) });
    waits("dump-accept", &what);
    let mut client = TcpStream::connect(addr).unwrap();
    let peer = client.local_addr().unwrap();
    let (mut server, _listener) = accepted.wait();

    let what = format!("read from tcp {addr} ← {peer}");
    let mut theirs = server.try_clone().unwrap();
    let read = move || theirs.read_exact(&mut [0]).unwrap();
    task_waits("dump-read-tcp", &what, read, || client.write_all(&[1]).unwrap());

    let what = format!("write to tcp {addr} → {peer}");
    let writer = go!(name = "dump-write-tcp" => { server.write_all(&vec![0; 64 << 20]) });
    waits("dump-write-tcp", &what);
    drop(client);
    assert!(writer.wait().is_err());

    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = socket.local_addr().unwrap();
    let receive = move || socket.recv(&mut [0]).unwrap();
    task_waits("dump-udp", &format!("read from udp {addr}"), receive, || {
        let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        other.send_to(&[1], addr).unwrap();
    });

    let (mut one, mut other) = UnixStream::pair().unwrap();
    let what = "read from unix (unnamed) ← (unnamed)";
    let read = move || one.read_exact(&mut [0]).unwrap();
    task_waits("dump-unix", what, read, || other.write_all(&[1]).unwrap());
}

#[test]
fn pipes_children_and_streams_in_memory_say_what_they_are() {
    let (mut reader, mut writer) = pipe().unwrap();
    let read = go!(name = "dump-pipe" => { reader.read_exact(&mut [0]) });
    let found = loop {
        let dump = gocoro::runtime::dump();
        let words = dump.tasks().iter().find(|task| task.name() == Some("dump-pipe"));
        if let Some(words) = words.and_then(|task| task.waits_for()) {
            break words;
        }
    };
    assert!(found.starts_with("read from pipe:["), "{found}");
    writer.write_all(&[1]).unwrap();
    read.wait().unwrap();

    let mut child = Command::new("sleep").arg("3600").spawn().unwrap();
    let what = format!("the end of process {}", child.id());
    let kill = child.id();
    let wait = move || assert!(!child.wait().unwrap().success());
    task_waits("dump-child", &what, wait, || {
        let status = Command::new("kill").arg(kill.to_string()).status().unwrap();
        assert!(status.success());
    });

    let (mut one, mut other) = BufferStream::bounded(1);
    let read = move || one.read_exact(&mut [0]).unwrap();
    task_waits("dump-lane", "read from a stream in memory", read, || {
        other.write_all(&[1]).unwrap();
    });
}
