//! A scope's end: the last that a child does with what it borrows against the return of the scope,
//! with a handle that joins, goes or is leaked meanwhile. By `Children` and `Child` themselves, on
//! plain threads.

use std::panic::{Location, resume_unwind};
use std::sync::Arc;

use loom::thread;

use super::Probe;
use super::loom_join::{refuse, run, task_of};
use crate::join::JoinHandle;
use crate::scope::child::Child;
use crate::scope::children::{Children, Ended};
use crate::task::{CauseKind, TaskRef};

/// What children borrow; alone by the scope's owner once the scope has returned.
type Frame = &'static Probe;

/// A value that touches what it borrows when it is dropped.
struct Borrowing(Frame);

impl Drop for Borrowing {
    fn drop(&mut self) {
        self.0.alone();
    }
}

fn scope() -> Arc<Children> {
    Arc::new(Children::new(CauseKind::Scope, Location::caller()))
}

fn spawn<T>(children: &Arc<Children>, body: impl FnOnce() -> T) -> (TaskRef, JoinHandle<T>) {
    task_of(body, |handle| (Child::enter(children, handle.task()), handle))
}

/// One child, run by a worker, and a scope's closure that has its handle: how the scope ended.
fn model<T: Send + 'static>(
    body: fn(Frame) -> T,
    worker: fn(&TaskRef),
    closure: fn(JoinHandle<T>),
    check: fn(Ended),
) {
    loom::model(move || {
        let frame = Box::into_raw(Box::new(Probe::new()));
        // SAFETY: freed when nobody may touch it any more, which is what the model is about.
        let borrowed: Frame = unsafe { &*frame };
        let children = scope();
        let (task, handle) = spawn(&children, move || body(borrowed));
        // The child's memory outlives the scope.
        let kept = task.clone();
        let worker = thread::spawn(move || worker(&task));
        closure(handle);
        let ended = children.wait_for_children(false);
        borrowed.alone();
        // SAFETY: made above, and freed once.
        drop(unsafe { Box::from_raw(frame) });
        worker.join().unwrap();
        drop(kept);
        check(ended);
    });
}

fn well(ended: Ended) {
    assert!(ended.panic.is_none() && !ended.interrupted);
}

fn start(task: &TaskRef) {
    run(task, false);
}

#[test]
fn loom_a_scope_returns_after_its_childs_last_touch() {
    model(Borrowing, start, drop, well);
}

#[test]
fn loom_a_joined_childs_value_is_gone_before_the_scope_returns() {
    model(Borrowing, start, |handle| drop(handle.join().unwrap()), well);
}

#[test]
fn loom_a_leaked_handles_value_is_not_touched_after_the_scope() {
    model(Borrowing, start, std::mem::forget, well);
}

#[test]
fn loom_a_handle_that_another_child_drops_takes_nothing_beyond_the_scope() {
    loom::model(|| {
        let frame = Box::into_raw(Box::new(Probe::new()));
        // SAFETY: freed when nobody may touch it any more, which is what the model is about.
        let borrowed: Frame = unsafe { &*frame };
        let children = scope();
        let (first, handle) = spawn(&children, move || Borrowing(borrowed));
        let (second, other) = spawn(&children, move || drop(handle));
        drop(other);
        let workers = [first, second].map(|task| thread::spawn(move || start(&task)));
        well(children.wait_for_children(false));
        borrowed.alone();
        // SAFETY: made above, and freed once.
        drop(unsafe { Box::from_raw(frame) });
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}

#[test]
fn loom_a_panic_is_the_scopes_whoever_drops_it() {
    let panics = |frame: Frame| {
        frame.alone();
        resume_unwind(Box::new("a child's"))
    };
    model::<()>(panics, start, drop, |ended| {
        assert_eq!(ended.panic.unwrap().downcast_ref(), Some(&"a child's"));
    });
}

#[test]
fn loom_a_refused_child_tells_its_scope_last() {
    model(Borrowing, refuse, drop, |ended| assert!(ended.refused.is_some()));
}

#[test]
fn loom_a_child_is_cancelled_that_enters_beside_the_cancel() {
    loom::model(|| {
        let children = scope();
        let theirs = children.clone();
        let canceller = thread::spawn(move || theirs.cancel_children());
        let (task, handle) = spawn(&children, || ());
        drop(handle);
        canceller.join().unwrap();
        assert!(task.word.is_cancelled());
        run(&task, true);
        well(children.wait_for_children(false));
    });
}
