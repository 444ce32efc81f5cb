//! A shield holds a cancel back, a checkpoint asks for it, and the error says where it came from.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use gocoro::go;
use gocoro::sync::promise;
use gocoro::task::{self, TaskGroup};
use gocoro::time::{sleep, timeout};

use crate::support::{Colour, NEVER, SOON, on_drop, on_workers, settle, until, with_workers};

#[test]
fn a_shield_holds_a_cancel_back_until_it_is_left() {
    on_workers(|_| {
        let steps = Arc::new(AtomicUsize::new(0));
        let (entered, has_entered) = mpsc::channel();
        let handle = go!(clone(steps) => {
            let inside = task::shield(|| {
                entered.send(()).unwrap();
                task::park();
                steps.fetch_add(1, SeqCst);
                sleep(SOON);
                go!({ sleep(SOON) }).wait();
                steps.fetch_add(1, SeqCst);
                assert!(task::is_cancelled());
                task::checkpoint();
                "whole"
            });
            assert_eq!(inside, "whole");
            steps.fetch_add(1, SeqCst);
            sleep(NEVER);
            steps.fetch_add(1, SeqCst);
        });
        until(|| has_entered.try_recv().is_ok());
        handle.cancel();
        handle.task().unpark();
        assert!(handle.join().unwrap_err().is_cancelled());
        assert_eq!(steps.load(SeqCst), 3);
    });
}

#[test]
fn a_shield_hides_outer_timeouts_and_not_inner_ones() {
    for colour in [Colour::Task, Colour::Thread] {
        colour.run(1, || {
            let mut left = false;
            let ended = timeout(Duration::ZERO, || {
                let inner = task::shield(|| {
                    sleep(SOON);
                    timeout(SOON, || sleep(NEVER))
                });
                left = inner.is_err();
                sleep(NEVER);
            });
            assert!(ended.is_err() && left);
        });
    }
}

#[test]
fn a_shield_restores_waits_in_a_destructor_of_a_cancelled_task() {
    on_workers(|_| {
        let waited = Arc::new(AtomicBool::new(false));
        let handle = go!(clone(waited) => {
            let _guard = on_drop(|| {
                task::shield(|| sleep(SOON));
                waited.store(true, SeqCst);
            });
            task::current().cancel();
            sleep(NEVER);
        });
        assert!(handle.join().unwrap_err().is_cancelled());
        assert!(waited.load(SeqCst));
    });
}

#[test]
fn shields_nest_and_return_at_once_without_waits() {
    for colour in [Colour::Task, Colour::Thread] {
        colour.run(1, || assert_eq!(task::shield(|| task::shield(|| 4)), 4));
    }
}

#[test]
fn a_checkpoint_ends_a_computation_that_never_waits() {
    on_workers(|workers| {
        let (begun, has_begun) = mpsc::channel();
        let handle = go!({
            begun.send(()).unwrap();
            loop {
                task::checkpoint();
            }
        });
        if workers == 1 {
            task::yield_now();
        }
        until(|| has_begun.try_recv().is_ok());
        handle.cancel();
        assert!(handle.join().unwrap_err().is_cancelled());
    });
    for colour in [Colour::Task, Colour::Thread] {
        colour.run(1, || {
            let endless = || {
                loop {
                    task::checkpoint();
                }
            };
            assert!(timeout::<()>(SOON, endless).is_err());
        });
    }
}

#[test]
fn a_checkpoint_sees_a_cancel_from_another_thread() {
    let runtime = with_workers(1);
    let (begun, has_begun) = mpsc::channel();
    let handle = runtime.spawn(move || {
        begun.send(()).unwrap();
        while !task::is_cancelled() {
            std::hint::spin_loop();
        }
        task::checkpoint();
        unreachable!("cancelled");
    });
    has_begun.recv().unwrap();
    handle.cancel();
    assert!(handle.join().unwrap_err().is_cancelled());
}

#[test]
fn plain_threads_are_never_cancelled() {
    assert!(!task::is_cancelled());
    task::checkpoint();
    assert_eq!(task::remaining_stack(), None);
}

#[test]
fn the_error_of_a_cancelled_task_says_what_cancelled_it() {
    let text = |error: task::JoinError| {
        assert!(error.is_cancelled());
        error.to_string()
    };
    let runtime = with_workers(2);
    runtime.run(|| {
        let handle = go!({ sleep(NEVER) });
        let line = line!() + 1;
        handle.cancel();
        let here = text(handle.join().unwrap_err());
        assert!(here.contains(&format!("cancelled at {}:{line}:", file!())), "{here}");
        assert!(here.contains("by task "), "{here}");

        let group = TaskGroup::new();
        group.spawn(|| sleep(NEVER));
        let results = group.shutdown(Duration::ZERO);
        let group = text(results.into_iter().next().unwrap().unwrap_err());
        assert!(group.contains("by its group") && group.contains(file!()), "{group}");

        let (send, receive) = mpsc::channel();
        let (joining, is_joining) = mpsc::channel();
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            task::scope(|s| {
                let waits = s.spawn(|| sleep(NEVER));
                // The sibling that joins is cancelled too.
                s.spawn(move || {
                    task::shield(|| {
                        joining.send(()).unwrap();
                        send.send(text(waits.join().unwrap_err())).unwrap();
                    });
                });
                until(|| is_joining.try_recv().is_ok());
                let unjoined = s.spawn(|| panic!("expected"));
                drop(unjoined);
                sleep(NEVER);
            })
        }));
        assert!(caught.is_err());
        let scope = receive.try_recv().unwrap();
        assert!(scope.contains("by its scope, opened at") && scope.contains(file!()), "{scope}");
    });
    let handle = runtime.spawn(|| sleep(NEVER));
    drop(runtime);
    let end = text(handle.join().unwrap_err());
    assert!(end.contains("end of its runtime"), "{end}");
}

#[test]
fn what_is_shielded_goes_on_when_who_waits_is_cancelled() {
    Colour::Task.run(1, || {
        let (promise, future) = promise();
        let waiting = go!(clone(future) => { *future.wait().unwrap() });
        let shielded = go!(clone(future) => { task::shield(|| *future.wait().unwrap()) });
        settle();
        waiting.cancel();
        shielded.cancel();
        assert!(waiting.join().unwrap_err().is_cancelled());
        promise.set(7);
        assert_eq!(shielded.join().unwrap(), 7, "it waited on, and then it returned");
        assert_eq!(future.get(), Some(&7));
    });
}
