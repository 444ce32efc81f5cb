//! A send that was chosen and whose message is then not made: nothing has happened, and those who
//! waited for it go on.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gocoro::channel::{Sender, bounded};
use gocoro::{go, select, task};

use crate::channel::{matrix, spawn};
use crate::support::{NEVER, on_workers, settle, until};

/// Chooses the send and leaves it, in one of the ways.
fn abandon(sender: &Sender<i32>, way: usize) {
    let choose = || -> Option<()> {
        #[expect(clippy::never_loop, reason = "to break from")]
        loop {
            select! {
                send(sender, match way {
                    0 => return None,
                    1 => break,
                    2 => None?,
                    _ => panic!("no message"),
                }) -> _ => unreachable!(),
            }
        }
        None
    };
    if way < 3 {
        assert_eq!(choose(), None);
    } else {
        assert!(catch_unwind(AssertUnwindSafe(choose)).is_err());
    }
}

#[test]
fn a_place_is_free_again() {
    matrix(|_| {
        let (sender, receiver) = bounded(1);
        for way in 0..4 {
            abandon(&sender, way);
            assert!(!sender.is_full());
        }
        sender.try_send(1).unwrap();
        assert_eq!(receiver.recv(), Ok(1));
    });
}

#[test]
fn a_place_goes_to_the_next_sender() {
    on_workers(|_| {
        let (sender, receiver) = bounded(1);
        let (hold, held) = bounded::<()>(0);
        let gives_up = true;
        let choosing = go!(clone(sender) => {
            select! {
                send(sender, { held.recv().ok(); if gives_up { return false } 1 }) -> _ => true,
            }
        });
        settle();
        until(|| sender.is_full());
        let waiting = go!(clone(sender) => { sender.send(2) });
        settle();
        assert!(!waiting.is_finished());
        drop(hold);
        assert!(!choosing.wait());
        waiting.wait().unwrap();
        assert_eq!(receiver.recv(), Ok(2));
    });
}

#[test]
fn a_receiver_goes_on_waiting() {
    matrix(|peer| {
        let (sender, receiver) = bounded(0);
        let receiving = spawn(peer, move || receiver.recv());
        for way in 0..4 {
            abandon(&sender, way);
            task::yield_now();
        }
        sender.send(7).unwrap();
        assert_eq!(receiving.wait(), Ok(7));
    });
}

#[test]
fn a_choosing_receiver_chooses_again() {
    matrix(|peer| {
        let (sender, receiver) = bounded(0);
        let (other, second) = bounded(1);
        let receiving = spawn(peer, move || {
            select! {
                recv(receiver) -> _ => unreachable!("nothing is sent"),
                recv(second) -> got => got,
                default(NEVER) => unreachable!(),
            }
        });
        for way in 0..4 {
            abandon(&sender, way);
            task::yield_now();
        }
        other.send(7).unwrap();
        assert_eq!(receiving.wait(), Ok(7));
    });
}

#[test]
fn a_cancel_while_the_message_is_made_is_one_way_to_leave() {
    on_workers(|_| {
        for capacity in [0, 1] {
            let (sender, receiver) = bounded(capacity);
            let receiving = go!(receiver.recv());
            let choosing = go!(clone(sender) => {
                select! {
                    send(sender, { task::park(); 1 }) -> sent => sent,
                }
            });
            settle();
            choosing.cancel();
            assert!(choosing.join().unwrap_err().is_cancelled());
            sender.send(2).unwrap();
            assert_eq!(receiving.wait(), Ok(2));
        }
    });
}

/// What was promised is waited for, also by a receiver that is cancelled or whose time is up.
#[test]
fn a_promised_message_arrives_although_the_receiver_is_cancelled() {
    on_workers(|_| {
        let (sender, receiver) = bounded(0);
        let receiving = go!({
            let got = receiver.recv();
            // The cancel waits for the next wait.
            (got, gocoro::task::is_cancelled())
        });
        let (go_on, wait) = bounded::<()>(0);
        let (making, made) = bounded(0);
        let choosing = go!({
            select! {
                send(sender, { making.send(()).unwrap(); wait.recv().ok(); 1 }) -> sent => sent,
            }
        });
        made.recv().unwrap();
        receiving.cancel();
        settle();
        assert!(!receiving.is_finished());
        drop(go_on);
        choosing.wait().unwrap();
        assert_eq!(receiving.wait(), (Ok(1), true));
    });
}

#[test]
fn one_who_tries_waits_for_a_promise() {
    matrix(|peer| {
        let (sender, receiver) = bounded(0);
        let choosing = spawn(peer, move || {
            select! {
                send(sender, { task::yield_now(); 1 }) -> sent => sent,
            }
        });
        let mut got = None;
        until(|| {
            got = receiver.try_recv().ok();
            got.is_some()
        });
        assert_eq!(got, Some(1));
        choosing.wait().unwrap();
    });
}

/// A place that was reserved while receivers waited, and is used for one of them, is free for the
/// next.
#[test]
fn a_place_that_was_not_needed_goes_to_the_next_sender() {
    on_workers(|_| {
        let (sender, receiver) = bounded(1);
        let (making, made) = bounded(0);
        let (go_on, wait) = bounded::<()>(0);
        let choosing = go!(clone(sender) => {
            select! {
                send(sender, { making.send(()).unwrap(); wait.recv().ok(); 1 }) -> sent => sent,
            }
        });
        made.recv().unwrap();
        let sending: Vec<_> = (2..=4).map(|n| go!(clone(sender) => { sender.send(n) })).collect();
        let receiving: Vec<_> =
            (0..4).map(|_| go!(clone(receiver) => { receiver.recv().unwrap() })).collect();
        settle();
        drop(go_on);
        choosing.wait().unwrap();
        sending.into_iter().for_each(|task| task.wait().unwrap());
        assert_eq!(receiving.into_iter().map(|task| task.wait()).sum::<i32>(), 1 + 2 + 3 + 4);
    });
}
