//! The channels of time, `after`, `at`, `tick` and `never`, give an instant when it has come.

use std::time::{Duration, Instant};

use gocoro::channel::{RecvTimeoutError, Select, TryRecvError, after, at, never, tick};
use gocoro::{go, select};

use super::{matrix, spawn};
use crate::support::{NEVER, SOON, on_workers, settle, until};

#[test]
fn after_gives_its_instant_once() {
    matrix(|peer| {
        let start = Instant::now();
        let receiver = after(SOON);
        assert_eq!(receiver.capacity(), Some(1));
        let due = spawn(peer, {
            let receiver = receiver.clone();
            move || receiver.recv().unwrap()
        })
        .wait();
        assert!(due >= start + SOON && Instant::now() >= due);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(receiver.recv_timeout(SOON), Err(RecvTimeoutError::Timeout));
        assert!(receiver.is_empty() && !receiver.is_full());
    });
}

#[test]
fn at_gives_the_very_instant() {
    let past = Instant::now();
    let receiver = at(past);
    assert_eq!((receiver.len(), receiver.is_full()), (1, true));
    assert_eq!(receiver.try_recv(), Ok(past));
    assert_eq!(receiver.len(), 0);
    assert_eq!(at(past + NEVER).try_recv(), Err(TryRecvError::Empty));
    let soon = Instant::now() + SOON;
    assert_eq!(at(soon).recv(), Ok(soon));
}

#[test]
fn what_is_too_far_never_comes() {
    assert!(after(Duration::MAX).recv_timeout(SOON).is_err());
    assert!(tick(Duration::MAX).recv_timeout(SOON).is_err());
}

#[test]
fn of_many_who_wait_one_gets_it() {
    on_workers(|_| {
        let receiver = after(SOON);
        let waiting: Vec<_> = (0..4)
            .map(|_| go!(clone(receiver) => { receiver.recv_timeout(SOON * 20).is_ok() }))
            .collect();
        let got = waiting.into_iter().map(|task| task.wait());
        assert_eq!(got.filter(|&got| got).count(), 1);
    });
}

#[test]
fn ticks_are_a_period_apart() {
    matrix(|_| {
        let start = Instant::now();
        let receiver = tick(SOON);
        let due: Vec<_> = receiver.iter().take(4).collect();
        assert!(due[0] >= start + SOON);
        assert!(due.windows(2).all(|pair| pair[1] >= pair[0] + SOON));
        assert!(Instant::now() >= due[3]);
        assert!(receiver.len() <= 1);
    });
}

/// As crossbeam's: for one who waits, the next is due a period after the last, however late the
/// wake was.
#[test]
fn ticks_keep_their_beat() {
    matrix(|_| {
        let period = SOON * 5;
        let ticks = tick(period);
        let mut last = ticks.recv().unwrap();
        // One that was there before it was asked for puts the next one off: try again.
        until(|| {
            let before = std::mem::replace(&mut last, ticks.recv().unwrap());
            assert!(last >= before + period);
            last == before + period
        });
    });
}

#[test]
fn ticks_that_nobody_took_do_not_add_up() {
    let receiver = tick(SOON);
    gocoro::time::sleep(SOON * 5);
    assert_eq!(receiver.len(), 1);
    let before = Instant::now();
    assert!(receiver.try_recv().is_ok());
    let next = receiver.recv().unwrap();
    assert!(before + SOON <= next && next <= Instant::now());
}

#[test]
fn never_is_empty_and_never_ends() {
    let receiver = never::<i32>();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(receiver.recv_timeout(SOON), Err(RecvTimeoutError::Timeout));
    assert_eq!((receiver.len(), receiver.capacity()), (0, Some(0)));
    assert!(receiver.is_empty() && receiver.is_full());
}

/// A message of time's that is taken and given back is told to those who began to wait meanwhile.
#[test]
fn an_instant_that_is_given_back_goes_to_those_who_wait() {
    matrix(|peer| {
        for way in 0..3 {
            let timer = at(Instant::now());
            let mut set = Select::new();
            set.recv(&timer);
            let chosen = set.select();
            let theirs = timer.clone();
            let waiting = spawn(peer, move || {
                let mut set = Select::new();
                set.recv(&theirs);
                match way {
                    0 => theirs.recv().is_ok(),
                    1 => select!(recv(theirs) -> instant => instant.is_ok()),
                    _ => set.ready() == 0 && theirs.try_recv().is_ok(),
                }
            });
            settle();
            drop(chosen);
            assert!(waiting.wait());
        }
    });
}
