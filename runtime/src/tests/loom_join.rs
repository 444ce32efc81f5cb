//! The joiner's slot: a task's end against a joiner that comes, leaves, and comes again; and who
//! drops the result. By `JoinHandle` itself, on plain threads.

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use loom::thread;

use super::Probe;
use crate::join::{self, JoinHandle};
use crate::stack::SizeClass;
use crate::task::word::Completed;
use crate::task::{self, Created, Kind, TaskRef};

const OWNER: u16 = 7;

/// A result that tells when it is dropped, and by whom it was touched.
pub(super) struct Tracked {
    drops: Arc<AtomicUsize>,
    touched: Probe,
}

impl Tracked {
    pub(super) fn take(self) {
        self.touched.alone();
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.touched.alone();
        self.drops.fetch_add(1, Relaxed);
    }
}

/// A task that returns a tracked result, its handle, and the count of its drops.
pub(super) fn task() -> (TaskRef, JoinHandle<Tracked>, Arc<AtomicUsize>) {
    let drops = Arc::new(AtomicUsize::new(0));
    let theirs = drops.clone();
    let body = move || {
        let tracked = Tracked { drops: theirs, touched: Probe::new() };
        tracked.touched.alone();
        tracked
    };
    let created = Created {
        id: 1,
        home: 1,
        kind: Kind { local: false, daemon: false },
        class: SizeClass::holding(0).unwrap(),
        spawned_at: Location::caller(),
        meta: None,
    };
    let (task, spawned) = task::create(body, created);
    (task, JoinHandle::new(spawned), drops)
}

/// As a worker: claims the task, runs it, wakes its joiner.
pub(super) fn run(task: &TaskRef, cancelled: bool) {
    let _ = task.word.claim(OWNER);
    if cancelled {
        task.word.mark_cancelled();
    }
    // SAFETY: claimed just now.
    complete(task, unsafe { task.execute(cancelled) });
}

fn complete(task: &TaskRef, wanted: bool) {
    // SAFETY: as the worker that claimed and executed it.
    match unsafe { task.complete(wanted, || ()) } {
        // SAFETY: DONE with JOINER, once.
        Completed::Done { joiner: true, .. } => unsafe { join::wake_joiner(task) },
        Completed::Done { .. } => {}
        Completed::Unwanted => panic!("the runtime completes again"),
    }
}

fn model(worker: fn(&TaskRef), joiner: fn(JoinHandle<Tracked>), drops: usize) {
    loom::model(move || {
        let (task, handle, dropped) = task();
        // The result goes by its own rules, not with the memory.
        let _kept = task.clone();
        let worker = thread::spawn(move || worker(&task));
        joiner(handle);
        worker.join().unwrap();
        assert_eq!(dropped.load(Relaxed), drops);
    });
}

#[test]
fn loom_a_joiner_is_woken_and_gets_the_result() {
    model(|task| run(task, false), |handle| handle.join().unwrap().take(), 1);
}

#[test]
fn loom_a_joiner_that_leaves_is_not_touched_and_may_come_again() {
    let joiner = |handle: JoinHandle<Tracked>| match handle.join_timeout(Duration::ZERO) {
        Ok(result) => result.unwrap().take(),
        Err(handle) => handle.join().unwrap().take(),
    };
    model(|task| run(task, false), joiner, 1);
}

#[test]
fn loom_a_joiner_that_leaves_for_good_drops_the_result_or_leaves_it_to_the_task() {
    let joiner = |handle: JoinHandle<Tracked>| drop(handle.join_timeout(Duration::ZERO));
    model(|task| run(task, false), joiner, 1);
}

#[test]
fn loom_a_result_is_dropped_once() {
    model(|task| run(task, false), drop, 1);
}

#[test]
fn loom_a_cancelled_task_wakes_its_joiner() {
    let joiner = |handle: JoinHandle<Tracked>| {
        assert!(handle.join().is_err_and(|error| error.is_cancelled()));
    };
    model(|task| run(task, true), joiner, 0);
}

#[test]
fn loom_a_refused_task_wakes_its_joiner() {
    let worker = |task: &TaskRef| {
        task.word.claim_to_refuse();
        // SAFETY: claimed just now.
        complete(task, unsafe { task.refuse() });
    };
    let joiner = |handle: JoinHandle<Tracked>| {
        assert!(handle.join().is_err_and(|error| error.is_refused()));
    };
    model(worker, joiner, 0);
}
