//! Every kind of arm, in a crate that forbids more than most.

#![forbid(warnings, unused, unsafe_code, unused_qualifications, trivial_casts, unreachable_code)]
#![forbid(elided_lifetimes_in_paths, single_use_lifetimes, unreachable_pub, unused_lifetimes)]
#![forbid(clippy::all, clippy::pedantic)]

use std::time::Duration;

use gocoro::channel::{Receiver, Sender, after, bounded, never};
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

/// Sources with temporaries in them, by argument and at the end of a block.
fn from_many(one: Option<&Receiver<u32>>, other: &Receiver<u32>, open: bool) -> Option<u32> {
    select! {
        recv(one.unwrap_or(&never())) -> number => number.ok(),
        recv(if open { other } else { &never() }) -> Ok(_) | Err(_) => Some(0),
        default => None,
    }
}

fn main() {
    let (sender, receiver) = bounded(1);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for _ in 0..3 {
        every_kind(&listener, &sender, &receiver);
    }
    from_many(Some(&receiver), &receiver, false);
    from_many(None, &receiver, true);
    while let Some(number) = select_biased! {
        recv(receiver) -> number => number.ok(),
        default => None,
    } {
        assert_eq!(number, 2);
    }
}
