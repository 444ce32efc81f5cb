//! Every kind of arm, in a crate that forbids more than most.

#![forbid(warnings, unused, unsafe_code, unused_qualifications, trivial_casts, unreachable_code)]
#![forbid(elided_lifetimes_in_paths, single_use_lifetimes, unreachable_pub, unused_lifetimes)]
#![forbid(clippy::all, clippy::pedantic)]

use std::time::Duration;

use gocoro::channel::{Receiver, Sender, after, bounded};
use gocoro::net::TcpListener;
use gocoro::{go, select, select_biased};

fn every_kind(
    listener: &TcpListener,
    sender: &Sender<u32>,
    receiver: &Receiver<u32>,
) -> Option<u32> {
    let mut handle = go!({ 1 });
    select! {
        recv(receiver) -> number => number.ok(),
        send(sender, 2) -> sent => { sent.ok()?; None }
        join(&mut handle) -> ended => ended.ok(),
        wait(receiver) -> number => number.ok(),
        readable(listener) => None,
        writable(listener) -> ready => { ready.ok()?; None }
        recv(after(Duration::from_secs(1))) -> _ => None,
        default(Duration::from_secs(2)) => None,
    }
}

fn main() {
    let (sender, receiver) = bounded(1);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for _ in 0..3 {
        every_kind(&listener, &sender, &receiver);
    }
    while let Some(number) = select_biased! {
        recv(receiver) -> number => number.ok(),
        default => None,
    } {
        assert_eq!(number, 2);
    }
}
