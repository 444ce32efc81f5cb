//! Bytes there and back over TCP and Unix streams.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::thread;

use gocoro::net::unix::{UnixListener, UnixStream};
use gocoro::net::{TcpListener, TcpStream};
use gocoro::task;

use super::{At, FAMILIES, Process, Tool, bytes, with_each};
use crate::support::bounded;
use crate::tcp::Colour;

const BYTES: usize = 1 << 20;

/// How many connections there are at once.
const MANY: usize = 8;

/// Sends back what it receives on each connection, up to the end of the file.
const PYTHON_SERVER: &str = r#"
import socket, sys, threading
at = sys.argv[1]
s = socket.socket() if at.isdigit() else socket.socket(socket.AF_UNIX)
s.bind(("127.0.0.1", int(at)) if at.isdigit() else at)
s.listen(64)
print("listening on", s.getsockname()[1] if at.isdigit() else at, file=sys.stderr, flush=True)
def serve(c):
    while data := c.recv(65536):
        c.sendall(data)
    c.close()
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
"#;

/// Sends its standard input, says that this was all, and prints what it receives.
const PYTHON_CLIENT: &str = r#"
import socket, sys, threading
at = sys.argv[1]
s = socket.socket() if at.isdigit() else socket.socket(socket.AF_UNIX)
s.connect(("127.0.0.1", int(at)) if at.isdigit() else at)
def send():
    while data := sys.stdin.buffer.read1(65536):
        s.sendall(data)
    s.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
while data := s.recv(65536):
    sys.stdout.buffer.write(data)
"#;

/// A server that sends back what it receives. `nc` does not: it takes one connection, whose bytes
/// are its standard output and input, and ends with it.
fn server(tool: Tool, at: &At) -> (Process, At) {
    let mut command = tool.command().expect("it is here");
    let is_path = matches!(at, At::Path(_));
    let address = at.argument();
    match tool {
        Tool::Nc if is_path => command.args(["-v", "-N", "-lU", &address]),
        Tool::Nc => command.args(["-v", "-n", "-N", "-l", "127.0.0.1", "0"]),
        // With larger blocks it can block on the pipe that it alone reads.
        Tool::Socat if is_path => command.args([
            "-d",
            "-d",
            "-b4096",
            "-t60",
            &format!("UNIX-LISTEN:{address},fork"),
            "PIPE",
        ]),
        Tool::Socat => command.args([
            "-d",
            "-d",
            "-t60",
            "TCP-LISTEN:0,bind=127.0.0.1,fork,backlog=64",
            "PIPE",
        ]),
        Tool::Python => command.args(["-c", PYTHON_SERVER, &address]),
    };
    let mut process = Process::start(&mut command);
    let port = process.is_ready("listening on");
    (process, if is_path { at.clone() } else { At::Port(port) })
}

/// Sends bytes, shuts the sending half down, and gets the same bytes back. Both at once: neither
/// the kernel nor the tools have room for all of it.
fn exchange<S>(stream: S, shutdown: fn(&S, Shutdown) -> io::Result<()>, seed: u64, colour: Colour)
where
    S: Send + Sync + 'static,
    for<'a> &'a S: Read + Write,
{
    let sent = bytes(BYTES, seed);
    let expected = sent.clone();
    let stream = std::sync::Arc::new(stream);
    let writing = stream.clone();
    let writer = colour.spawn(move || -> io::Result<()> {
        (&*writing).write_all(&sent)?;
        shutdown(&writing, Shutdown::Write)
    });
    let mut received = Vec::new();
    (&*stream).read_to_end(&mut received).unwrap();
    writer.wait().unwrap();
    assert!(received == expected, "{} bytes came back", received.len());
}

/// What an `nc` reads comes to ours, up to the end of the file; after that `nc` prints what ours
/// sends.
fn take_and_give<S>(stream: S, mut nc: Process, shutdown: fn(&S, Shutdown) -> io::Result<()>)
where
    for<'a> &'a S: Read + Write,
{
    let (theirs, ours) = (bytes(BYTES, 1), bytes(BYTES, 2));
    let (mut input, mut output) = (nc.child.stdin.take().unwrap(), nc.child.stdout.take().unwrap());
    thread::scope(|scope| {
        let theirs = &theirs;
        // The input is closed with it.
        scope.spawn(move || input.write_all(theirs).unwrap());
        let printed = scope.spawn(move || {
            let mut printed = Vec::new();
            output.read_to_end(&mut printed).map(|_| printed)
        });
        let mut received = Vec::new();
        (&stream).read_to_end(&mut received).unwrap();
        assert!(received == *theirs, "{} bytes came", received.len());
        (&stream).write_all(&ours).unwrap();
        shutdown(&stream, Shutdown::Write).unwrap();
        drop(stream);
        let printed = printed.join().unwrap().unwrap();
        assert!(printed == ours, "{} bytes were printed", printed.len());
    });
}

#[test]
fn ours_to_their_server() {
    with_each("servers of streams", |tool| {
        for family in FAMILIES {
            for colour in [Colour::Task, Colour::Thread] {
                println!("{tool:?}, {family:?}, {colour:?}");
                let (at, _path) = family.address();
                let (process, at) = server(tool, &at);
                if tool == Tool::Nc {
                    let client = colour.spawn(move || match at {
                        At::Port(port) => {
                            let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
                            take_and_give(stream, process, TcpStream::shutdown);
                        }
                        At::Path(path) => {
                            let stream = UnixStream::connect(path).unwrap();
                            take_and_give(stream, process, UnixStream::shutdown);
                        }
                    });
                    bounded(|| client.wait());
                    continue;
                }
                let clients = (0..MANY as u64).map(|seed| {
                    let at = at.clone();
                    colour.spawn(move || match at {
                        At::Port(port) => {
                            let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
                            exchange(stream, TcpStream::shutdown, seed, colour);
                        }
                        At::Path(path) => {
                            let stream = UnixStream::connect(path).unwrap();
                            exchange(stream, UnixStream::shutdown, seed, colour);
                        }
                    })
                });
                let clients: Vec<_> = clients.collect();
                bounded(|| clients.into_iter().for_each(|client| client.wait()));
                drop(process);
            }
        }
    });
}

/// Sends back what it receives.
fn echo<S>(stream: S) -> io::Result<u64>
where
    for<'a> &'a S: Read + Write,
{
    io::copy(&mut &stream, &mut &stream)
}

/// Accepts connections and serves each in a task or on a thread of its own; says how many bytes it
/// sent back in all.
fn serve<S>(mut accept: impl FnMut() -> io::Result<S>, colour: Colour) -> io::Result<u64>
where
    S: Send + 'static,
    for<'a> &'a S: Read + Write,
{
    let mut servers = Vec::new();
    for _ in 0..MANY {
        let stream = accept()?;
        servers.push(colour.spawn(move || echo(stream)));
    }
    servers.into_iter().map(|server| server.wait()).sum()
}

fn client(tool: Tool, at: &At) -> Process {
    let mut command = tool.command().expect("it is here");
    let address = at.argument();
    match (tool, at) {
        (Tool::Nc, At::Port(_)) => command.args(["-N", "127.0.0.1", &address]),
        (Tool::Nc, At::Path(_)) => command.args(["-N", "-U", &address]),
        (Tool::Socat, At::Port(_)) => {
            command.args(["-t60", "STDIO", &format!("TCP:127.0.0.1:{address}")])
        }
        (Tool::Socat, At::Path(_)) => {
            command.args(["-t60", "STDIO", &format!("UNIX-CONNECT:{address}")])
        }
        (Tool::Python, _) => command.args(["-c", PYTHON_CLIENT, &address]),
    };
    Process::start(&mut command)
}

#[test]
fn their_clients_to_ours() {
    with_each("clients of streams", |tool| {
        for family in FAMILIES {
            for colour in [Colour::Task, Colour::Thread] {
                println!("{tool:?}, {family:?}, {colour:?}");
                let (at, _path) = family.address();
                let (server, at) = match at {
                    At::Port(_) => {
                        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                        let at = At::Port(listener.local_addr().unwrap().port());
                        let accept = move || listener.accept().map(|(stream, _)| stream);
                        (colour.spawn(move || serve(accept, colour)), at)
                    }
                    At::Path(path) => {
                        let listener = UnixListener::bind(&path).unwrap();
                        let accept = move || listener.accept().map(|(stream, _)| stream);
                        (colour.spawn(move || serve(accept, colour)), At::Path(path))
                    }
                };
                bounded(move || {
                    let mut clients: Vec<_> = (0..MANY).map(|_| client(tool, &at)).collect();
                    // All clients are started before the first gets its input.
                    thread::scope(|scope| {
                        for (seed, client) in (0..).zip(&mut clients) {
                            scope.spawn(move || talk(client, seed));
                        }
                    });
                    assert_eq!(server.wait().unwrap(), (MANY * BYTES) as u64);
                });
            }
        }
    });
}

/// Gives a client its input, and gets the same from it.
fn talk(client: &mut Process, seed: u64) {
    let sent = bytes(BYTES, seed);
    let (mut input, mut output) =
        (client.child.stdin.take().unwrap(), client.child.stdout.take().unwrap());
    thread::scope(|scope| {
        let sent = &sent;
        scope.spawn(move || input.write_all(sent).unwrap());
        let mut received = Vec::new();
        output.read_to_end(&mut received).unwrap();
        assert!(received == *sent, "{} bytes came back", received.len());
    });
    assert!(client.child.wait().unwrap().success());
}

/// The peer's end of the file is not the end of what it takes.
#[test]
fn half_a_connection_goes_on() {
    with_each("half-close", |tool| {
        bounded(move || {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let at = At::Port(listener.local_addr().unwrap().port());
            let mut client = client(tool, &at);
            let server = task::spawn(move || -> io::Result<()> {
                let (stream, _) = listener.accept()?;
                let mut received = Vec::new();
                (&stream).read_to_end(&mut received)?;
                assert_eq!(received, b"that was all");
                for _ in 0..3 {
                    (&stream).write_all(b"and now me ")?;
                    task::yield_now();
                }
                Ok(())
            });
            client.child.stdin.take().unwrap().write_all(b"that was all").unwrap();
            let mut output = String::new();
            client.child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
            assert_eq!(output, "and now me ".repeat(3));
            server.wait().unwrap();
        });
    });
}
