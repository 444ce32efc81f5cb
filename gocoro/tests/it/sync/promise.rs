//! `promise` gives its value to all who wait, or says that none will come.

use std::error::Error;
use std::thread;
use std::time::Instant;

use gocoro::go;
use gocoro::sync::{AbandonedPromise, Arc, promise};
use gocoro::time::sleep;

use super::{Counted, Drops, both, matrix, on_one_worker, spawn};
use crate::support::{SOON, assert_cancelled, on_workers, settle, until};

#[test]
fn set_once_read_by_many_many_times() {
    matrix(|peer| {
        let (promise, deferred) = promise();
        let readers: Vec<_> = (0..5)
            .map(|_| {
                let deferred = deferred.clone();
                spawn(peer, move || (*deferred.wait().unwrap(), *deferred.wait().unwrap()))
            })
            .collect();
        settle();
        assert!(readers.iter().all(|reader| !reader.is_finished()));
        assert_eq!(deferred.get(), None);
        promise.set(7);
        assert_eq!((deferred.get(), deferred.wait()), (Some(&7), Ok(&7)));
        assert!(!deferred.is_abandoned());
        assert!(readers.into_iter().all(|reader| reader.wait() == (7, 7)));
    });
}

#[test]
fn the_other_side_may_set_it() {
    matrix(|peer| {
        let (promise, deferred) = promise();
        let setter = spawn(peer, move || promise.set(String::from("done")));
        assert_eq!(deferred.wait().unwrap(), "done");
        setter.wait();
    });
}

#[test]
fn dropping_the_promise_abandons_it() {
    matrix(|peer| {
        let (promise, deferred) = promise::<i32>();
        let theirs = deferred.clone();
        let reader = spawn(peer, move || theirs.wait().copied());
        settle();
        assert!(!deferred.is_abandoned());
        drop(promise);
        assert_eq!(reader.wait(), Err(AbandonedPromise));
        assert_eq!((deferred.wait(), deferred.get()), (Err(AbandonedPromise), None));
        assert!(deferred.is_abandoned());
    });
}

#[test]
fn a_task_that_ends_early_abandons_its_promise() {
    on_one_worker(|| {
        let (promise, deferred) = promise::<i32>();
        let setter = go!({
            gocoro::task::park();
            promise.set(1);
        });
        settle();
        setter.cancel();
        assert_eq!(deferred.wait(), Err(AbandonedPromise));
        assert_cancelled(setter);
    });
}

#[test]
fn the_value_is_dropped_once_and_last() {
    both(|| {
        let drops = Drops::default();
        let (promise, deferred) = promise();
        let another = deferred.clone();
        promise.set(Counted(drops.clone()));
        drop(deferred);
        assert_eq!(drops.count(), 0);
        drop(another);
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn a_value_that_is_not_send_stays_on_its_worker() {
    on_one_worker(|| {
        let (promise, deferred) = promise();
        let reader = go!(local => { std::rc::Rc::clone(deferred.wait().unwrap()) });
        settle();
        promise.set(std::rc::Rc::new(5));
        assert_eq!(*reader.wait(), 5);
    });
}

#[test]
fn says_what_it_is() {
    let (promise, deferred) = promise();
    assert_eq!(format!("{deferred:?}"), "Deferred(<pending>)");
    assert_eq!(format!("{promise:?}"), "Promise { .. }");
    promise.set(1);
    assert_eq!(format!("{deferred:?}"), "Deferred(1)");
    let (promise, deferred) = gocoro::sync::promise::<i32>();
    drop(promise);
    assert_eq!(format!("{deferred:?}"), "Deferred(<abandoned>)");
    let error: Arc<dyn Error + Send + Sync> = Arc::new(AbandonedPromise);
    assert!(error.to_string().contains("dropped"));
}

#[test]
fn a_result_is_not_there_then_it_is_and_stays() {
    on_workers(|_| {
        let (promise, future) = promise();
        assert_eq!(future.get(), None);
        promise.set(10);
        assert_eq!((future.get(), future.wait()), (Some(&10), Ok(&10)));

        let task = go!({ 10 });
        until(|| task.is_finished());
        task.cancel();
        assert_eq!(task.join().unwrap(), 10);
    });
}

#[test]
fn a_value_and_an_error_are_both_kept() {
    let (promise, future) = promise();
    promise.set((42, Some("error")));
    assert_eq!(future.get(), Some(&(42, Some("error"))));
}

#[test]
fn a_thread_may_sleep_and_give_its_result_to_a_task() {
    on_workers(|_| {
        let (promise, future) = promise();
        let begun = Instant::now();
        let thread = thread::spawn(move || {
            sleep(SOON);
            promise.set(42);
        });
        assert_eq!(future.wait(), Ok(&42));
        assert!(begun.elapsed() >= SOON);
        until(|| thread.is_finished());
        thread.join().unwrap();
    });
}
