//! The primitives of `sync`: that each lets in whom it should, that nobody is left waiting, and
//! that whoever comes in sees what was done before.

use std::time::Duration;

use loom::sync::Arc;
use loom::thread;

use super::Probe;
use crate::sync::{
    AbandonedPromise, Barrier, Condvar, Event, Mutex, Once, RwLock, Semaphore, WaitGroup, promise,
};
use crate::time::timeout;
use crate::waiters::{Aim, Limit, Selectable, choose};

#[test]
fn loom_a_mutex_is_handed_over() {
    loom::model(|| {
        let shared = Arc::new((Mutex::new(0), Probe::new()));
        let work = |shared: &(Mutex<u32>, Probe)| {
            let mut count = shared.0.lock().unwrap();
            shared.1.alone();
            *count += 1;
        };
        let others: Vec<_> = (0..2)
            .map(|_| {
                let shared = shared.clone();
                thread::spawn(move || work(&shared))
            })
            .collect();
        work(&shared);
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(*shared.0.lock().unwrap(), 3);
    });
}

#[test]
fn loom_nobody_takes_a_mutex_that_is_handed_over() {
    loom::model(|| {
        let shared = Arc::new((Mutex::new(()), Probe::new()));
        let waiting = {
            let shared = shared.clone();
            thread::spawn(move || {
                let _guard = shared.0.lock().unwrap();
                shared.1.alone();
            })
        };
        let trying = {
            let shared = shared.clone();
            thread::spawn(move || {
                if let Ok(_guard) = shared.0.try_lock() {
                    shared.1.alone();
                }
            })
        };
        {
            let _guard = shared.0.lock().unwrap();
            shared.1.alone();
        }
        waiting.join().unwrap();
        trying.join().unwrap();
        assert!(shared.0.try_lock().is_ok());
    });
}

#[test]
fn loom_readers_share_and_writers_do_not() {
    loom::model(|| {
        let shared = Arc::new((RwLock::new(()), Probe::new()));
        let reader = {
            let shared = shared.clone();
            thread::spawn(move || {
                let _guard = shared.0.read().unwrap();
                shared.1.share();
            })
        };
        let writer = {
            let shared = shared.clone();
            thread::spawn(move || {
                let _guard = shared.0.write().unwrap();
                shared.1.alone();
            })
        };
        {
            let _guard = shared.0.read().unwrap();
            shared.1.share();
        }
        reader.join().unwrap();
        writer.join().unwrap();
        assert!(shared.0.try_write().is_ok());
    });
}

#[test]
fn loom_writers_hand_over_to_readers() {
    loom::model(|| {
        let shared = Arc::new((RwLock::new(()), Probe::new()));
        let writer = {
            let shared = shared.clone();
            thread::spawn(move || {
                let guard = shared.0.write().unwrap();
                shared.1.alone();
                drop(crate::sync::RwLockWriteGuard::downgrade(guard));
            })
        };
        let another = {
            let shared = shared.clone();
            thread::spawn(move || {
                let _guard = shared.0.write().unwrap();
                shared.1.alone();
            })
        };
        {
            let _guard = shared.0.read().unwrap();
            shared.1.share();
        }
        writer.join().unwrap();
        another.join().unwrap();
        assert!(shared.0.try_write().is_ok());
    });
}

#[test]
fn loom_a_promise_is_kept() {
    loom::model(|| {
        let (promise, deferred) = promise();
        let probe = Arc::new(Probe::new());
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let (deferred, probe) = (deferred.clone(), probe.clone());
                thread::spawn(move || {
                    assert_eq!(deferred.wait(), Ok(&7));
                    probe.share();
                })
            })
            .collect();
        probe.alone();
        promise.set(7);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

#[test]
fn loom_an_abandoned_promise_wakes() {
    loom::model(|| {
        let (promise, deferred) = promise::<u32>();
        let reader = thread::spawn(move || assert_eq!(deferred.wait(), Err(AbandonedPromise)));
        drop(promise);
        reader.join().unwrap();
    });
}

#[test]
fn loom_a_notification_after_the_unlock_is_not_lost() {
    loom::model(|| {
        let shared = Arc::new((Mutex::new(false), Condvar::new()));
        let waiter = {
            let shared = shared.clone();
            thread::spawn(move || {
                let guard = shared.0.lock().unwrap();
                assert!(*shared.1.wait_while(guard, |ready| !*ready).unwrap());
            })
        };
        *shared.0.lock().unwrap() = true;
        shared.1.notify_one();
        waiter.join().unwrap();
    });
}

#[test]
fn loom_a_permit_goes_round() {
    loom::model(|| {
        let shared = Arc::new((Semaphore::new(1), Probe::new()));
        let work = |shared: &(Semaphore, Probe)| {
            let _permit = shared.0.acquire().unwrap();
            shared.1.alone();
        };
        let others: Vec<_> = (0..2)
            .map(|_| {
                let shared = shared.clone();
                thread::spawn(move || work(&shared))
            })
            .collect();
        work(&shared);
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(shared.0.available_permits(), 1);
    });
}

#[test]
fn loom_closing_a_semaphore_wakes() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let waiter = {
            let semaphore = semaphore.clone();
            thread::spawn(move || semaphore.acquire().map(|permit| permit.forget()))
        };
        let giver = {
            let semaphore = semaphore.clone();
            thread::spawn(move || semaphore.add_permits(1))
        };
        semaphore.close();
        giver.join().unwrap();
        let got = waiter.join().unwrap().is_ok();
        assert_eq!(semaphore.available_permits(), usize::from(!got));
    });
}

#[test]
fn loom_an_auto_event_lets_one_through_each_time() {
    loom::model(|| {
        let shared = Arc::new((Event::auto(), Probe::new()));
        let waiter = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.0.wait();
                shared.1.alone();
                shared.0.set();
            })
        };
        shared.1.alone();
        shared.0.set();
        waiter.join().unwrap();
        shared.0.wait();
        shared.1.alone();
        assert!(!shared.0.is_set());
    });
}

#[test]
fn loom_a_choice_takes_one_of_two() {
    loom::model(|| {
        let shared = Arc::new([Event::auto(), Event::auto()]);
        let setter = {
            let shared = shared.clone();
            thread::spawn(move || shared[1].set())
        };
        let other = {
            let shared = shared.clone();
            thread::spawn(move || shared[0].set())
        };
        let arms = [shared[0].arm(), shared[1].arm()];
        let chosen = choose(&|n| &arms[n], &mut [0, 1], false, Limit::Never, Aim::Take);
        setter.join().unwrap();
        other.join().unwrap();
        let chosen = chosen.expect("there is no limit");
        assert!(!shared[chosen].is_set() && shared[1 - chosen].is_set());
    });
}

#[test]
fn loom_setting_an_event_again_shows_what_was_done() {
    loom::model(|| {
        let shared = Arc::new((Event::new(), Probe::new()));
        shared.0.set();
        let setter = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.1.alone();
                shared.0.set();
            })
        };
        shared.0.reset();
        // Either the second `set` came before, and what it shows was done; or the event is still to
        // be set.
        setter.join().unwrap();
        shared.1.alone();
    });
}

#[test]
fn loom_a_wait_group_waits_for_all() {
    loom::model(|| {
        let shared = Arc::new((WaitGroup::new(), [Probe::new(), Probe::new()]));
        shared.0.add(2);
        let others: Vec<_> = (0..2)
            .map(|n| {
                let shared = shared.clone();
                thread::spawn(move || {
                    shared.1[n].alone();
                    shared.0.done();
                })
            })
            .collect();
        shared.0.wait();
        shared.1.iter().for_each(Probe::alone);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

#[test]
fn loom_once_runs_once_and_all_see_it() {
    loom::model(|| {
        let shared = Arc::new((Once::new(), Probe::new()));
        let work = |shared: &(Once, Probe)| {
            shared.0.call_once(|| shared.1.alone());
            shared.1.share();
        };
        let other = {
            let shared = shared.clone();
            thread::spawn(move || work(&shared))
        };
        let waiter = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.0.wait();
                shared.1.share();
            })
        };
        work(&shared);
        other.join().unwrap();
        waiter.join().unwrap();
    });
}

#[test]
fn loom_a_barrier_does_not_count_one_that_leaves() {
    loom::model(|| {
        let barrier = Arc::new(Barrier::new(2));
        let leaver = {
            let barrier = barrier.clone();
            thread::spawn(move || {
                // Cut short it has not come, and comes again.
                let first = timeout(Duration::ZERO, || barrier.wait());
                first.unwrap_or_else(|_| barrier.wait()).is_leader()
            })
        };
        let leads = barrier.wait().is_leader();
        assert_ne!(leads, leaver.join().unwrap());
    });
}

#[test]
fn loom_a_writer_that_leaves_lets_in_those_behind_it() {
    loom::model(|| {
        let shared = Arc::new((RwLock::new(()), Probe::new()));
        let guard = shared.0.read().unwrap();
        let leaver = {
            let shared = shared.clone();
            thread::spawn(move || {
                let write = || drop(shared.0.write().map(|_| shared.1.alone()));
                timeout(Duration::ZERO, write).is_ok()
            })
        };
        let reader = {
            let shared = shared.clone();
            thread::spawn(move || drop(shared.0.read().map(|_| shared.1.share())))
        };
        shared.1.share();
        drop(guard);
        reader.join().unwrap();
        leaver.join().unwrap();
        assert!(shared.0.try_write().is_ok());
    });
}

#[test]
fn loom_who_asks_for_many_permits_gets_them_before_one_who_came_later() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let asking = [2, 1].map(|n| {
            let semaphore = semaphore.clone();
            thread::spawn(move || drop(semaphore.acquire_many(n).unwrap()))
        });
        semaphore.add_permits(1);
        asking.into_iter().for_each(|asking| asking.join().unwrap());
        assert_eq!(semaphore.available_permits(), 2);
        assert!(semaphore.try_acquire_many(2).is_ok());
    });
}
