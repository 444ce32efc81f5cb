//! A cancelled wait for a primitive loses nothing, and leaves nothing locked.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use gocoro::go;
use gocoro::sync::{
    Arc, Barrier, Condvar, Event, Mutex, Once, OnceLock, RwLock, Semaphore, WaitGroup, promise,
};
use gocoro::task::{self, JoinHandle};
use gocoro::time::timeout;

use crate::support::{Colour, HANG, SOON, assert_cancelled, on_drop, on_workers, settle, until};
use crate::sync::{COLOURS, on_one_worker};

type Wait = Box<dyn FnOnce() + Send>;

/// Every wait there is, for something that never comes.
fn waits() -> Vec<(&'static str, Wait)> {
    let mutex = Arc::new(Mutex::new(()));
    let lock = Arc::new(RwLock::new(()));
    go!(clone(mutex, lock) => { std::mem::forget((mutex.lock(), lock.write())) }).wait();
    let read = lock.clone();
    let (promise, deferred) = promise::<()>();
    vec![
        ("Mutex::lock", Box::new(move || drop(mutex.lock()))),
        ("RwLock::read", Box::new(move || drop(read.read()))),
        ("RwLock::write", Box::new(move || drop(lock.write()))),
        (
            "Condvar::wait",
            Box::new(|| {
                let mutex = Mutex::new(());
                drop(Condvar::new().wait(mutex.lock().unwrap()));
            }),
        ),
        (
            "Barrier::wait",
            Box::new(|| {
                Barrier::new(2).wait();
            }),
        ),
        ("Once::wait", Box::new(|| Once::new().wait())),
        ("OnceLock::wait", Box::new(|| *OnceLock::new().wait())),
        ("Event::wait", Box::new(|| Event::new().wait())),
        ("Event::wait, auto", Box::new(|| Event::auto().wait())),
        ("Semaphore::acquire", Box::new(|| drop(Semaphore::new(0).acquire()))),
        (
            "WaitGroup::wait",
            Box::new(|| {
                let group = WaitGroup::new();
                group.add(1);
                group.wait();
            }),
        ),
        (
            "Deferred::wait",
            Box::new(move || {
                let _promise = promise;
                let _ = deferred.wait();
            }),
        ),
    ]
}

fn cancelled_in(name: &str, wait: Box<dyn FnOnce() + Send>, settled: bool) -> JoinHandle<()> {
    let (begun, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let task = go!(name = name, clone(begun, dropped) => {
        let _dropped = on_drop(move || _ = dropped.fetch_add(1, SeqCst));
        begun.fetch_add(1, SeqCst);
        wait();
        unreachable!("the wait returned");
    });
    until(|| begun.load(SeqCst) == 1);
    if settled {
        settle();
    }
    task.cancel();
    until(|| dropped.load(SeqCst) == 1);
    task
}

#[test]
fn every_wait_for_a_primitive_can_be_cancelled() {
    on_workers(|_| {
        for settled in [false, true] {
            for (name, wait) in waits() {
                assert_cancelled(cancelled_in(name, wait, settled));
            }
        }
    });
}

#[test]
fn every_wait_for_a_primitive_can_be_bounded() {
    for colour in COLOURS {
        colour.run(2, || {
            for (name, wait) in waits() {
                let waited = timeout(SOON, || {
                    wait();
                    unreachable!("{name} returned");
                });
                assert!(waited.is_err(), "{name}");
            }
        });
    }
}

#[test]
fn operations_that_do_not_wait_are_cancel_points_once_in_a_while() {
    on_workers(|_| {
        type Loop = fn(&(Mutex<()>, RwLock<()>, Semaphore, Event));
        let loops: [Loop; 6] = [
            |all| drop(all.0.lock()),
            |all| drop(all.1.read()),
            |all| drop(all.1.write()),
            |all| drop(all.2.acquire()),
            |all| all.3.wait(),
            |all| drop(all.0.try_lock()),
        ];
        for operation in loops {
            let all = (Mutex::new(()), RwLock::new(()), Semaphore::new(1), Event::new());
            all.3.set();
            let all = Arc::new(all);
            let task = go!(clone(all) => {
                loop {
                    operation(&all);
                }
            });
            task.cancel();
            assert!(task.join().unwrap_err().is_cancelled());
            assert!(all.0.try_lock().is_ok() && all.1.try_write().is_ok());
            assert_eq!(all.2.available_permits(), 1);
        }
    });
}

#[test]
fn a_lock_that_was_granted_is_had_and_the_cancel_waits() {
    on_one_worker(|| {
        let locks = Arc::new((Mutex::new(0), RwLock::new(0)));
        let held = (locks.0.lock().unwrap(), locks.1.write().unwrap());
        let mutex = go!(clone(locks) => {
            *locks.0.lock().unwrap() += 1;
            task::yield_now();
            unreachable!("the cancel waits here");
        });
        let lock = go!(clone(locks) => {
            *locks.1.write().unwrap() += 1;
            task::yield_now();
            unreachable!("the cancel waits here");
        });
        settle();
        drop(held);
        mutex.cancel();
        lock.cancel();
        assert_cancelled(mutex);
        assert_cancelled(lock);
        assert_eq!((*locks.0.lock().unwrap(), *locks.1.write().unwrap()), (1, 1));
    });
}

#[test]
fn one_in_the_middle_of_the_queue_leaves_the_others_alone() {
    on_one_worker(|| {
        let mutex = Arc::new(Mutex::new(Vec::new()));
        let guard = mutex.lock().unwrap();
        let tasks: Vec<_> = (0..5)
            .map(|n| {
                let task = go!(clone(mutex) => { mutex.lock().unwrap().push(n) });
                settle();
                task
            })
            .collect();
        for n in [0, 2, 4] {
            tasks[n].cancel();
        }
        settle();
        drop(guard);
        let ended: Vec<_> = tasks.into_iter().map(|task| task.join().is_ok()).collect();
        assert_eq!(ended, [false, true, false, true, false]);
        assert_eq!(*mutex.lock().unwrap(), [1, 3]);
    });
}

#[test]
fn locks_wait_also_in_a_destructor_of_a_cancelled_task() {
    on_one_worker(|| {
        let mutex = Arc::new(Mutex::new(0));
        let guard = mutex.lock().unwrap();
        let task = go!(clone(mutex) => {
            let _locks = on_drop(move || *mutex.lock().unwrap() += 1);
            task::park();
        });
        settle();
        task.cancel();
        settle();
        assert!(!task.is_finished());
        drop(guard);
        assert_cancelled(task);
        assert_eq!(*mutex.lock().unwrap(), 1);
    });
}

/// One that is unwound by a cancel has not come: the others wait for another one.
#[test]
fn whoever_leaves_a_barrier_is_not_counted() {
    const ROUNDS: usize = 4_000;
    Colour::Task.run(2, || {
        for round in 0..ROUNDS {
            let barrier = Arc::new(Barrier::new(2));
            let begun = Arc::new(AtomicBool::new(false));
            let leaver = go!(clone(barrier, begun) => {
                begun.store(true, SeqCst);
                if catch_unwind(AssertUnwindSafe(|| barrier.wait())).is_err() {
                    // The leaver waits at the barrier again, so that the other task can leave it.
                    task::shield(|| barrier.wait());
                }
            });
            // Not to be on its worker.
            while !begun.load(SeqCst) {
                std::thread::yield_now();
            }
            pause(round % 8);
            leaver.cancel();
            pause(round % 61);
            barrier.wait();
            if leaver.join_timeout(HANG / 3).is_err() {
                // Not to hang in its turn.
                barrier.wait();
                panic!("the other one went through without it, in round {round}");
            }
        }
    });
}

fn pause(times: usize) {
    for _ in 0..50 * times {
        std::hint::spin_loop();
    }
}

#[test]
fn who_stops_waiting_leaves_what_others_wait_for() {
    Colour::Task.run(1, || {
        let (promise, future) = promise();
        let waiting: Vec<_> =
            (0..3).map(|_| go!(clone(future) => { *future.wait().unwrap() })).collect();
        settle();
        waiting[1].cancel();
        settle();
        promise.set(1);
        let ended: Vec<_> = waiting.into_iter().map(|task| task.join().ok()).collect();
        assert_eq!(ended, [Some(1), None, Some(1)]);
    });
}

#[test]
fn one_that_is_cancelled_takes_no_permit() {
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
fn a_wait_for_a_group_can_be_cancelled() {
    on_one_worker(|| {
        let group = Arc::new(WaitGroup::new());
        group.add(1);
        let waiters: Vec<_> = (0..2).map(|_| go!(clone(group) => { group.wait() })).collect();
        settle();
        waiters[0].cancel();
        settle();
        group.done();
        let mut waiters = waiters.into_iter();
        assert_cancelled(waiters.next().unwrap());
        waiters.next().unwrap().wait();
    });
}

#[test]
fn whoever_is_cancelled_has_not_come_to_the_barrier() {
    on_one_worker(|| {
        let barrier = Arc::new(Barrier::new(3));
        let tasks: Vec<_> =
            (0..2).map(|_| go!(clone(barrier) => { barrier.wait().is_leader() })).collect();
        settle();
        tasks[0].cancel();
        settle();
        let another = go!(clone(barrier) => { barrier.wait().is_leader() });
        settle();
        assert!(!another.is_finished() && !tasks[1].is_finished());
        assert!(barrier.wait().is_leader());
        assert!(!another.wait());
        let mut tasks = tasks.into_iter();
        assert_cancelled(tasks.next().unwrap());
        assert!(!tasks.next().unwrap().wait());
    });
}

#[test]
fn a_reader_of_a_promise_may_be_cancelled_or_gone() {
    on_one_worker(|| {
        let (promise, deferred) = promise();
        let readers: Vec<_> =
            (0..3).map(|_| go!(clone(deferred) => { *deferred.wait().unwrap() })).collect();
        settle();
        readers[1].cancel();
        drop(deferred);
        settle();
        promise.set(3);
        let ended: Vec<_> = readers.into_iter().map(|reader| reader.join().ok()).collect();
        assert_eq!(ended, [Some(3), None, Some(3)]);
        // With nobody left to read it.
        let (promise, deferred) = gocoro::sync::promise();
        drop(deferred);
        promise.set(3);
    });
}
