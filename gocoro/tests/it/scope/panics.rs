//! A child's panic is its joiner's, else the scope's, and the other children end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use gocoro::time::{sleep, timeout};
use gocoro::{go, task};

use super::{Alive, panic_of};
use crate::support::{NEVER, SOON, Slow, in_both_colours, on_drop, on_workers, until};

#[test]
fn a_childs_panic_is_its_joiners() {
    in_both_colours(|| {
        task::scope(|s| {
            let failed = s.spawn(|| panic!("expected"));
            let error = failed.join().unwrap_err();
            assert!(error.is_panic());
            assert_eq!(error.downcast_ref(), Some(&"expected"));
            assert!(error.to_string().contains("panics.rs"), "{error}");
        });
        let text = panic_of(|| task::scope(|s| s.spawn(|| panic!("waited for")).wait()));
        assert_eq!(text, "waited for");
    });
}

#[test]
fn an_unjoined_panic_cancels_the_others_and_the_closure_and_comes_out() {
    in_both_colours(|| {
        for held in [false, true] {
            let alive = Alive::default();
            let reached = AtomicBool::new(false);
            let text = panic_of(|| {
                task::scope(|s| {
                    for _ in 0..5 {
                        s.spawn(|| {
                            let _alive = alive.one();
                            sleep(NEVER);
                        });
                    }
                    let failing = s.spawn(|| {
                        sleep(SOON);
                        panic!("a child's");
                    });
                    if held {
                        // Dropped by the unwinding only if something else starts one.
                        until(|| failing.is_finished());
                    }
                    drop(failing);
                    let _alive = alive.one();
                    sleep(NEVER);
                    reached.store(true, SeqCst);
                })
            });
            assert_eq!(text, "a child's");
            assert_eq!((alive.count(), reached.into_inner()), (0, false));
        }
    });
}

#[test]
fn a_panic_is_kept_while_its_handle_is() {
    in_both_colours(|| {
        let text = panic_of(|| {
            task::scope(|s| {
                let failed = s.spawn(|| panic!("kept"));
                until(|| failed.is_finished());
                // Nothing is unwound as long as somebody can join it.
                sleep(SOON);
                drop(failed);
            })
        });
        assert_eq!(text, "kept");
    });
}

#[test]
fn the_closures_own_panic_goes_before_a_childs() {
    in_both_colours(|| {
        let text = panic_of(|| {
            task::scope(|s| {
                let failed = s.spawn(|| panic!("a child's"));
                until(|| failed.is_finished());
                drop(failed);
                panic!("mine");
            })
        });
        assert_eq!(text, "mine");
    });
}

#[test]
fn a_panicking_closure_cancels_its_children_and_waits_for_them() {
    in_both_colours(|| {
        let alive = Alive::default();
        let text = panic_of(|| {
            task::scope(|s| {
                for _ in 0..5 {
                    s.spawn(|| {
                        let _alive = alive.one();
                        // Slow to end.
                        let _slow = on_drop(|| (0..20).for_each(|_| task::yield_now()));
                        sleep(NEVER);
                    });
                }
                until(|| alive.count() > 0);
                panic!("mine");
            })
        });
        assert_eq!((text.as_str(), alive.count()), ("mine", 0));
    });
}

/// What they borrow is freed with the frame: on the heap, so that a tool which watches that would
/// see a child that came too late.
#[test]
fn children_read_the_frame_of_a_panic_until_they_end() {
    in_both_colours(|| {
        let read = Arc::new(AtomicUsize::new(0));
        let theirs = read.clone();
        let panicked = panic_of(move || {
            let frame: Vec<Box<usize>> = (0..100).map(Box::new).collect();
            let begun = AtomicUsize::new(0);
            let look = || {
                assert!(frame.iter().map(|value| **value).eq(0..100));
                theirs.fetch_add(1, SeqCst);
            };
            task::scope(|s| {
                for waits in [0, 1, 2, 3] {
                    let (begun, look) = (&begun, &look);
                    s.spawn(move || {
                        begun.fetch_add(1, SeqCst);
                        let _later = on_drop(|| {
                            (0..50 * waits).for_each(|_| task::yield_now());
                            look();
                        });
                        sleep(NEVER);
                    });
                }
                until(|| begun.load(SeqCst) == 4);
                panic!("of the frame");
            })
        });
        assert_eq!((panicked.as_str(), read.load(SeqCst)), ("of the frame", 4));
    });
}

#[test]
fn a_panic_in_a_closure_that_never_ran_is_its_tasks_panic() {
    on_workers(|_| {
        let guard = on_drop(|| panic!("in the closure"));
        let task = go!(local => drop(guard));
        task.cancel();
        assert_eq!(task.join().unwrap_err().downcast_ref(), Some(&"in the closure"));
        let text = panic_of(|| {
            task::scope(|s| {
                let guard = on_drop(|| panic!("in the closure"));
                s.spawn_local(move || drop(guard)).cancel();
            })
        });
        assert_eq!(text, "in the closure");
    });
}

#[test]
fn a_panic_in_a_value_nobody_takes_is_a_childs_panic() {
    on_workers(|_| {
        let text =
            panic_of(|| task::scope(|s| drop(s.spawn(|| on_drop(|| panic!("in the value"))))));
        assert_eq!(text, "in the value");
    });
}

/// A cancel that ends the wait of an abandoned value's destructor is not the child's panic.
#[test]
fn a_cancel_in_an_abandoned_values_destructor_is_no_panic() {
    on_workers(|_| {
        let cut = timeout(SOON, || {
            task::scope(|s| {
                drop(s.spawn(|| Slow));
            });
        });
        assert!(cut.is_err());
    });
}
