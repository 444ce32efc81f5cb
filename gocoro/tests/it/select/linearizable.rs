//! A choice that does not wait, or no longer, says so only if there was a moment at which none of
//! its arms could be done: here a message is in one of two channels at every moment, moved to and
//! fro by a peer.

use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use gocoro::channel::{Receiver, Select, bounded, unbounded};
use gocoro::{select, task};

use crate::channel::{matrix, spawn};
use crate::support::{Colour, Random, until};

const ROUNDS: usize = 40;

/// How long a choice is held back at most, so that it meets all parts of a move.
const SPINS: usize = 300;

type Two = [Receiver<()>; 2];

#[test]
fn default_is_chosen_only_if_no_arm_was_ready() {
    matrix(|peer| {
        rounds(peer, |[one, other]| {
            select! {
                recv(one) -> got => got.is_ok(),
                recv(other) -> got => got.is_ok(),
                default => false,
            }
        });
    });
}

#[test]
fn a_timeout_is_chosen_only_if_no_arm_was_ready() {
    matrix(|peer| {
        rounds(peer, |[one, other]| {
            select! {
                recv(one) -> got => got.is_ok(),
                recv(other) -> got => got.is_ok(),
                default(Duration::ZERO) => false,
            }
        });
    });
}

#[test]
fn a_set_that_does_not_wait_finds_the_ready_operation() {
    matrix(|peer| {
        rounds(peer, |receivers| {
            let chosen = set(receivers).try_select().ok();
            chosen.is_some_and(|chosen| {
                let index = chosen.index();
                chosen.recv(&receivers[index]).is_ok()
            })
        });
    });
}

#[test]
fn a_set_whose_time_is_up_finds_the_ready_operation() {
    matrix(|peer| {
        rounds(peer, |receivers| {
            let chosen = set(receivers).select_timeout(Duration::ZERO).ok();
            chosen.is_some_and(|chosen| {
                let index = chosen.index();
                chosen.recv(&receivers[index]).is_ok()
            })
        });
    });
}

/// Which takes nothing, so the message goes on moving.
#[test]
fn a_set_that_asks_what_is_ready_is_told() {
    matrix(|peer| {
        rounds(peer, |receivers| {
            let mut set = set(receivers);
            (0..8).all(|_| set.try_ready().is_ok() && set.ready_timeout(Duration::ZERO).is_ok())
        });
    });
}

/// The room of a full channel moves as messages do.
#[test]
fn default_is_chosen_only_if_no_channel_had_room() {
    matrix(|peer| {
        let ((one, from_one), (other, from_other)) = (bounded(1), bounded(1));
        let full = [(one.clone(), from_one.clone()), (other.clone(), from_other)];
        let moves = move || {
            for (make, fill) in [(1, 0), (0, 1)] {
                let _ = full[make].1.try_recv();
                let _ = full[fill].0.try_send(());
            }
        };
        let prepare = || {
            let _ = from_one.try_recv();
            let _ = other.try_send(());
        };
        beside(peer, moves, prepare, || {
            select! {
                send(one, ()) -> sent => sent.is_ok(),
                send(other, ()) -> sent => sent.is_ok(),
                default => false,
            }
        });
    });
}

fn set(receivers: &Two) -> Select<'_> {
    let mut set = Select::new();
    receivers.iter().for_each(|receiver| _ = set.recv(receiver));
    set
}

/// In each round there is a message, in the first channel at its begin, which `choose` has to find.
fn rounds(peer: Colour, choose: fn(&Two) -> bool) {
    for bound in [true, false] {
        let ((one, from_one), (other, from_other)) = match bound {
            true => (bounded(2), bounded(2)),
            false => (unbounded(), unbounded()),
        };
        let receivers = [from_one, from_other];
        let (theirs, their_one) = (receivers.clone(), one.clone());
        let moves = move || {
            for (to, from) in [(&other, 0), (&their_one, 1)] {
                to.send(()).unwrap();
                let _ = theirs[from].try_recv();
            }
        };
        let prepare = || {
            receivers.iter().for_each(|receiver| _ = receiver.try_iter().count());
            one.send(()).unwrap();
        };
        beside(peer, moves, prepare, || choose(&receivers));
    }
}

/// Rounds of a choice that has to succeed beside a peer who is moving things.
fn beside(
    peer: Colour,
    moves: impl Fn() + Send + 'static,
    prepare: impl Fn(),
    choose: impl Fn() -> bool,
) {
    let (turn, chosen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (start, started) = bounded::<usize>(0);
    let (end, ended) = bounded::<()>(0);
    let (begins, ends) = (turn.clone(), chosen.clone());
    let moving = spawn(peer, move || {
        for number in started {
            begins.store(number, SeqCst);
            while ends.load(SeqCst) < number {
                (0..16).for_each(|_| moves());
                task::yield_now();
            }
            end.send(()).unwrap();
        }
    });
    let mut random = Random::new(31);
    for number in 1..=ROUNDS {
        prepare();
        start.send(number).unwrap();
        until(|| turn.load(SeqCst) == number);
        (0..random.below(SPINS)).for_each(|_| hint::spin_loop());
        let found = choose();
        chosen.store(number, SeqCst);
        assert!(found, "round {number}");
        ended.recv().unwrap();
    }
    drop(start);
    moving.wait();
}
