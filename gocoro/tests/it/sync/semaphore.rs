//! `Semaphore`.

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use gocoro::sync::{Arc, Closed, Semaphore, TryAcquireError};
use gocoro::{go, task};

use super::{both, matrix, on_one_worker, order_of_waits, spawn};
use crate::support::settle;

#[test]
fn lends_no_more_than_it_has() {
    matrix(|peer| {
        let shared = Arc::new((Semaphore::new(3), AtomicUsize::new(0)));
        let work = |(semaphore, inside): &(Semaphore, AtomicUsize)| {
            for _ in 0..30 {
                let _permit = semaphore.acquire().unwrap();
                assert!(inside.fetch_add(1, SeqCst) < 3);
                task::yield_now();
                inside.fetch_sub(1, SeqCst);
            }
        };
        let peers: Vec<_> = (0..6)
            .map(|_| {
                let shared = shared.clone();
                spawn(peer, move || work(&shared))
            })
            .collect();
        work(&shared);
        peers.into_iter().for_each(|peer| peer.wait());
        assert_eq!(shared.0.available_permits(), 3);
    });
}

#[test]
fn trying_does_not_wait() {
    both(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let one = semaphore.try_acquire().unwrap();
        let two = semaphore.try_acquire_owned().unwrap();
        assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
        assert_eq!(semaphore.try_acquire_owned().unwrap_err(), TryAcquireError::NoPermits);
        drop(one);
        assert!(semaphore.try_acquire().is_ok());
        drop(two);
        assert_eq!(semaphore.available_permits(), 2);
    });
}

#[test]
fn first_come_first_served() {
    on_one_worker(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let theirs = semaphore.clone();
        let order = order_of_waits(
            10,
            move |_, got_it| {
                theirs.acquire().unwrap().forget();
                got_it();
            },
            || {
                semaphore.add_permits(1);
                assert!(semaphore.try_acquire().is_err(), "it is the first's already");
                semaphore.add_permits(10);
            },
        );
        assert_eq!(order, (0..10).collect::<Vec<_>>());
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn adding_none_wakes_none_and_forgetting_takes_one_away() {
    on_one_worker(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        semaphore.acquire_owned().unwrap().forget();
        let waiter = go!(clone(semaphore) => { semaphore.acquire().map(drop) });
        settle();
        semaphore.add_permits(0);
        settle();
        assert!(!waiter.is_finished());
        semaphore.add_permits(1);
        assert_eq!(waiter.wait(), Ok(()));
        assert_eq!(Arc::strong_count(&semaphore), 1);
    });
}

#[test]
fn closing_tells_those_who_wait_and_who_come() {
    matrix(|peer| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.acquire().unwrap();
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let semaphore = semaphore.clone();
                spawn(peer, move || semaphore.acquire_owned().map(drop))
            })
            .collect();
        settle();
        assert!(!semaphore.is_closed());
        semaphore.close();
        assert!(waiters.into_iter().all(|waiter| waiter.wait() == Err(Closed)));
        assert!(semaphore.is_closed());
        assert_eq!(semaphore.acquire().unwrap_err(), Closed);
        assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
        drop(permit);
        assert_eq!(semaphore.available_permits(), 1);
        semaphore.close();
        assert_eq!(semaphore.acquire().unwrap_err(), Closed);
    });
}

#[test]
fn a_permit_goes_to_another_task() {
    matrix(|peer| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.acquire_owned().unwrap();
        assert!(Arc::ptr_eq(permit.semaphore(), &semaphore));
        let theirs = spawn(peer, move || drop(permit));
        drop(semaphore.acquire().unwrap());
        theirs.wait();
    });
}

#[test]
fn one_that_is_cancelled_takes_none() {
    on_one_worker(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let task = go!(clone(semaphore) => { semaphore.acquire().map(drop) });
                settle();
                task
            })
            .collect();
        tasks[0].cancel();
        settle();
        semaphore.add_permits(1);
        // Both have it already, one after the other: a cancel comes late.
        tasks[1].cancel();
        let ended: Vec<_> = tasks.into_iter().map(|task| task.join().is_ok()).collect();
        assert_eq!(ended, [false, true, true]);
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn more_than_it_can_have_is_refused() {
    assert_eq!(Semaphore::new(Semaphore::MAX_PERMITS).available_permits(), usize::MAX / 4);
    assert!(panic::catch_unwind(|| Semaphore::new(Semaphore::MAX_PERMITS + 1)).is_err());
    let semaphore = Semaphore::new(1);
    let add = || semaphore.add_permits(Semaphore::MAX_PERMITS);
    assert!(panic::catch_unwind(panic::AssertUnwindSafe(add)).is_err());
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn says_what_it_is() {
    let semaphore = Arc::new(Semaphore::new(2));
    let text = "Semaphore { available_permits: 1, closed: false, .. }";
    let permit = semaphore.acquire().unwrap();
    assert_eq!(format!("{semaphore:?}"), text);
    assert_eq!(format!("{permit:?}"), format!("Permit {{ semaphore: {text} }}"));
    assert_eq!(Closed.to_string(), TryAcquireError::from(Closed).to_string());
}
