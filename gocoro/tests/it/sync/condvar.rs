//! `Condvar` wakes those who wait, in their order, with the mutex locked.

use std::time::{Duration, Instant};

use gocoro::go;
use gocoro::sync::{Arc, Condvar, Mutex};

use super::{both, matrix, on_one_worker, order_of_waits, spawn};
use crate::support::{NEVER, SOON, assert_cancelled, settle, until};

type Pair<T> = Arc<(Mutex<T>, Condvar)>;

fn pair<T>(value: T) -> Pair<T> {
    Arc::new((Mutex::new(value), Condvar::new()))
}

#[test]
fn notifying_nobody_does_nothing() {
    both(|| {
        let changed = Condvar::default();
        changed.notify_one();
        changed.notify_all();
        let lock = Mutex::new(());
        let (_guard, result) = changed.wait_timeout(lock.lock().unwrap(), SOON).unwrap();
        assert!(result.timed_out());
    });
}

#[test]
fn a_notified_wait_ends_with_the_mutex_locked() {
    matrix(|peer| {
        let shared = pair(false);
        let theirs = shared.clone();
        let guard = shared.0.lock().unwrap();
        let notifier = spawn(peer, move || {
            // Only possible once the wait has unlocked it.
            *theirs.0.lock().unwrap() = true;
            theirs.1.notify_one();
        });
        let mut guard = guard;
        while !*guard {
            guard = shared.1.wait(guard).unwrap();
        }
        assert!(shared.0.try_lock().is_err());
        drop(guard);
        notifier.wait();
    });
}

#[test]
fn notify_all_wakes_all() {
    matrix(|peer| {
        let shared = pair((0, false));
        let peers: Vec<_> = (0..5)
            .map(|_| {
                let shared = shared.clone();
                spawn(peer, move || {
                    let mut guard = shared.0.lock().unwrap();
                    guard.0 += 1;
                    drop(shared.1.wait_while(guard, |state| !state.1).unwrap());
                })
            })
            .collect();
        until(|| shared.0.lock().unwrap().0 == 5);
        shared.0.lock().unwrap().1 = true;
        shared.1.notify_all();
        peers.into_iter().for_each(|peer| peer.wait());
    });
}

#[test]
fn notify_one_wakes_one_and_in_order() {
    on_one_worker(|| {
        let shared = pair(0);
        let theirs = shared.clone();
        let order = order_of_waits(
            6,
            move |_, woken| {
                let guard = theirs.0.lock().unwrap();
                let mut guard = theirs.1.wait(guard).unwrap();
                *guard += 1;
                woken();
            },
            || {
                for n in 0..6 {
                    shared.1.notify_one();
                    settle();
                    assert_eq!(*shared.0.lock().unwrap(), n + 1);
                }
            },
        );
        assert_eq!(order, [0, 1, 2, 3, 4, 5]);
    });
}

#[test]
fn notify_all_keeps_the_order() {
    on_one_worker(|| {
        let shared = pair(());
        let theirs = shared.clone();
        let order = order_of_waits(
            6,
            move |_, woken| {
                let guard = theirs.0.lock().unwrap();
                let _guard = theirs.1.wait(guard).unwrap();
                woken();
            },
            || shared.1.notify_all(),
        );
        assert_eq!(order, [0, 1, 2, 3, 4, 5]);
    });
}

#[test]
fn ping_pong() {
    matrix(|peer| {
        let shared = pair(0);
        let play = |shared: &(Mutex<u32>, Condvar), me: u32| {
            for _ in 0..50 {
                let guard = shared.0.lock().unwrap();
                let mut turn = shared.1.wait_while(guard, |turn| *turn % 2 != me).unwrap();
                *turn += 1;
                drop(turn);
                shared.1.notify_one();
            }
        };
        let theirs = shared.clone();
        let other = spawn(peer, move || play(&theirs, 1));
        play(&shared, 0);
        other.wait();
        assert_eq!(*shared.0.lock().unwrap(), 100);
    });
}

#[test]
fn a_wait_ends_when_its_time_is_up() {
    both(|| {
        let (lock, changed) = &*pair(1);
        let before = Instant::now();
        let (guard, result) = changed.wait_timeout(lock.lock().unwrap(), SOON).unwrap();
        assert!(result.timed_out() && before.elapsed() >= SOON);
        assert!(lock.try_lock().is_err());
        #[expect(deprecated, reason = "std deprecates it as well")]
        let (guard, notified) = changed.wait_timeout_ms(guard, 1).unwrap();
        assert!(!notified);
        let (guard, result) = changed.wait_timeout(guard, Duration::ZERO).unwrap();
        assert!(result.timed_out());
        let (guard, result) = changed.wait_timeout_while(guard, SOON, |_| true).unwrap();
        assert!(result.timed_out());
        let (guard, result) = changed.wait_timeout_while(guard, NEVER, |_| false).unwrap();
        assert!(!result.timed_out());
        let (_guard, result) =
            changed.wait_timeout_while(guard, Duration::ZERO, |_| false).unwrap();
        assert!(!result.timed_out());
    });
}

#[test]
fn a_notification_comes_before_the_time_is_up() {
    matrix(|peer| {
        let shared = pair(false);
        let theirs = shared.clone();
        let guard = shared.0.lock().unwrap();
        let notifier = spawn(peer, move || {
            *theirs.0.lock().unwrap() = true;
            theirs.1.notify_all();
        });
        let (guard, result) =
            shared.1.wait_timeout_while(guard, Duration::MAX, |ready| !*ready).unwrap();
        assert!(*guard && !result.timed_out());
        drop(guard);
        notifier.wait();
    });
}

#[test]
fn one_that_timed_out_takes_no_notification() {
    on_one_worker(|| {
        let shared = pair(());
        let first = go!(clone(shared) => {
            let guard = shared.0.lock().unwrap();
            shared.1.wait_timeout(guard, SOON).unwrap().1.timed_out()
        });
        settle();
        let second = go!(clone(shared) => {
            let guard = shared.0.lock().unwrap();
            drop(shared.1.wait(guard).unwrap());
        });
        settle();
        assert!(first.wait());
        shared.1.notify_one();
        second.wait();
    });
}

#[test]
fn one_condition_with_two_mutexes() {
    // std may panic; here each wait has its own.
    both(|| {
        let changed = Condvar::new();
        let locks = [Mutex::new(()), Mutex::new(())];
        for lock in &locks {
            let (_guard, result) = changed.wait_timeout(lock.lock().unwrap(), SOON).unwrap();
            assert!(result.timed_out());
        }
    });
}

#[test]
fn a_cancelled_wait_locks_the_mutex_before_it_unwinds_on() {
    on_one_worker(|| {
        let shared = pair(());
        let waiter = go!(clone(shared) => {
            let guard = shared.0.lock().unwrap();
            drop(shared.1.wait(guard));
            unreachable!("nobody notifies");
        });
        settle();
        let guard = shared.0.lock().unwrap();
        waiter.cancel();
        settle();
        assert!(!waiter.is_finished(), "it has to wait for the mutex");
        drop(guard);
        assert_cancelled(waiter);
        assert!(shared.0.try_lock().is_ok());
    });
}

#[test]
fn one_that_is_cancelled_takes_no_notification() {
    on_one_worker(|| {
        let shared = pair(0);
        let wait = |shared: &(Mutex<i32>, Condvar)| {
            let guard = shared.0.lock().unwrap();
            *shared.1.wait(guard).unwrap() += 1;
        };
        let first = go!(clone(shared) => { wait(&shared) });
        settle();
        let second = go!(clone(shared) => { wait(&shared) });
        settle();
        first.cancel();
        settle();
        shared.1.notify_one();
        second.wait();
        assert_cancelled(first);
        assert_eq!(*shared.0.lock().unwrap(), 1);
    });
}

#[test]
fn one_that_is_notified_is_not_cancelled_any_more() {
    on_one_worker(|| {
        let shared = pair(0);
        let waiter = go!(clone(shared) => {
            let guard = shared.0.lock().unwrap();
            let mut guard = shared.1.wait(guard).unwrap();
            *guard += 1;
            drop(guard);
            gocoro::task::yield_now();
            unreachable!("the cancel waits here");
        });
        settle();
        // Also while it waits for the mutex.
        let guard = shared.0.lock().unwrap();
        shared.1.notify_one();
        waiter.cancel();
        settle();
        drop(guard);
        assert_cancelled(waiter);
        assert_eq!(*shared.0.lock().unwrap(), 1);
    });
}

#[test]
fn a_mutex_poisoned_meanwhile_is_told() {
    on_one_worker(|| {
        let shared = pair(0);
        let waiter = go!(clone(shared) => {
            let guard = shared.0.lock().unwrap();
            let waited = shared.1.wait(guard).is_err();
            let guard = shared.0.lock().unwrap_or_else(|e| e.into_inner());
            (waited, shared.1.wait_timeout(guard, SOON).is_err())
        });
        settle();
        let panicking = go!(clone(shared) => {
            let _guard = shared.0.lock().unwrap();
            panic!("expected");
        });
        assert!(panicking.join().is_err());
        shared.1.notify_one();
        assert_eq!(waiter.wait(), (true, true));
    });
}

#[test]
fn prints_as_std_does() {
    assert_eq!(format!("{:?}", Condvar::new()), format!("{:?}", std::sync::Condvar::new()));
    let (lock, changed) = (Mutex::new(()), Condvar::new());
    let result = changed.wait_timeout(lock.lock().unwrap(), Duration::ZERO).unwrap().1;
    assert_eq!(format!("{result:?}"), "WaitTimeoutResult(true)");
    assert_eq!(result, result.clone());
}
