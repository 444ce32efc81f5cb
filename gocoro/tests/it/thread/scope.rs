//! Scopes end after all of their threads, whoever panics.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gocoro::time::timeout;
use gocoro::{go, task, thread};

use super::{text, twice};
use crate::support::{NEVER, SOON, in_both_colours, on_workers, until};

const PAUSE: Duration = Duration::from_millis(5);

twice! {
    fn threads_borrow_and_are_waited_for() {
        let (mut left, right) = (vec![1, 2, 3], AtomicUsize::new(0));
        let value = thread::scope(|s| {
            s.spawn(|| left.push(4));
            let sum = s.spawn(|| {
                // Threads of a scope spawn into it.
                s.spawn(|| {
                    thread::sleep(PAUSE);
                    right.fetch_add(1, SeqCst)
                });
                right.fetch_add(10, SeqCst);
                "done"
            });
            let handle = sum.thread().clone();
            assert_ne!(handle.id(), thread::current().id());
            sum.join().unwrap()
        });
        assert_eq!((value, left.len(), right.load(SeqCst)), ("done", 4, 11));
        let text = String::from("abc");
        let named = thread::scope(|s| {
            let builder = thread::Builder::new().name("measures".to_string());
            let handle = builder.spawn_scoped(s, || (text.len(), thread::current())).unwrap();
            while !handle.is_finished() {
                thread::yield_now();
            }
            let (length, thread) = handle.join().unwrap();
            format!("{length} {:?}", thread.name())
        });
        assert_eq!(named, r#"3 Some("measures")"#);
        assert_eq!(thread::scope(|_| 1), 1);
    }

    fn a_panic_that_nobody_joined_is_told_after_all_have_ended() {
        let ended = AtomicUsize::new(0);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            thread::scope(|s| {
                s.spawn(|| panic_any("the payload is lost"));
                for _ in 0..3 {
                    s.spawn(|| {
                        thread::sleep(PAUSE);
                        ended.fetch_add(1, SeqCst);
                    });
                }
                thread::sleep(PAUSE * 2);
                // The closure is not disturbed.
                ended.fetch_add(10, SeqCst);
            });
        }));
        assert_eq!(text(&*caught.unwrap_err()), "a scoped thread panicked");
        assert_eq!(ended.load(SeqCst), 13);
    }

    fn a_panic_that_was_joined_is_the_joiners() {
        let value = thread::scope(|s| {
            let failed = s.spawn(|| panic!("mine"));
            let payload = failed.join().unwrap_err();
            assert_eq!(payload.downcast_ref::<&str>(), Some(&"mine"));
            7
        });
        assert_eq!(value, 7);
        // A handle that is dropped after the end has not taken it.
        let caught = catch_unwind(|| {
            thread::scope(|s| {
                let failed = s.spawn(|| panic!("dropped later"));
                while !failed.is_finished() {
                    thread::yield_now();
                }
                drop(failed);
            });
        });
        assert_eq!(text(&*caught.unwrap_err()), "a scoped thread panicked");
    }

    fn the_closures_panic_goes_first_and_ends_nobody() {
        let ended = AtomicUsize::new(0);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            thread::scope(|s| {
                s.spawn(|| {
                    thread::sleep(PAUSE);
                    ended.fetch_add(1, SeqCst);
                });
                s.spawn(|| panic!("a thread's"));
                panic!("the closure's");
            });
        }));
        assert_eq!(text(&*caught.unwrap_err()), "the closure's");
        assert_eq!(ended.load(SeqCst), 1);
    }

    fn values_that_nobody_joins_are_dropped_before_the_scope_ends() {
        struct Borrows<'a>(&'a AtomicUsize);
        impl Drop for Borrows<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(1, SeqCst);
            }
        }
        let drops = AtomicUsize::new(0);
        thread::scope(|s| {
            for _ in 0..5 {
                s.spawn(|| {
                    thread::yield_now();
                    Borrows(&drops)
                });
            }
        });
        assert_eq!(drops.load(SeqCst), 5);
    }

    fn scopes_nest() {
        let log = Mutex::new(Vec::new());
        thread::scope(|outer| {
            outer.spawn(|| {
                thread::scope(|inner| {
                    inner.spawn(|| log.lock().unwrap().push(1));
                });
                log.lock().unwrap().push(2);
            });
        });
        assert_eq!(log.into_inner().unwrap(), [1, 2]);
    }
}

/// What ends the caller ends its threads: nobody else would.
#[test]
fn a_timeout_around_a_scope_cancels_its_threads() {
    in_both_colours(|| {
        let (ended, inside) = (AtomicUsize::new(0), AtomicBool::new(false));
        let late = timeout(SOON, || {
            thread::scope(|s| {
                for _ in 0..3 {
                    s.spawn(|| {
                        let _count = crate::support::on_drop(|| {
                            ended.fetch_add(1, SeqCst);
                        });
                        thread::sleep(NEVER);
                    });
                }
            });
            inside.store(true, SeqCst);
        });
        assert!(late.is_err() && !inside.load(SeqCst));
        // A thread that was cancelled before its start has no guard.
        assert!(ended.load(SeqCst) <= 3);
        // Out of the closure, too.
        let late = timeout(SOON, || {
            thread::scope(|s| {
                s.spawn(|| thread::sleep(NEVER));
                thread::sleep(NEVER);
            });
        });
        assert!(late.is_err());
    });
}

#[test]
fn a_cancelled_task_ends_with_its_scopes_threads() {
    on_workers(|_| {
        let (begun, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let scope = go!(clone(begun, ended) => {
            let borrowed = [1, 2];
            thread::scope(|s| {
                s.spawn(|| {
                    let _ended = crate::support::on_drop(|| {
                        assert_eq!(borrowed, [1, 2]);
                        ended.store(true, SeqCst);
                    });
                    begun.store(true, SeqCst);
                    thread::sleep(NEVER);
                });
            });
        });
        until(|| begun.load(SeqCst));
        scope.cancel();
        assert!(scope.join().unwrap_err().is_cancelled());
        assert!(ended.load(SeqCst));
    });
}

/// A thread that is cancelled by somebody else did not panic.
#[test]
fn a_thread_that_was_cancelled_does_not_fail_its_scope() {
    on_workers(|_| {
        let told = thread::scope(|s| {
            let own = s.spawn(|| {
                task::current().cancel();
                thread::sleep(NEVER);
            });
            s.spawn(|| {
                task::current().cancel();
                thread::sleep(NEVER);
            });
            own.join().unwrap_err()
        });
        let text = text(&*told);
        assert!(text.contains("was cancelled"), "{text}");
    });
}

/// What asks, or waits for nothing, in a loop lets the worker's other tasks run.
#[test]
fn loops_give_way() {
    on_workers(|_| {
        let has_run = Arc::new(AtomicBool::new(false));
        let other = go!(clone(has_run) => has_run.store(true, SeqCst));
        while !has_run.load(SeqCst) {
            thread::scope(|_| ());
        }
        other.wait();
        let handle = thread::spawn(|| 1);
        while !handle.is_finished() {}
        assert_eq!(handle.join().unwrap(), 1);
    });
}

#[test]
fn debug_tells_how_many_threads_there_are() {
    on_workers(|_| {
        thread::scope(|s| {
            let handle = s.spawn(thread::park);
            let text = format!("{s:?} {handle:?}");
            assert!(text.contains("children: 1") && text.contains("finished: false"), "{text}");
            handle.thread().unpark();
        });
    });
}
