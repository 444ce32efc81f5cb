//! `Mutex` has one holder, and is handed over in order.

use std::panic::{self, AssertUnwindSafe};
use std::sync::TryLockError;

use gocoro::go;
use gocoro::sync::{Arc, Mutex};
use gocoro::task::{self};

use super::{Counted, Drops, both, matrix, on_one_worker, order_of_waits, spawn};
use crate::support::{Colour, on_workers, settle, until};

#[test]
fn one_at_a_time_also_across_waits() {
    matrix(|peer| {
        let total = Arc::new(Mutex::new(0));
        let add = |total: &Mutex<usize>, times| {
            for n in 0..times {
                let mut total = total.lock().unwrap();
                let before = *total;
                if n % 4 == 0 {
                    task::yield_now();
                }
                *total = before + 1;
            }
        };
        let peers: Vec<_> = (0..4)
            .map(|_| {
                let total = total.clone();
                spawn(peer, move || add(&total, 100))
            })
            .collect();
        add(&total, 100);
        peers.into_iter().for_each(|peer| peer.wait());
        assert_eq!(*total.lock().unwrap(), 500);
    });
}

#[test]
fn waits_for_the_holder_and_sees_what_it_did() {
    matrix(|peer| {
        let mutex = Arc::new(Mutex::new(Vec::new()));
        let mut guard = mutex.lock().unwrap();
        let theirs = mutex.clone();
        let waiter = spawn(peer, move || theirs.lock().unwrap().clone());
        settle();
        assert!(!waiter.is_finished());
        guard.push(1);
        drop(guard);
        assert_eq!(waiter.wait(), [1]);
    });
}

#[test]
fn try_lock_does_not_wait() {
    both(|| {
        let mutex = Mutex::new(1);
        let guard = mutex.try_lock().unwrap();
        assert!(matches!(mutex.try_lock(), Err(TryLockError::WouldBlock)));
        drop(guard);
        *mutex.try_lock().unwrap() += 1;
        assert_eq!(*mutex.lock().unwrap(), 2);
    });
}

#[test]
fn first_come_first_served() {
    on_one_worker(|| {
        let mutex = Arc::new(Mutex::new(()));
        let guard = mutex.lock().unwrap();
        let theirs = mutex.clone();
        let order = order_of_waits(
            20,
            move |_, got_it| {
                let _guard = theirs.lock().unwrap();
                got_it();
                task::yield_now();
            },
            || drop(guard),
        );
        assert_eq!(order, (0..20).collect::<Vec<_>>());
    });
}

#[test]
fn whoever_unlocks_does_not_overtake_those_who_wait() {
    on_one_worker(|| {
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut guard = log.lock().unwrap();
        let waiter = go!(clone(log) => { log.lock().unwrap().push("waiter") });
        settle();
        guard.push("first");
        drop(guard);
        assert!(log.try_lock().is_err(), "it is the waiter's already");
        log.lock().unwrap().push("second");
        waiter.wait();
        assert_eq!(*log.lock().unwrap(), ["first", "waiter", "second"]);
    });
}

#[test]
fn a_task_is_not_kept_waiting_by_one_that_locks_in_a_loop() {
    on_workers(|_| {
        let mutex = Arc::new(Mutex::new(false));
        let spinner = go!(clone(mutex) => { while !*mutex.lock().unwrap() {} });
        let polite = go!(clone(mutex) => { *mutex.lock().unwrap() = true });
        polite.wait();
        spinner.wait();
        // A task that tries to lock in a loop does not starve the waiters either.
        let guard = mutex.lock().unwrap();
        let trier = go!(clone(mutex) => { while mutex.try_lock().is_err() {} });
        settle();
        drop(guard);
        trier.wait();
    });
}

#[test]
fn locking_twice_in_a_task_panics_and_names_it() {
    on_workers(|_| {
        let mutex = Arc::new(Mutex::new(0));
        let task = go!(name = "twice", clone(mutex) => {
            let mut guard = mutex.lock().unwrap();
            let again = panic::catch_unwind(AssertUnwindSafe(|| drop(mutex.lock())));
            let message = *again.unwrap_err().downcast::<String>().unwrap();
            *guard += 1;
            message
        });
        let message = task.wait();
        assert!(message.contains("'twice'") && message.contains("sync/mutex.rs"), "{message}");
        assert!(message.contains("locked already"), "{message}");
        assert_eq!(*mutex.lock().unwrap(), 1);
        // A task that took its turn and let go again is not meant.
        drop(mutex.lock());
        drop(mutex.lock());
    });
}

#[test]
fn locking_twice_on_a_thread_panics_too() {
    let mutex = Mutex::new(0);
    let guard = mutex.lock().unwrap();
    let again = panic::catch_unwind(AssertUnwindSafe(|| drop(mutex.lock())));
    let message = *again.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("thread"), "{message}");
    drop(guard);
    assert!(mutex.lock().is_ok());
}

#[test]
fn a_forgotten_guard_keeps_it_locked() {
    on_one_worker(|| {
        let mutex = Arc::new(Mutex::new(()));
        go!(clone(mutex) => { std::mem::forget(mutex.lock().unwrap()) }).wait();
        // Also for a task that gets the memory of the one that ended.
        for _ in 0..10 {
            let waiter = go!(clone(mutex) => { drop(mutex.lock()) });
            settle();
            assert!(!waiter.is_finished());
            waiter.cancel();
            assert!(waiter.join().unwrap_err().is_cancelled());
        }
        assert!(mutex.try_lock().is_err());
    });
}

#[test]
fn the_value_comes_out() {
    let drops = Drops::default();
    let mutex = Mutex::new(Counted(drops.clone()));
    let value = mutex.into_inner().unwrap();
    assert_eq!(drops.count(), 0);
    drop(value);
    assert_eq!(drops.count(), 1);

    let mut mutex = Mutex::from(4);
    *mutex.get_mut().unwrap() += 1;
    assert_eq!(mutex.into_inner().unwrap(), 5);
    assert_eq!(Mutex::<String>::default().into_inner().unwrap(), "");
}

#[test]
fn dropping_a_mutex_drops_the_value() {
    let drops = Drops::default();
    drop(Mutex::new(Counted(drops.clone())));
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_static_mutex_works() {
    static TOTAL: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    both(|| TOTAL.lock().unwrap().push(1));
    assert_eq!(*TOTAL.lock().unwrap(), [1, 1]);
}

#[test]
fn what_it_guards_may_be_unsized() {
    let mutex: &Mutex<[i32]> = &Mutex::new([1, 2, 3]);
    mutex.lock().unwrap()[1] = 7;
    assert_eq!(&*mutex.lock().unwrap(), &[1, 7, 3][..]);
}

#[test]
fn mutexes_nest() {
    both(|| {
        let inner = Arc::new(Mutex::new(1));
        let outer = Mutex::new(inner);
        let outer_guard = outer.lock().unwrap();
        assert_eq!(*outer_guard.lock().unwrap(), 1);
    });
}

#[test]
fn a_guard_unlocks_when_a_destructor_takes_it() {
    both(|| {
        let mutex = Arc::new(Mutex::new(1));
        struct Unwinder(Arc<Mutex<i32>>);
        impl Drop for Unwinder {
            fn drop(&mut self) {
                *self.0.lock().unwrap() += 1;
            }
        }
        let theirs = mutex.clone();
        let _ = panic::catch_unwind(AssertUnwindSafe(|| {
            let _unwinder = Unwinder(theirs);
            panic!("expected");
        }));
        assert_eq!(*mutex.lock().unwrap(), 2);
    });
}

#[test]
fn prints_as_std_does() {
    let (ours, theirs) = (Mutex::new(1), std::sync::Mutex::new(1));
    assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
    assert_eq!(format!("{ours:#?}"), format!("{theirs:#?}"));
    let guards = (ours.lock().unwrap(), theirs.lock().unwrap());
    assert_eq!(format!("{ours:?}"), "Mutex { data: <locked>, poisoned: false, .. }");
    assert_eq!(format!("{:?} {}", guards.0, guards.0), format!("{:?} {}", guards.1, guards.1));
}

#[test]
fn a_guard_may_go_to_another_task_of_the_worker() {
    on_one_worker(|| {
        let mutex = Mutex::new(1);
        let guard = mutex.lock().unwrap();
        task::scope(|s| s.spawn_local(|| drop(guard)).join().unwrap());
        *mutex.lock().unwrap() += 1;
        assert_eq!(*mutex.lock().unwrap(), 2);
    });
}

#[test]
fn many_tasks_wait_for_one() {
    on_workers(|_| {
        let mutex = Arc::new(Mutex::new(0));
        let guard = mutex.lock().unwrap();
        let tasks: Vec<_> =
            (0..2_000).map(|_| go!(clone(mutex) => { *mutex.lock().unwrap() += 1 })).collect();
        settle();
        drop(guard);
        until(|| *mutex.lock().unwrap() == 2_000);
        tasks.into_iter().for_each(|task| task.wait());
    });
}

#[test]
fn an_unlock_hands_over_to_who_has_waited_longest() {
    Colour::Task.run(1, || {
        let lock = Arc::new(gocoro::sync::Mutex::new(Vec::new()));
        let held = lock.lock().unwrap();
        let waiting: Vec<_> = (0..4)
            .map(|n| {
                let task = go!(clone(lock) => { lock.lock().unwrap().push(n) });
                settle();
                task
            })
            .collect();
        waiting[1].cancel();
        settle();
        drop(held);
        for (n, task) in waiting.into_iter().enumerate() {
            assert_eq!(task.join().is_err(), n == 1);
        }
        assert_eq!(*lock.lock().unwrap(), [0, 2, 3]);
    });
}
