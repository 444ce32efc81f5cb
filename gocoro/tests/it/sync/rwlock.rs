//! `RwLock` has readers together or one writer, in order.

use std::panic::{self, AssertUnwindSafe};
use std::sync::TryLockError;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use gocoro::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};
use gocoro::{go, task};

use super::{both, matrix, on_one_worker, order_of_waits, spawn};
use crate::support::{Random, on_workers, settle};

#[test]
fn readers_together_writers_alone() {
    matrix(|peer| {
        let lock = Arc::new((RwLock::new(0usize), AtomicUsize::new(0)));
        let work = |seed: u64, (lock, readers): &(RwLock<usize>, AtomicUsize)| {
            let mut random = Random::new(seed);
            for _ in 0..60 {
                if random.below(4) == 0 {
                    let mut value = lock.write().unwrap();
                    assert_eq!(readers.load(SeqCst), 0);
                    let before = *value;
                    task::yield_now();
                    assert_eq!(readers.load(SeqCst), 0);
                    *value = before + 1;
                } else {
                    let value = lock.read().unwrap();
                    let before = *value;
                    readers.fetch_add(1, SeqCst);
                    task::yield_now();
                    assert_eq!(*value, before);
                    readers.fetch_sub(1, SeqCst);
                }
            }
        };
        let peers: Vec<_> = (0..4)
            .map(|n| {
                let lock = lock.clone();
                spawn(peer, move || work(n, &lock))
            })
            .collect();
        work(4, &lock);
        peers.into_iter().for_each(|peer| peer.wait());
        assert!(lock.0.try_write().is_ok());
    });
}

#[test]
fn several_read_at_once() {
    both(|| {
        let lock = RwLock::new(1);
        let (a, b) = (lock.read().unwrap(), lock.read().unwrap());
        assert_eq!(*a + *b, 2);
        assert!(lock.try_read().is_ok());
        assert!(matches!(lock.try_write(), Err(TryLockError::WouldBlock)));
        drop((a, b));
        let writer = lock.try_write().unwrap();
        assert!(matches!(lock.try_read(), Err(TryLockError::WouldBlock)));
        assert!(matches!(lock.try_write(), Err(TryLockError::WouldBlock)));
        drop(writer);
        assert!(lock.try_read().is_ok());
    });
}

#[test]
fn first_come_first_served() {
    on_one_worker(|| {
        let lock = Arc::new(RwLock::new(()));
        let guard = lock.write().unwrap();
        let theirs = lock.clone();
        // Readers 0 and 1, writer 2, readers 3 and 4, writers 5 and 6, reader 7.
        let writes = |n| matches!(n, 2 | 5 | 6);
        let order = order_of_waits(
            8,
            move |n, got_it| {
                if writes(n) {
                    let _guard = theirs.write().unwrap();
                    got_it();
                    task::yield_now();
                } else {
                    let _guard = theirs.read().unwrap();
                    got_it();
                    task::yield_now();
                }
            },
            || drop(guard),
        );
        assert_eq!(order, (0..8).collect::<Vec<_>>());
    });
}

#[test]
fn a_reader_does_not_overtake_a_waiting_writer() {
    on_one_worker(|| {
        let lock = Arc::new(RwLock::new(0));
        let reading = lock.read().unwrap();
        let writer = go!(clone(lock) => { *lock.write().unwrap() = 1 });
        settle();
        assert!(lock.try_read().is_err());
        let reader = go!(clone(lock) => { *lock.read().unwrap() });
        settle();
        assert!(!reader.is_finished());
        drop(reading);
        writer.wait();
        assert_eq!(reader.wait(), 1);
    });
}

#[test]
fn a_writer_that_gives_up_lets_the_readers_behind_it_in() {
    on_one_worker(|| {
        let lock = Arc::new(RwLock::new(0));
        let reading = lock.read().unwrap();
        let writer = go!(clone(lock) => { *lock.write().unwrap() = 1 });
        settle();
        let readers: Vec<_> =
            (0..3).map(|_| go!(clone(lock) => { *lock.read().unwrap() })).collect();
        settle();
        writer.cancel();
        assert!(readers.into_iter().all(|reader| reader.wait() == 0));
        assert!(writer.join().unwrap_err().is_cancelled());
        drop(reading);
        assert!(lock.try_write().is_ok());
    });
}

#[test]
fn a_writer_becomes_a_reader() {
    matrix(|peer| {
        let lock = Arc::new(RwLock::new(0));
        let mut writing = lock.write().unwrap();
        let theirs = lock.clone();
        let reader = spawn(peer, move || *theirs.read().unwrap());
        settle();
        *writing = 5;
        let reading: RwLockReadGuard<'_, i32> = RwLockWriteGuard::downgrade(writing);
        assert_eq!(reader.wait(), 5);
        assert!(lock.try_write().is_err());
        drop(reading);
        assert!(lock.try_write().is_ok());
    });
}

#[test]
fn a_downgrade_does_not_let_a_writer_in() {
    on_one_worker(|| {
        let lock = Arc::new(RwLock::new(0));
        let writing = lock.write().unwrap();
        let writer = go!(clone(lock) => { *lock.write().unwrap() += 1 });
        settle();
        let reading = RwLockWriteGuard::downgrade(writing);
        settle();
        assert_eq!(*reading, 0);
        assert!(!writer.is_finished());
        drop(reading);
        writer.wait();
        assert_eq!(*lock.read().unwrap(), 1);
    });
}

#[test]
fn locking_what_the_task_writes_panics_and_names_it() {
    on_workers(|_| {
        let task = go!(name = "twice" => {
            let lock = RwLock::new(0);
            let _guard = lock.write().unwrap();
            let again: [fn(&RwLock<i32>); 2] =
                [|lock| drop(lock.read()), |lock| drop(lock.write())];
            again.map(|again| {
                let caught = panic::catch_unwind(AssertUnwindSafe(|| again(&lock)));
                *caught.unwrap_err().downcast::<String>().unwrap()
            })
        });
        for message in task.wait() {
            assert!(message.contains("'twice'") && message.contains("write-locked"), "{message}");
        }
    });
}

#[test]
fn the_value_comes_out() {
    let mut lock = RwLock::from(1);
    *lock.get_mut().unwrap() += 1;
    assert_eq!(lock.into_inner().unwrap(), 2);
    assert_eq!(RwLock::<String>::default().into_inner().unwrap(), "");
    let lock: &RwLock<[i32]> = &RwLock::new([1, 2, 3]);
    lock.write().unwrap()[0] = 4;
    assert_eq!(&*lock.read().unwrap(), &[4, 2, 3][..]);
}

#[test]
fn a_static_lock_works() {
    static NAME: RwLock<String> = RwLock::new(String::new());
    both(|| NAME.write().unwrap().push('x'));
    assert_eq!(*NAME.read().unwrap(), "xx");
}

#[test]
fn a_read_guard_is_covariant_as_in_std() {
    fn shorter<'a>(guard: RwLockReadGuard<'a, &'static str>) -> RwLockReadGuard<'a, &'a str> {
        guard
    }
    let lock = RwLock::new("static");
    assert_eq!(*shorter(lock.read().unwrap()), "static");
}

#[test]
fn prints_as_std_does() {
    let (ours, theirs) = (RwLock::new(1), std::sync::RwLock::new(1));
    assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
    {
        let guards = (ours.read().unwrap(), theirs.read().unwrap());
        assert_eq!(format!("{:?} {}", guards.0, guards.0), format!("{:?} {}", guards.1, guards.1));
    }
    let guards = (ours.write().unwrap(), theirs.write().unwrap());
    assert_eq!(format!("{ours:?}"), "RwLock { data: <locked>, poisoned: false, .. }");
    assert_eq!(format!("{:?} {}", guards.0, guards.0), format!("{:?} {}", guards.1, guards.1));
}
