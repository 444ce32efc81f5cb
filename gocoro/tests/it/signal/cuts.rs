//! Waits that are cut short take nothing, and those that have no error to return.

use std::time::{Duration, Instant};

use gocoro::channel::bounded;
use gocoro::task;
use gocoro::time::{io_deadline, timeout};

use super::{listen, own, raise};
use crate::channel::{matrix, spawn};
use crate::support::{Random, assert_cancelled, on_drop, on_workers, settle};

#[test]
fn no_signal_is_lost_by_a_timeout() {
    matrix(|peer| {
        const ROUNDS: u64 = 100;
        let mut signals = listen(own(23));
        let (ask, asked) = bounded(1);
        let raises = spawn(peer, move || asked.iter().for_each(|()| raise(own(23))));
        let mut random = Random::new(ROUNDS);
        for round in 0..ROUNDS {
            ask.send(()).unwrap();
            let got = loop {
                let limit = Duration::from_micros(random.next() % 1500);
                let cut = match round % 2 {
                    0 => timeout(limit, || signals.next()).ok(),
                    _ => io_deadline(Instant::now() + limit, || signals.recv().ok()).map(Some),
                };
                if let Some(got) = cut {
                    break got;
                }
            };
            assert_eq!(got, Some(own(23)));
        }
        drop(ask);
        raises.wait();
        assert_eq!(signals.pending().next(), None);
    });
}

#[test]
fn a_cancel_ends_an_iteration() {
    on_workers(|_| {
        let signals = listen(own(24));
        let handle = signals.handle();
        let task = task::spawn(move || signals.count());
        settle();
        task.cancel();
        assert_cancelled(task);
        assert!(handle.is_closed(), "it was dropped");
    });
}

/// An iterator has no error, so it waits where I/O would return one.
#[test]
fn next_waits_past_a_deadline_and_in_destructors() {
    matrix(|peer| {
        let mut signals = listen(own(25));
        let raises = spawn(peer, || {
            settle();
            raise(own(25));
        });
        assert_eq!(io_deadline(Instant::now(), || signals.next()), Some(own(25)));
        raises.wait();
    });
    on_workers(|_| {
        let mut signals = listen(own(25));
        let (tell, told) = bounded(1);
        let (begin, begun) = bounded(1);
        let task = task::spawn(move || {
            let _guard = on_drop(move || tell.send(signals.next()).unwrap());
            begin.send(()).unwrap();
            task::park();
        });
        begun.recv().unwrap();
        task.cancel();
        settle();
        raise(own(25));
        assert_eq!(told.recv(), Ok(Some(own(25))));
        assert_cancelled(task);
    });
}
