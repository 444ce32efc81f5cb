//! `Semaphore` lets in as many as it has permits, in order.

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use gocoro::sync::{AcquireError, Arc, Semaphore, TryAcquireError};
use gocoro::time::timeout;
use gocoro::{go, select, task};

use super::{both, matrix, on_one_worker, order_of_waits, spawn};
use crate::support::{Random, SOON, settle};

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
        assert!(waiters.into_iter().all(|waiter| waiter.wait() == Err(AcquireError)));
        assert!(semaphore.is_closed());
        assert_eq!(semaphore.acquire().unwrap_err(), AcquireError);
        assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
        drop(permit);
        assert_eq!(semaphore.available_permits(), 1);
        semaphore.close();
        assert_eq!(semaphore.acquire().unwrap_err(), AcquireError);
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
    assert_eq!(format!("{permit:?}"), format!("Permit {{ permits: 1, semaphore: {text} }}"));
    let owned = format!("{:?}", semaphore.acquire_owned().unwrap());
    assert!(owned.starts_with("OwnedPermit { permits: 1, "), "{owned}");
    assert_eq!(AcquireError.to_string(), TryAcquireError::from(AcquireError).to_string());
}

#[test]
fn many_are_had_at_once_or_not_at_all() {
    both(|| {
        let semaphore = Arc::new(Semaphore::new(5));
        let three = semaphore.acquire_many(3).unwrap();
        assert_eq!(semaphore.try_acquire_many(3).unwrap_err(), TryAcquireError::NoPermits);
        assert_eq!(semaphore.available_permits(), 2);
        let two = semaphore.try_acquire_many_owned(2).unwrap();
        assert_eq!((three.num_permits(), two.num_permits()), (3, 2));
        assert_eq!(semaphore.acquire_many(0).unwrap().num_permits(), 0);
        drop(three);
        assert_eq!(semaphore.available_permits(), 3);
        semaphore.acquire_many_owned(3).unwrap().forget();
        drop(two);
        assert_eq!(semaphore.available_permits(), 2);
        assert!(timeout(SOON, || semaphore.acquire_many(3).map(drop)).is_err());
        assert_eq!(semaphore.available_permits(), 2);
        semaphore.close();
        assert_eq!(semaphore.acquire_many(0).unwrap_err(), AcquireError);
    });
}

/// Permits are saved for whoever waits longest: those that ask for one do not pass by, nor does one
/// that asks for fewer than there are.
#[test]
fn one_who_asks_for_many_is_not_starved() {
    on_one_worker(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let wait_for = |n: usize| {
            let task = go!(clone(semaphore) => { semaphore.acquire_many_owned(n).unwrap() });
            settle();
            task
        };
        let (four, one, two) = (wait_for(4), wait_for(1), wait_for(2));
        assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
        select! {
            wait(&*semaphore) -> _ => unreachable!("others wait"),
            default => {}
        }
        semaphore.add_permits(1);
        settle();
        assert!(!four.is_finished() && !one.is_finished() && !two.is_finished());
        semaphore.add_permits(1);
        let four = four.wait();
        settle();
        assert!(!one.is_finished() && !two.is_finished());
        drop(four);
        assert_eq!((one.wait().num_permits(), two.wait().num_permits()), (1, 2));
        assert_eq!(semaphore.available_permits(), 4);
    });
}

/// What was saved for it is enough for others.
#[test]
fn one_who_gives_up_on_many_lets_those_behind_it_through() {
    on_one_worker(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let many = go!(clone(semaphore) => { semaphore.acquire_many(3).map(drop) });
        settle();
        let others = [1, 1, 1].map(|n| {
            let task = go!(clone(semaphore) => { semaphore.acquire_many_owned(n).unwrap() });
            settle();
            task
        });
        let choosing = go!(clone(semaphore) => {
            select!(wait(&*semaphore) -> permit => permit.unwrap().forget())
        });
        settle();
        many.cancel();
        let [first, second, third] = others;
        let (first, second) = (first.wait(), second.wait());
        settle();
        assert!(!third.is_finished() && !choosing.is_finished());
        drop((first, second));
        drop(third.wait());
        choosing.wait();
        assert!(many.join().unwrap_err().is_cancelled());
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn no_more_than_there_are_whatever_is_asked_for() {
    const ALL: usize = 5;
    matrix(|peer| {
        let shared = Arc::new((Semaphore::new(ALL), AtomicUsize::new(0)));
        let work = |(semaphore, inside): &(Semaphore, AtomicUsize), seed: u64| {
            let mut random = Random::new(seed);
            for _ in 0..40 {
                let n = 1 + random.below(ALL);
                let permit = match random.below(4) {
                    0 => semaphore.try_acquire_many(n).ok(),
                    1 => timeout(SOON, || semaphore.acquire_many(n).unwrap()).ok(),
                    _ => Some(semaphore.acquire_many(n).unwrap()),
                };
                let Some(_permit) = permit else { continue };
                assert!(inside.fetch_add(n, SeqCst) + n <= ALL);
                task::yield_now();
                inside.fetch_sub(n, SeqCst);
            }
        };
        let peers: Vec<_> = (0..5)
            .map(|seed| {
                let shared = shared.clone();
                spawn(peer, move || work(&shared, seed))
            })
            .collect();
        work(&shared, 9);
        peers.into_iter().for_each(|peer| peer.wait());
        assert_eq!(shared.0.available_permits(), ALL);
    });
}

#[test]
fn more_than_any_semaphore_has_is_refused() {
    let semaphore = Semaphore::new(1);
    let ask = || drop(semaphore.try_acquire_many(Semaphore::MAX_PERMITS + 1));
    assert!(panic::catch_unwind(panic::AssertUnwindSafe(ask)).is_err());
    assert!(semaphore.try_acquire_many(Semaphore::MAX_PERMITS).is_err());
    assert!(semaphore.try_acquire().is_ok());
}
