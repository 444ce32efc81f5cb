//! The wakers that a wait hands out.

use std::future;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;

use gocoro::future::wait;
use gocoro::go;
use gocoro::sync::Event;
use gocoro::task;

use super::executor::from_fn;
use crate::support::{in_both_colours, on_workers, with_workers};

/// The waker of the task or thread that calls this.
fn own() -> Waker {
    wait(from_fn(|context| Poll::Ready(context.waker().clone())))
}

#[test]
fn the_wakers_of_one_task_know_each_other() {
    in_both_colours(|| {
        let (one, other) = (own(), own());
        assert!(one.will_wake(&other) && one.will_wake(&one.clone()));
        let theirs = go!({ own() }).wait();
        assert!(!one.will_wake(&theirs));
    });
}

#[test]
fn wakers_outlive_their_task_and_their_thread() {
    on_workers(|_| {
        let kept: Vec<Waker> = (0..10_000).map(|_| go!({ own() }).wait()).collect();
        let of_thread = thread::spawn(own).join().unwrap();
        // Calls from tasks of this runtime, from a plain thread, and after the clones' originals.
        kept.iter().for_each(Waker::wake_by_ref);
        of_thread.wake_by_ref();
        let clones = kept.clone();
        drop(kept);
        thread::spawn(move || {
            clones.iter().for_each(Waker::wake_by_ref);
            clones.into_iter().for_each(Waker::wake);
            of_thread.wake();
        })
        .join()
        .unwrap();
    });
}

#[test]
fn wakers_outlive_their_runtime() {
    let runtime = with_workers(2);
    let kept = runtime.run(|| (own(), go!({ own() }).wait()));
    drop(runtime);
    kept.0.wake_by_ref();
    kept.1.wake();
    go!({ kept.0.wake() }).wait();
}

#[test]
fn a_call_for_a_task_that_waits_for_something_else_changes_nothing() {
    on_workers(|_| {
        let (given, event) = (Arc::new(Mutex::new(None)), Arc::new(Event::new()));
        let (place, ends) = (given.clone(), event.clone());
        let task = go!({
            *place.lock().unwrap() = Some(own());
            ends.wait();
            assert!(ends.is_set());
            // The public token is another thing.
            task::park();
        });
        crate::support::until(|| given.lock().unwrap().is_some());
        let waker = given.lock().unwrap().take().unwrap();
        for _ in 0..100 {
            waker.wake_by_ref();
            task::yield_now();
        }
        assert!(!task.is_finished());
        event.set();
        for _ in 0..100 {
            waker.wake_by_ref();
            task::yield_now();
        }
        assert!(!task.is_finished());
        task.task().unpark();
        task.wait();
    });
}

#[test]
fn a_call_after_its_wait_polls_the_next_future_once_more() {
    in_both_colours(|| {
        let waker = own();
        waker.wake_by_ref();
        let ready = AtomicBool::new(false);
        let mut polls = 0;
        wait(from_fn(|context| {
            polls += 1;
            if ready.swap(true, SeqCst) {
                return Poll::Ready(());
            }
            // Of a wait that has ended, and is called now.
            waker.wake_by_ref();
            assert!(context.waker().will_wake(&waker));
            Poll::Pending
        }));
        assert_eq!(polls, 2);
    });
}

#[test]
fn a_waker_may_be_called_in_thread_local_destructors() {
    struct Calls(Waker);
    impl Drop for Calls {
        fn drop(&mut self) {
            self.0.wake_by_ref();
            // A thread that ends waits like any other.
            let waker = own();
            waker.wake();
        }
    }
    thread_local! {
        static CALLS: std::cell::RefCell<Option<Calls>> = const { std::cell::RefCell::new(None) };
    }
    in_both_colours(|| {
        let called = Arc::new(AtomicBool::new(false));
        let mut thread = None;
        wait(from_fn(|context| {
            let waker = context.waker().clone();
            let seen = called.clone();
            thread.get_or_insert_with(|| {
                thread::spawn(move || {
                    CALLS.set(Some(Calls(waker)));
                    seen.store(true, SeqCst);
                })
            });
            if called.load(SeqCst) { Poll::Ready(()) } else { Poll::Pending }
        }));
        thread.unwrap().join().unwrap();
    });
}

#[test]
fn scoped_tasks_wait_for_futures_of_what_they_borrow() {
    in_both_colours(|| {
        let text = String::from("abc");
        let kept = Mutex::new(Vec::new());
        task::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    kept.lock().unwrap().push(own());
                    assert_eq!(wait(async { text.len() }), 3);
                });
            }
        });
        drop(text);
        kept.into_inner().unwrap().into_iter().for_each(Waker::wake);
        wait(future::ready(()));
    });
}
