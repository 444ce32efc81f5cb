//! A task that is cancelled before its start never runs, and its closure is dropped where it may
//! wait.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread;

use gocoro::go;
use gocoro::runtime::LocalRuntime;
use gocoro::task::{self, JoinHandle};
use gocoro::time::sleep;

use crate::support::{
    Colour, NEVER, SOON, assert_cancelled, bounded, on_drop, on_workers, settle, with_workers,
};

#[test]
fn destructors_of_a_closure_that_never_ran_may_wait() {
    on_workers(|_| {
        let ended = Arc::new(AtomicBool::new(false));
        let flag = ended.clone();
        let taken = on_drop(move || {
            sleep(SOON);
            go!({ sleep(SOON) }).wait();
            flag.store(true, SeqCst);
        });
        let task = go!({ drop(taken) });
        task.cancel();
        match task.join() {
            // Another worker was faster than the cancel.
            Ok(()) => {}
            Err(error) => assert!(error.is_cancelled(), "{error}"),
        }
    });
    let ended = Arc::new(AtomicBool::new(false));
    let flag = ended.clone();
    with_workers(1).run(move || {
        let taken = on_drop(move || {
            sleep(SOON);
            flag.store(true, SeqCst);
        });
        let task = go!({ drop(taken) });
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
    });
    assert!(ended.load(SeqCst));
}

#[test]
fn a_task_cancelled_before_its_start_never_runs() {
    on_workers(|_| {
        let (ran, drops) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..1_000)
            .map(|_| {
                let counter = drops.clone();
                let taken = on_drop(move || {
                    // On a task's stack, for it may wait.
                    assert!(task::try_current().is_some());
                    task::yield_now();
                    assert_eq!(go!({ 7 }).wait(), 7);
                    counter.fetch_add(1, SeqCst);
                });
                let task = go!(clone(ran) => {
                    let _taken = taken;
                    ran.fetch_add(1, SeqCst);
                    sleep(NEVER);
                });
                task.cancel();
                task
            })
            .collect();
        tasks.into_iter().for_each(assert_cancelled);
        assert_eq!(drops.load(SeqCst), 1_000);
        let alone = with_workers(1).run(|| {
            let task = go!({ unreachable!("it was cancelled") });
            task.cancel();
            let _: &JoinHandle<()> = &task;
            task.join().unwrap_err().is_cancelled()
        });
        assert!(alone);
    });
}

#[test]
fn a_local_task_is_dropped_on_its_worker_whoever_cancels_it() {
    let (sender, receiver) = mpsc::channel::<task::Task>();
    let (done, is_done) = mpsc::channel();
    let other = thread::spawn(move || {
        for task in receiver {
            task.cancel();
            done.send(()).unwrap();
        }
    });
    bounded(move || {
        LocalRuntime::new().unwrap().run(|| {
            let here = thread::current().id();
            let drops = Rc::new(Cell::new(0));
            for started in [false, true] {
                let counter = drops.clone();
                let taken = on_drop(move || {
                    assert_eq!(thread::current().id(), here);
                    task::yield_now();
                    counter.set(counter.get() + 1);
                });
                let task = go!(local => {
                    let _taken = taken;
                    sleep(NEVER);
                });
                if started {
                    settle();
                }
                sender.send(task.task().clone()).unwrap();
                // Without a wait in which the task would start.
                is_done.recv().unwrap();
                assert_cancelled(task);
            }
            assert_eq!(drops.get(), 2);
        });
    });
    other.join().unwrap();
}

#[test]
fn neither_a_cancelled_task_nor_the_child_of_a_cancelled_parent_begins() {
    Colour::Task.run(1, || {
        let ran = Arc::new(AtomicUsize::new(0));
        let task = go!(clone(ran) => { ran.fetch_add(1, SeqCst) });
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        let parent = go!(clone(ran) => {
            task::current().cancel();
            task::scope(|s| {
                s.spawn(|| ran.fetch_add(1, SeqCst));
            });
        });
        assert!(parent.join().unwrap_err().is_cancelled());
        assert_eq!(ran.load(SeqCst), 0);
    });
}
