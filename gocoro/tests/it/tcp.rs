//! `gocoro::net`'s TCP: what std documents of its types, run in tasks and on plain threads.

mod convert;
mod lines;
mod listener;
mod names;
mod options;
pub(crate) mod raw;
mod reset;
pub(crate) mod stream;
mod waiting;

use std::io;
use std::thread;

use gocoro::net::{TcpListener, TcpStream};
use gocoro::task;

/// What runs a piece of a scenario: gocoro promises that nobody can tell the difference.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Colour {
    Task,
    Thread,
}

/// The other side of a scenario.
pub(crate) enum Peer<T> {
    Task(task::JoinHandle<T>),
    Thread(thread::JoinHandle<T>),
}

impl Colour {
    pub(crate) fn spawn<T: Send + 'static>(
        self,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> Peer<T> {
        match self {
            Colour::Task => Peer::Task(task::spawn(body)),
            Colour::Thread => Peer::Thread(thread::spawn(body)),
        }
    }
}

impl<T> Peer<T> {
    pub(crate) fn wait(self) -> T {
        match self {
            Peer::Task(task) => task.wait(),
            Peer::Thread(thread) => thread.join().expect("the peer panicked"),
        }
    }
}

/// Runs `scenario` in a task and on a thread, with a peer of each colour.
pub(crate) fn matrix(scenario: fn(Colour) -> io::Result<()>) {
    for own in [Colour::Task, Colour::Thread] {
        for peer in [Colour::Task, Colour::Thread] {
            println!("own side: {own:?}, peer: {peer:?}");
            own.spawn(move || scenario(peer)).wait().unwrap();
        }
    }
}

/// Runs `scenario`, which has no peer, in a task and on a thread.
pub(crate) fn both(scenario: fn() -> io::Result<()>) {
    for own in [Colour::Task, Colour::Thread] {
        println!("own side: {own:?}");
        own.spawn(scenario).wait().unwrap();
    }
}

/// Two ends of one connection.
pub(crate) fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, addr) = listener.accept()?;
    assert_eq!(addr, client.local_addr()?);
    Ok((client, server))
}

/// The kind of error that `result` is.
pub(crate) fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> io::ErrorKind {
    result.unwrap_err().kind()
}
