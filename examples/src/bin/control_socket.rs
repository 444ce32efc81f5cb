//! Lesson: a service is asked how it is, and told to stop, through a Unix socket.
//!
//! The work is one task, the control plane another. They share a counter and an `Event`; the worker
//! looks at the event wherever it waits. A path that a crashed predecessor left behind is told from
//! one that is in use by connecting to it.
//!
//! Run it: `cargo run -p gocoro-examples --bin control_socket [PATH]`, then
//! `echo status | socat - UNIX:PATH`, and `stop`. With `--self-test` it is its own client and ends.

use gocoro::net::unix::{UnixListener, UnixStream};
use gocoro::sync::Event;
use gocoro::{go, go_main, select};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use std::{env, fs, process};

/// How long a client may say nothing.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(60);
/// How much a client may say.
const COMMAND_BYTES_MAX: u64 = 64 * 1024;

#[derive(Default)]
struct Service {
    rounds: AtomicU64,
    stop: Event,
}

impl Service {
    fn work(&self) {
        loop {
            self.rounds.fetch_add(1, Relaxed); // what the service is for
            select! {
                wait(self.stop) -> _ => return,
                default(Duration::from_millis(10)) => {}
            }
        }
    }

    fn answer(&self, stream: &UnixStream) -> io::Result<()> {
        stream.set_read_timeout(Some(CLIENT_TIMEOUT))?;
        for line in BufReader::new(stream.take(COMMAND_BYTES_MAX)).lines() {
            let mut stream = stream;
            match line?.trim() {
                "status" => writeln!(stream, "{} rounds", self.rounds.load(Relaxed))?,
                "stop" => {
                    writeln!(stream, "stopping")?; // first: the program may end once it is told
                    self.stop.set();
                    return Ok(());
                }
                other => writeln!(stream, "no such command: {other}")?,
            }
        }
        Ok(())
    }
}

/// Binds to a path that nobody listens on.
fn bind(path: &Path) -> io::Result<UnixListener> {
    match UnixStream::connect(path) {
        Ok(_) => return Err(ErrorKind::AddrInUse.into()),
        Err(e) if e.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path)?,
        Err(_) => {}
    }
    UnixListener::bind(path)
}

/// Works until it is told to stop.
fn run(path: &Path) -> io::Result<()> {
    let listener = bind(path)?;
    let service = Arc::new(Service::default());
    go!(daemon, clone(service) => {
        for stream in listener.incoming() {
            go!(daemon, clone(service) => {
                if let Err(e) = stream.and_then(|stream| service.answer(&stream)) {
                    eprintln!("control: {e}");
                }
            });
        }
    });
    service.work();
    fs::remove_file(path)
}

fn self_test() -> io::Result<()> {
    let path = env::temp_dir().join(format!("gocoro-control-{}", process::id()));
    let own = path.clone();
    let service = go!({ run(&own) });
    let stream = loop {
        match UnixStream::connect(&path) {
            Ok(stream) => break stream,
            Err(_) => gocoro::task::yield_now(), // it has not begun to listen
        }
    };
    let mut answers = BufReader::new(&stream).lines();
    let mut ask = |command: &str| {
        writeln!(&stream, "{command}")?;
        answers.next().unwrap_or_else(|| Err(ErrorKind::UnexpectedEof.into()))
    };
    let status = ask("status")?;
    assert!(status.ends_with(" rounds"), "{status}");
    assert_eq!(ask("dance")?, "no such command: dance");
    assert_eq!(ask("stop")?, "stopping");
    service.wait()?;
    assert!(!path.exists());
    println!("the service did {status}");
    Ok(())
}

#[go_main]
fn main() -> io::Result<()> {
    let path = env::args().nth(1).unwrap_or_else(|| "/tmp/gocoro.sock".into());
    if path == "--self-test" {
        return self_test();
    }
    println!("controlled through {path}");
    run(Path::new(&path))
}
