//! `gocoro::channel` and `gocoro::sync::mpsc` do what crossbeam, Go and std document of channels,
//! between tasks and plain threads.

mod broadcast;
mod close;
mod contract;
mod crossbeam;
mod dynamic;
mod go;
mod mpsc;
mod oneshot;
mod owner;
mod panics;
mod rendezvous;
mod time;
mod traits;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use gocoro::channel::oneshot::Receiver;
use gocoro::task;

use crate::support::{Colour, WORKERS};

pub(crate) const COLOURS: [Colour; 2] = [Colour::Task, Colour::Thread];

/// The other side of a scenario, and what it gives.
#[derive(Debug)]
pub(crate) struct Peer<T>(Receiver<T>);

impl<T> Peer<T> {
    #[track_caller]
    pub(crate) fn wait(self) -> T {
        self.0.recv().expect("the peer panicked")
    }
}

pub(crate) fn spawn<T: Send + 'static>(
    colour: Colour,
    body: impl FnOnce() -> T + Send + 'static,
) -> Peer<T> {
    let (result, peer) = gocoro::channel::oneshot();
    let body = move || drop(result.send(body()));
    match colour {
        Colour::Task => drop(task::spawn(body)),
        Colour::Thread => drop(thread::spawn(body)),
    }
    Peer(peer)
}

/// Runs `scenario` in both colours and with several workers, for peers of both colours.
#[track_caller]
pub(crate) fn matrix(scenario: fn(Colour)) {
    for workers in WORKERS {
        for colour in COLOURS {
            for peer in COLOURS {
                println!("peer: {peer:?}");
                colour.run(workers, move || scenario(peer));
            }
        }
    }
}

/// Counts those of it that live.
#[derive(Debug)]
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Counted {
    pub(crate) fn new(live: &Arc<AtomicUsize>) -> Counted {
        live.fetch_add(1, SeqCst);
        Counted(live.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// A counter for [`Counted`].
pub(crate) fn live() -> Arc<AtomicUsize> {
    Arc::new(AtomicUsize::new(0))
}
