//! Members end when their group is cancelled or dropped, and a cancelled wait for them takes
//! nothing.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};

use gocoro::go;
use gocoro::sync::Event;
use gocoro::task::{self, JoinError, TaskGroup};
use gocoro::time::sleep;

use crate::group::parked;
use crate::support::{NEVER, in_both_colours, on_drop, on_workers, until};

#[test]
fn dropping_a_group_cancels_and_waits() {
    in_both_colours(|| {
        let ended = Arc::new(AtomicUsize::new(0));
        let group = TaskGroup::new();
        for _ in 0..5 {
            let (begun, has_begun) = mpsc::channel();
            let ended = ended.clone();
            group.spawn(move || {
                let _guard = on_drop(|| {
                    (0..20).for_each(|_| task::yield_now());
                    ended.fetch_add(1, SeqCst);
                });
                begun.send(()).unwrap();
                sleep(NEVER);
            });
            until(|| has_begun.try_recv().is_ok());
        }
        drop(group);
        assert_eq!(ended.load(SeqCst), 5);
    });
}

#[test]
fn a_group_dropped_by_a_cancelled_task_waits_behind_a_shield() {
    on_workers(|_| {
        let ended = Arc::new(AtomicUsize::new(0));
        let handle = go!(clone(ended) => {
            let group = TaskGroup::new();
            let (begun, has_begun) = mpsc::channel();
            group.spawn(move || {
                let _guard = on_drop(|| {
                    (0..20).for_each(|_| task::yield_now());
                    ended.fetch_add(1, SeqCst);
                });
                begun.send(()).unwrap();
                sleep(NEVER);
            });
            until(|| has_begun.try_recv().is_ok());
            task::current().cancel();
            // No unwinding yet: the drop's wait is held whole.
            drop(group);
        });
        handle.join().unwrap();
        assert_eq!(ended.load(SeqCst), 1);
    });
}

#[test]
fn a_group_dropped_by_an_unwinding_cancels_and_does_not_wait() {
    in_both_colours(|| {
        let ended = Arc::new(AtomicUsize::new(0));
        let ours = ended.clone();
        let caught = panic::catch_unwind(AssertUnwindSafe(move || {
            let group = TaskGroup::new();
            let (begun, has_begun) = mpsc::channel();
            group.spawn(move || {
                let _guard = on_drop(|| {
                    ours.fetch_add(1, SeqCst);
                });
                begun.send(()).unwrap();
                sleep(NEVER);
            });
            until(|| has_begun.try_recv().is_ok());
            panic!("expected");
        }));
        assert!(caught.is_err());
        until(|| ended.load(SeqCst) == 1);
    });
}

#[test]
fn cancel_all_cancels_once_and_results_still_come() {
    in_both_colours(|| {
        let group = TaskGroup::new();
        for _ in 0..10 {
            group.spawn(|| sleep(NEVER));
        }
        group.cancel_all();
        group.cancel_all();
        group.spawn(|| ());
        let results = group.join_all();
        assert!(
            results[..10].iter().all(|result| result.as_ref().is_err_and(JoinError::is_cancelled))
        );
        assert!(results[10].is_ok());
    });
}

#[test]
fn a_cancelled_spawn_leaves_its_place_to_the_next() {
    on_workers(|_| {
        let group = Arc::new(TaskGroup::with_limit(1));
        let first = parked(&group, 0);
        let spawner = |n| go!(clone(group) => group.spawn(move || n));
        let (cut, whole) = (spawner(1), spawner(2));
        crate::support::settle();
        cut.cancel();
        assert!(cut.join().unwrap_err().is_cancelled());
        first.unpark();
        whole.wait();
        group.spawn(|| 3);
        let mut values: Vec<_> = std::iter::from_fn(|| group.next()).map(Result::unwrap).collect();
        values.sort_unstable();
        assert_eq!(values, [0, 2, 3]);
    });
}

#[test]
fn cancel_all_reaches_what_others_have_spawned() {
    in_both_colours(|| {
        let group = Arc::new(TaskGroup::new());
        let theirs = group.clone();
        let stop = Arc::new(Event::new());
        let spawner = go!(clone(stop) => {
            let mut count = 0;
            while !stop.is_set() {
                theirs.spawn(|| sleep(NEVER));
                count += 1;
                task::yield_now();
            }
            count
        });
        until(|| group.len() > 10);
        group.cancel_all();
        stop.set();
        let count = spawner.wait();
        // All that were spawned before the last look are reached by it.
        group.cancel_all();
        let results = Arc::into_inner(group).unwrap().join_all();
        assert_eq!(results.len(), count);
        assert!(results.into_iter().all(|result| result.is_err_and(|error| error.is_cancelled())));
    });
}
