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
use crate::scheduler::NoFamily;
use crate::stack::SizeClass;
use crate::task::{self, Created, Family, How, Kind, TaskRef};

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

/// A task that has entered its family, and what `enter` made of its handle.
pub(super) fn task_of<T, M: Family, H>(
    body: impl FnOnce() -> T,
    enter: impl FnOnce(JoinHandle<T>) -> (M, H),
) -> (TaskRef, H) {
    let created = Created {
        id: 1,
        kind: Kind { local: false, daemon: false },
        class: SizeClass::holding(0).unwrap(),
        spawned_at: Location::caller(),
        meta: None,
    };
    task::create(body, created, |spawned| enter(JoinHandle::new(spawned)))
}

/// What returns a tracked result, and the count of its drops.
pub(super) fn tracked() -> (impl FnOnce() -> Tracked + Send + 'static, Arc<AtomicUsize>) {
    let drops = Arc::new(AtomicUsize::new(0));
    let theirs = drops.clone();
    let body = move || {
        let tracked = Tracked { drops: theirs, touched: Probe::new() };
        tracked.touched.alone();
        tracked
    };
    (body, drops)
}

/// As a worker: claims the task, runs it, tells its family, wakes its joiner.
pub(super) fn run(task: &TaskRef, cancelled: bool) {
    // Owned by nobody: the workers of these models have no inboxes, which a cancel would be pushed
    // to.
    task.word.claim_to_refuse();
    if cancelled {
        task.word.mark_cancelled();
    }
    let how = if cancelled { How::Cancel } else { How::Run };
    // SAFETY: claimed just now.
    complete(task, unsafe { task.execute(how) });
}

/// As who ends a task that nobody will start.
pub(super) fn refuse(task: &TaskRef) {
    task.word.claim_to_refuse();
    // SAFETY: claimed just now.
    complete(task, unsafe { task.execute(How::Refuse) });
}

fn complete(task: &TaskRef, wanted: bool) {
    // SAFETY: as the worker that claimed and executed it.
    if unsafe { task.complete(wanted, || ()) }.joiner {
        // SAFETY: DONE with JOINER, once.
        unsafe { join::wake_joiner(task) };
    }
}

fn model(worker: fn(&TaskRef), joiner: fn(JoinHandle<Tracked>), drops: usize) {
    loom::model(move || {
        let (body, dropped) = tracked();
        let (task, handle) = task_of(body, |handle| (NoFamily, handle));
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
    let joiner = |handle: JoinHandle<Tracked>| {
        assert!(handle.join().is_err_and(|error| error.is_refused()));
    };
    model(refuse, joiner, 0);
}
