//! A channel of capacity zero passes a message only when two sides meet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Instant;

use gocoro::channel::{SendTimeoutError, TryRecvError, TrySendError, bounded};
use gocoro::{select, time};

use super::{matrix, spawn};
use crate::support::{SOON, until};

#[test]
fn nothing_is_kept() {
    let (sender, receiver) = bounded(0);
    assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
    assert_eq!(sender.send_timeout(2, SOON), Err(SendTimeoutError::Timeout(2)));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert!(receiver.recv_timeout(SOON).is_err());
}

#[test]
fn a_send_ends_when_it_is_received() {
    matrix(|peer| {
        let (sender, receiver) = bounded(0);
        let sent = Arc::new(AtomicBool::new(false));
        let sending = spawn(peer, {
            let sent = sent.clone();
            move || {
                sender.send(1).unwrap();
                sent.store(true, SeqCst);
                sender.send(2).unwrap();
            }
        });
        assert_eq!(receiver.recv(), Ok(1));
        until(|| sent.load(SeqCst));
        assert_eq!(receiver.recv(), Ok(2));
        sending.wait();
    });
}

#[test]
fn those_who_try_meet_those_who_wait() {
    matrix(|peer| {
        let (sender, receiver) = bounded(0);
        let sending = spawn(peer, move || sender.send(1));
        let mut got = None;
        until(|| {
            got = receiver.try_recv().ok();
            got.is_some()
        });
        assert_eq!(got, Some(1));
        sending.wait().unwrap();

        let (sender, receiver) = bounded(0);
        let receiving = spawn(peer, move || receiver.recv());
        until(|| sender.try_send(2).is_ok());
        assert_eq!(receiving.wait(), Ok(2));
    });
}

#[test]
fn a_long_conversation() {
    matrix(|peer| {
        let ((to, at), (back, home)) = (bounded(0), bounded(0));
        let echo = spawn(peer, move || at.iter().for_each(|n: u32| back.send(n + 1).unwrap()));
        for n in 0..500 {
            to.send(n).unwrap();
            assert_eq!(home.recv(), Ok(n + 1));
        }
        drop(to);
        echo.wait();
        assert!(home.recv().is_err());
    });
}

/// A receiver that has met a `send(…)` arm waits for its message however long that takes, as
/// crossbeam's.
#[test]
fn a_message_that_is_being_made_is_waited_for_beyond_the_time() {
    matrix(|peer| {
        let (sender, receiver) = bounded(0);
        let choosing = spawn(peer, move || {
            select! {
                send(sender, {
                    let made = Instant::now() + 10 * SOON;
                    time::sleep_until(made);
                    made
                }) -> sent => sent.unwrap(),
            }
        });
        let made = loop {
            // Until the two have met; then the time counts no more.
            match time::timeout(SOON, || receiver.recv_timeout(SOON)) {
                Ok(Ok(made)) => break made,
                Ok(Err(error)) => assert!(error.is_timeout()),
                Err(_) => {}
            }
        };
        assert!(Instant::now() >= made);
        choosing.wait();
    });
}
