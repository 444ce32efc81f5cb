//! The primitives can be waited for in `select!`, and lose nothing to arms that lose.

use gocoro::sync::{AbandonedPromise, AcquireError, Arc, Event, Semaphore, WaitGroup, promise};
use gocoro::{go, select, select_biased, task};

use super::{both, matrix, on_one_worker, spawn};
use crate::support::settle;

#[test]
fn what_is_there_is_had_at_once() {
    both(|| {
        let (event, auto) = (Event::new(), Event::auto());
        let (semaphore, group) = (Semaphore::new(1), WaitGroup::new());
        let (promise, deferred) = promise();
        assert!(select! { wait(event) -> () => false, wait(auto) -> () => false, default => true });
        event.set();
        auto.set();
        promise.set(7);
        select! { wait(event) -> () => (), default => unreachable!() }
        select! { wait(auto) -> () => (), default => unreachable!() }
        assert!(event.is_set() && !auto.is_set());
        assert_eq!(select! { wait(deferred) -> value => value }, Ok(&7));
        select! { wait(group) -> () => () }
        group.add(1);
        assert!(select! { wait(group) -> () => false, default => true });
        let permit = select! { wait(semaphore) -> permit => permit.unwrap() };
        assert!(select! { wait(semaphore) -> _ => false, default => true });
        drop(permit);
        semaphore.close();
        assert_eq!(select! { wait(semaphore) -> permit => permit.unwrap_err() }, AcquireError);
    });
}

/// A choice that gives up has looked at all arms with their queues locked: nothing gives way there,
/// though it is asked for so often that the budget runs out at each place.
#[test]
fn one_that_gives_up_again_and_again_leaves_the_primitives_free() {
    on_one_worker(|| {
        type All = (Event, Event, Event, Semaphore, WaitGroup);
        let all: All =
            (Event::new(), Event::auto(), Event::new(), Semaphore::new(0), WaitGroup::new());
        let all = Arc::new(all);
        all.4.add(1);
        let (_promise, deferred) = promise::<()>();
        let setter = go!(clone(all) => {
            for _ in 0..2000 {
                all.0.set();
                all.0.reset();
                assert!(!all.2.is_set() && !all.3.is_closed());
                task::yield_now();
            }
        });
        while !setter.is_finished() {
            select! {
                wait(&all.0) -> () => {}
                wait(&all.1) -> () => unreachable!(),
                wait(&all.2) -> () => unreachable!(),
                default => {}
            }
            select! {
                wait(&all.3) -> _ => unreachable!(),
                wait(&all.4) -> () => unreachable!(),
                wait(&deferred) -> _ => unreachable!(),
                default => {}
            }
        }
        setter.wait();
    });
}

#[test]
fn what_comes_ends_the_wait() {
    matrix(|peer| {
        type All = (Event, Event, Semaphore, WaitGroup);
        let makes: [fn(&All); 4] =
            [|all| all.0.set(), |all| all.1.set(), |all| all.2.add_permits(1), |all| all.3.done()];
        for (expected, make) in makes.into_iter().enumerate() {
            let all = (Event::new(), Event::auto(), Semaphore::new(0), WaitGroup::new());
            all.3.add(1);
            let all = Arc::new(all);
            let theirs = all.clone();
            let chooser = spawn(peer, move || {
                select! {
                    wait(theirs.0) -> () => 0,
                    wait(theirs.1) -> () => 1,
                    wait(theirs.2) -> permit => { permit.unwrap().forget(); 2 }
                    wait(theirs.3) -> () => 3,
                }
            });
            settle();
            assert!(!chooser.is_finished());
            make(&all);
            assert_eq!(chooser.wait(), expected);
            assert!(!all.1.is_set());
            assert_eq!(all.2.available_permits(), 0);
        }
    });
}

#[test]
fn a_promise_ends_the_wait_either_way() {
    matrix(|peer| {
        for keep in [true, false] {
            let (promise, deferred) = promise();
            let never = Event::new();
            let chooser = spawn(peer, move || {
                select! {
                    wait(deferred) -> value => value.copied(),
                    wait(never) -> () => unreachable!(),
                }
            });
            settle();
            if keep {
                promise.set(3);
            } else {
                drop(promise);
            }
            assert_eq!(chooser.wait(), if keep { Ok(3) } else { Err(AbandonedPromise) });
        }
    });
}

#[test]
fn closing_ends_the_wait() {
    matrix(|peer| {
        let semaphore = Arc::new(Semaphore::new(0));
        let theirs = semaphore.clone();
        let chooser = spawn(peer, move || {
            select! { wait(theirs) -> permit => permit.map(drop), wait(Event::new()) -> () => Ok(()) }
        });
        settle();
        semaphore.close();
        assert_eq!(chooser.wait(), Err(AcquireError));
    });
}

#[test]
fn an_arm_that_loses_takes_nothing() {
    on_one_worker(|| {
        let all = Arc::new((Event::auto(), Semaphore::new(0), Event::auto()));
        let chooser = go!(clone(all) => {
            select! {
                wait(all.0) -> () => 0,
                wait(all.1) -> permit => { permit.unwrap().forget(); 1 }
                wait(all.2) -> () => 2,
            }
        });
        settle();
        // All at once, before it runs.
        all.2.set();
        all.1.add_permits(1);
        all.0.set();
        assert_eq!(chooser.wait(), 2);
        assert!(all.0.is_set() && all.1.available_permits() == 1 && !all.2.is_set());
        // And of two that are there already.
        all.2.set();
        let first = select_biased! { wait(all.0) -> () => 0, wait(all.2) -> () => 2 };
        assert!(first == 0 && !all.0.is_set() && all.2.is_set());
    });
}

#[test]
fn one_that_lost_does_not_stand_in_the_queue() {
    on_one_worker(|| {
        let all = Arc::new((Event::auto(), Event::new()));
        let chooser = go!(clone(all) => {
            select! { wait(all.0) -> () => 0, wait(all.1) -> () => 1 }
        });
        settle();
        let behind = go!(clone(all) => { all.0.wait() });
        settle();
        all.1.set();
        assert_eq!(chooser.wait(), 1);
        all.0.set();
        behind.wait();
        assert!(!all.0.is_set());
    });
}
