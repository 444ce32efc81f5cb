//! `WaitGroup` keeps the rules of Go's.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use gocoro::sync::{Arc, WaitGroup};
use gocoro::task;

use super::{both, matrix, spawn};
use crate::support::settle;

#[test]
fn of_nothing_it_does_not_wait() {
    both(|| {
        let group = WaitGroup::default();
        group.wait();
        group.add(0);
        group.wait();
        group.add(1);
        group.done();
        group.wait();
    });
}

#[test]
fn waits_for_all() {
    matrix(|peer| {
        let shared = Arc::new((WaitGroup::new(), AtomicUsize::new(0)));
        for round in 1..=3 {
            shared.0.add(10);
            let peers: Vec<_> = (0..10)
                .map(|_| {
                    let shared = shared.clone();
                    spawn(peer, move || {
                        task::yield_now();
                        shared.1.fetch_add(1, SeqCst);
                        shared.0.done();
                    })
                })
                .collect();
            shared.0.wait();
            assert_eq!(shared.1.load(SeqCst), round * 10);
            peers.into_iter().for_each(|peer| peer.wait());
        }
    });
}

#[test]
fn several_wait() {
    matrix(|peer| {
        let group = Arc::new(WaitGroup::new());
        group.add(2);
        let waiters: Vec<_> = (0..5)
            .map(|_| {
                let group = group.clone();
                spawn(peer, move || group.wait())
            })
            .collect();
        settle();
        group.done();
        settle();
        assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
        group.done();
        waiters.into_iter().for_each(|waiter| waiter.wait());
    });
}

#[test]
fn the_done_that_is_too_much_panics() {
    both(|| {
        let group = WaitGroup::new();
        let done = || panic::catch_unwind(AssertUnwindSafe(|| group.done()));
        let message = *done().unwrap_err().downcast::<&str>().unwrap();
        assert!(message.contains("more often than was added"), "{message}");
        group.add(1);
        assert!(done().is_ok() && done().is_err());
        let add = || group.add(usize::MAX);
        let message = panic::catch_unwind(AssertUnwindSafe(add)).unwrap_err();
        assert!(message.downcast::<&str>().unwrap().contains("too large"));
        group.wait();
    });
}

#[test]
fn says_how_much_is_to_be_done() {
    let group = WaitGroup::new();
    group.add(3);
    assert_eq!(format!("{group:?}"), "WaitGroup { count: 3, .. }");
}
