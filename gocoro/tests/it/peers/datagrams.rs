//! Datagrams there and back over UDP and Unix datagram sockets, one after another.

use std::io::{self, Read, Write};
use std::thread;

use gocoro::net::UdpSocket;
use gocoro::net::unix::UnixDatagram;

use super::{At, FAMILIES, Family, Process, Tool, bytes, with_each};
use crate::support::bounded;
use crate::tcp::Colour;
use crate::unix::TempPath;

/// How many datagrams go there and back, of this many bytes.
const ROUNDS: u64 = 20;

const BYTES: usize = 1000;

const PYTHON_SERVER: &str = r#"
import socket, sys
at = sys.argv[1]
s = socket.socket(socket.AF_INET if at.isdigit() else socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", int(at)) if at.isdigit() else at)
print("bound on", s.getsockname()[1] if at.isdigit() else at, file=sys.stderr, flush=True)
while True:
    data, sender = s.recvfrom(65536)
    s.sendto(data, sender)
"#;

/// Sends pieces of its standard input and prints what comes back.
const PYTHON_CLIENT: &str = r#"
import socket, sys
at, own, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
s = socket.socket(socket.AF_INET if at.isdigit() else socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0) if at.isdigit() else own)
s.connect(("127.0.0.1", int(at)) if at.isdigit() else at)
while data := sys.stdin.buffer.read(size):
    s.send(data)
    sys.stdout.buffer.write(s.recv(65536))
    sys.stdout.buffer.flush()
"#;

/// A server that sends each datagram back to its sender; nc and socat serve one sender.
fn server(tool: Tool, at: &At) -> (Process, At) {
    let mut command = tool.command().expect("it is here");
    let is_path = matches!(at, At::Path(_));
    let address = at.argument();
    match tool {
        Tool::Nc if is_path => command.args(["-v", "-ulU", &address]),
        Tool::Nc => command.args(["-v", "-n", "-u", "-l", "127.0.0.1", "0"]),
        Tool::Socat if is_path => {
            command.args(["-d", "-d", &format!("UNIX-RECVFROM:{address},fork"), "PIPE"])
        }
        Tool::Socat => command.args(["-d", "-d", "UDP-LISTEN:0,bind=127.0.0.1", "PIPE"]),
        Tool::Python => command.args(["-c", PYTHON_SERVER, &address]),
    };
    let mut process = Process::start(&mut command);
    let port = process.is_ready(match tool {
        Tool::Socat if is_path => "receiving on",
        Tool::Socat => "listening on",
        _ => "bound on",
    });
    if tool == Tool::Nc {
        let (from, to) = (process.child.stdout.take(), process.child.stdin.take());
        thread::spawn(move || copy(from.unwrap(), to.unwrap()));
    }
    (process, if is_path { at.clone() } else { At::Port(port) })
}

/// As `io::copy`, but gives on at once what came at once.
fn copy(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut buf = [0; 65536];
    loop {
        match from.read(&mut buf)? {
            0 => return Ok(()),
            count => to.write_all(&buf[..count])?,
        }
    }
}

fn there_and_back(
    send: impl Fn(&[u8]) -> io::Result<usize>,
    recv: impl Fn(&mut [u8]) -> io::Result<usize>,
) {
    for seed in 0..ROUNDS {
        let sent = bytes(BYTES, seed);
        assert_eq!(send(&sent).unwrap(), BYTES);
        let mut buf = [0; 2 * BYTES];
        let count = recv(&mut buf).unwrap();
        assert!(buf[..count] == sent, "{count} bytes came back");
    }
}

#[test]
fn ours_to_their_server() {
    with_each("servers of datagrams", |tool| {
        for family in FAMILIES {
            // A Unix nc answers nobody: it does not learn who has sent.
            if (tool, family) == (Tool::Nc, Family::Unix) {
                continue;
            }
            for colour in [Colour::Task, Colour::Thread] {
                println!("{tool:?}, {family:?}, {colour:?}");
                let (at, _path) = family.address();
                let (_process, at) = server(tool, &at);
                let client = colour.spawn(move || match at {
                    At::Port(port) => {
                        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                        socket.connect(("127.0.0.1", port)).unwrap();
                        there_and_back(|buf| socket.send(buf), |buf| socket.recv(buf));
                    }
                    At::Path(path) => {
                        let own = TempPath::new();
                        let socket = UnixDatagram::bind(&own).unwrap();
                        let recv = |buf: &mut [u8]| socket.recv(buf);
                        there_and_back(|buf| socket.send_to(buf, &path), recv);
                    }
                });
                bounded(move || client.wait());
            }
        }
    });
}

fn client(tool: Tool, at: &At, own: &TempPath) -> Process {
    let mut command = tool.command().expect("it is here");
    let (address, size) = (at.argument(), BYTES.to_string());
    let own: &std::path::Path = own.as_ref();
    let own = own.to_str().unwrap();
    match (tool, at) {
        (Tool::Nc, At::Port(_)) => command.args(["-u", "127.0.0.1", &address]),
        (Tool::Nc, At::Path(_)) => command.args(["-u", "-s", own, "-U", &address]),
        (Tool::Socat, At::Port(_)) => command.args(["STDIO", &format!("UDP:127.0.0.1:{address}")]),
        (Tool::Socat, At::Path(_)) => {
            command.args(["STDIO", &format!("UNIX-SENDTO:{address},bind={own}")])
        }
        (Tool::Python, _) => command.args(["-c", PYTHON_CLIENT, &address, own, &size]),
    };
    Process::start(&mut command)
}

#[test]
fn their_clients_to_ours() {
    with_each("clients of datagrams", |tool| {
        for family in FAMILIES {
            for colour in [Colour::Task, Colour::Thread] {
                println!("{tool:?}, {family:?}, {colour:?}");
                let (at, _path) = family.address();
                let own = TempPath::new();
                let (server, at) = match at {
                    At::Port(_) => {
                        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                        let at = At::Port(socket.local_addr().unwrap().port());
                        let serve = move || -> io::Result<()> {
                            for _ in 0..ROUNDS {
                                let mut buf = [0; 2 * BYTES];
                                let (count, sender) = socket.recv_from(&mut buf)?;
                                socket.send_to(&buf[..count], sender)?;
                            }
                            Ok(())
                        };
                        (colour.spawn(serve), at)
                    }
                    At::Path(path) => {
                        let socket = UnixDatagram::bind(&path).unwrap();
                        let serve = move || -> io::Result<()> {
                            for _ in 0..ROUNDS {
                                let mut buf = [0; 2 * BYTES];
                                let (count, sender) = socket.recv_from(&mut buf)?;
                                socket.send_to_addr(&buf[..count], &sender)?;
                            }
                            Ok(())
                        };
                        (colour.spawn(serve), At::Path(path))
                    }
                };
                let client = client(tool, &at, &own);
                bounded(move || {
                    talk(client);
                    server.wait().unwrap();
                    drop(own);
                });
            }
        }
    });
}

/// Gives a client one piece after another, and gets each from it.
fn talk(mut client: Process) {
    let (mut input, mut output) =
        (client.child.stdin.take().unwrap(), client.child.stdout.take().unwrap());
    for seed in 0..ROUNDS {
        let sent = bytes(BYTES, seed);
        input.write_all(&sent).unwrap();
        let mut received = vec![0; BYTES];
        output.read_exact(&mut received).unwrap();
        assert!(received == sent);
    }
}
