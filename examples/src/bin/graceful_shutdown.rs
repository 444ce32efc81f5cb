//! Lesson: a server that stops without dropping what it has begun, and without waiting for ever.
//!
//! 1. An `Event` says that the time has come. The request `shutdown` sets it, and so does a signal:
//!    Ctrl-C, or the one that `kill` sends. A second one ends the program at once. (Where a program
//!    has nothing to finish, `#[go_main(ctrl_c = "cancel")]` does with less.)
//! 2. The accept loop waits for it beside the listener, and closes the listener. New clients are
//!    refused at once, and may turn to another server.
//! 3. Each connection waits for it beside its client, where nothing is under way. The request that
//!    has come next is answered, and no other after it.
//! 4. `TaskGroup::shutdown` waits for the connections until a deadline, and cancels those that are
//!    left. They unwind from wherever they wait, so their destructors run. (With `panic = "abort"`
//!    nothing unwinds: there a long request has to ask `task::is_cancelled` now and then.)
//!
//! Run it: `cargo run -p gocoro-examples --bin graceful_shutdown [ADDRESS]`, then
//! `nc 127.0.0.1 7000` with lines like `work 2000` (milliseconds) and `shutdown`, or press Ctrl-C.
//! With `--self-test` it is its own client and ends.

use gocoro::net::{TcpListener, TcpStream};
use gocoro::signal::{SIGINT, SIGTERM, Signals};
use gocoro::sync::{Arc, Event};
use gocoro::task::{JoinError, TaskGroup};
use gocoro::{go, go_main, select, select_biased, time};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::time::{Duration, Instant};

/// How long connections may take to end once the server is to stop.
const GRACE: Duration = Duration::from_secs(5);
/// How long a client may take to send a request that it has begun, and to accept an answer.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest request.
const LINE_BYTES_MAX: u64 = 100;
/// How many clients that have connected, but were not accepted yet, are served at the end.
const LATE_MAX: usize = 128;

/// How connections have ended. A connection whose task panicked is counted in neither; the panic
/// was reported.
#[derive(Debug, Default, PartialEq)]
struct Ends {
    by_themselves: usize,
    cut: usize,
}

impl Ends {
    fn count(&mut self, end: Result<(), JoinError>) {
        match end {
            Ok(()) => self.by_themselves += 1,
            Err(e) => self.cut += usize::from(e.is_cancelled()),
        }
    }
}

fn serve(listener: TcpListener, stop: &Arc<Event>, grace: Duration) -> Ends {
    let (connections, mut ends) = (TaskGroup::new(), Ends::default());
    let serve_one = |stream: TcpStream| {
        go!(in connections, clone(stop) => {
            if let Err(e) = converse(&stream, &stop) {
                eprintln!("connection: {e}");
            }
        });
    };
    loop {
        select! {
            wait(stop) -> () => break,
            readable(listener) -> ready => match ready.and_then(|()| listener.accept()) {
                Ok((stream, _)) => serve_one(stream),
                Err(e) => {
                    eprintln!("accept: {e}");
                    time::sleep(Duration::from_millis(50)); // out of descriptors: let some come back
                }
            },
        }
        while let Some(end) = connections.try_next() {
            ends.count(end); // and the group forgets it
        }
    }
    let late = std::iter::from_fn(|| listener.try_accept().ok());
    late.take(LATE_MAX).for_each(|(stream, _)| serve_one(stream));
    drop(listener);

    println!("stopping within {grace:?}");
    connections.shutdown(grace).into_iter().for_each(|end| ends.count(end));
    ends
}

/// The first signal stops the server gently, the second ends the program.
fn heed(mut signals: Signals, stop: &Event) {
    signals.next(); // suspends, blocks no thread
    stop.set();
    if let Some(signal) = signals.next() {
        std::process::exit(128 + signal); // as a shell says it
    }
}

/// Answers one request after another.
fn converse(mut stream: &TcpStream, stop: &Event) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(CLIENT_TIMEOUT))?;
    let mut reader = BufReader::new(stream);
    loop {
        if reader.buffer().is_empty() {
            select_biased! {
                readable(stream) -> ready => ready?,
                wait(stop) -> () => return writeln!(stream, "goodbye"),
            }
        }
        let mut line = String::new();
        let deadline = Instant::now() + CLIENT_TIMEOUT;
        let mut limited = reader.by_ref().take(LINE_BYTES_MAX);
        time::io_deadline(deadline, || limited.read_line(&mut line))?;
        if !line.ends_with('\n') {
            return Ok(()); // the client has gone, or writes novels
        }
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["shutdown"] => {
                writeln!(stream, "stopping")?;
                stop.set();
            }
            ["work", millis] => match millis.parse() {
                Ok(millis) => work(stream, Duration::from_millis(millis))?,
                Err(e) => writeln!(stream, "{millis}: {e}")?,
            },
            _ => writeln!(stream, "work MILLISECONDS, or shutdown")?,
        }
        if stop.is_set() {
            return Ok(()); // what was under way is answered
        }
    }
}

/// A request that takes its time. Whatever it has begun is put in order by a destructor.
fn work(mut stream: &TcpStream, duration: Duration) -> io::Result<()> {
    struct Begun;
    impl Drop for Begun {
        fn drop(&mut self) {
            if gocoro::task::is_cancelled() {
                println!("a request was cut, and has cleaned up");
            }
        }
    }
    let _begun = Begun;
    writeln!(stream, "working")?;
    time::sleep(duration);
    writeln!(stream, "done")
}

fn self_test() -> io::Result<()> {
    const GRACE: Duration = Duration::from_secs(2);

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let stop = Arc::new(Event::new());
    let server = go!(clone(stop) => serve(listener, &stop, GRACE));

    let ask = |request: &str, answer: &str| {
        let mut client = BufReader::new(TcpStream::connect(address)?);
        writeln!(client.get_mut(), "{request}")?;
        assert_eq!(line_of(&mut client)?, answer);
        io::Result::Ok(client)
    };
    ask("dance", "work MILLISECONDS, or shutdown")?;
    let mut idle = BufReader::new(TcpStream::connect(address)?);
    let mut busy = ask("work 1000", "working")?;
    let mut stuck = ask("work 3600000", "working")?;

    let told = Instant::now();
    let mut teller = ask("shutdown", "stopping")?;
    assert_eq!(line_of(&mut teller)?, "");
    assert_eq!(line_of(&mut idle)?, "goodbye");
    assert_eq!(line_of(&mut busy)?, "done", "what had begun was finished");
    assert_eq!(line_of(&mut busy)?, "", "and nothing new is begun");
    assert_eq!(line_of(&mut stuck)?, "", "what takes too long is cut");
    assert!(told.elapsed() >= GRACE, "but not before the deadline");

    assert_eq!(server.wait(), Ends { by_themselves: 4, cut: 1 });
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    println!("4 connections ended by themselves, 1 was cut");
    Ok(())
}

fn line_of(client: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    client.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

#[go_main]
fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".into());
    if address == "--self-test" {
        return self_test();
    }
    let stop = Arc::new(Event::new());
    let signals = Signals::new([SIGINT, SIGTERM])?;
    go!(daemon, clone(stop) => heed(signals, &stop)); // the program's end does not wait for it
    let listener = TcpListener::bind(&address)?;
    println!("working on {}", listener.local_addr()?);
    println!("{:?}", serve(listener, &stop, GRACE));
    Ok(())
}
