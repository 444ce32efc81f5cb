//! When a scope or its task is cancelled, the scope's children end, and nothing else does.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};

use gocoro::go;
use gocoro::sync::Event;
use gocoro::task::{self, Scope};
use gocoro::time::sleep;

use crate::scope::{Alive, panic_of};
use crate::support::{Colour, NEVER, SOON, in_both_colours, on_drop, on_workers, settle, until};

/// Spawns children that wait for a cancel, and waits until they do.
fn waiting<'scope>(s: &'scope Scope<'scope, '_>, alive: &'scope Alive, count: usize) {
    let before = alive.count();
    for _ in 0..count {
        s.spawn(|| {
            let _alive = alive.one();
            sleep(NEVER);
        });
    }
    until(|| alive.count() == before + count);
}

#[test]
fn the_children_end_and_the_scope_returns_its_value() {
    in_both_colours(|| {
        let alive = Alive::default();
        let value = task::scope(|s| {
            waiting(s, &alive, 3);
            let handle = s.spawn(|| sleep(NEVER));
            s.cancel();
            s.cancel();
            let error = handle.join().unwrap_err();
            assert!(error.is_cancelled());
            let text = error.to_string();
            assert!(
                text.contains("was cancelled at") && text.contains("cancel/scope.rs"),
                "{text}"
            );
            // The closure goes on, and waits as it likes.
            task::yield_now();
            7
        });
        assert_eq!((value, alive.count()), (7, 0));
        task::scope(|s| s.cancel());
    });
}

#[test]
fn those_that_are_spawned_later_are_cancelled_too() {
    in_both_colours(|| {
        task::scope(|s| {
            s.cancel();
            let handles = [(); 3].map(|()| s.spawn(|| sleep(NEVER)));
            drop(s.spawn(|| sleep(NEVER)));
            for handle in handles {
                assert!(handle.join().unwrap_err().is_cancelled());
            }
        });
    });
    // On one worker they do not even begin.
    Colour::Task.run(1, || {
        let begun = AtomicUsize::new(0);
        task::scope(|s| {
            s.cancel();
            s.spawn(|| begun.fetch_add(1, SeqCst));
        });
        assert_eq!(begun.into_inner(), 0);
    });
}

#[test]
fn a_child_cancels_its_siblings_and_itself() {
    in_both_colours(|| {
        let alive = Alive::default();
        let went_on = AtomicUsize::new(0);
        let value = task::scope(|s| {
            waiting(s, &alive, 3);
            let child = s.spawn(|| {
                s.cancel();
                went_on.fetch_add(1, SeqCst);
                task::park();
                went_on.fetch_add(1, SeqCst);
            });
            child.join().unwrap_err().is_cancelled()
        });
        assert!(value && alive.count() == 0);
        assert_eq!(went_on.into_inner(), 1);
    });
}

#[test]
fn local_children_and_those_of_children_end_too() {
    on_workers(|_| {
        let ended = Cell::new(0);
        task::scope(|s| {
            let begun = Event::new();
            s.spawn_local({
                let (ended, begun) = (&ended, Arc::new(begun));
                let theirs = begun.clone();
                s.spawn_local(move || {
                    theirs.wait();
                    s.cancel();
                });
                move || {
                    let _guard = on_drop(|| ended.set(ended.get() + 1));
                    task::scope(|inner| {
                        inner.spawn(|| sleep(NEVER));
                        begun.set();
                    });
                }
            });
        });
        assert_eq!(ended.get(), 1);
    });
}

#[test]
fn a_childs_panic_is_raised_as_ever() {
    in_both_colours(|| {
        let text = panic_of(|| {
            task::scope(|s| {
                let begun = Arc::new(Event::new());
                let theirs = begun.clone();
                s.spawn(move || {
                    theirs.set();
                    let caught = std::panic::catch_unwind(|| sleep(NEVER));
                    assert!(caught.is_ok(), "in its end");
                });
                begun.wait();
                s.cancel();
            })
        });
        assert_eq!(text, "in its end");
    });
}

#[test]
fn a_cancel_that_comes_while_it_waits_is_thrown_at_its_end() {
    // On one worker, so that what settles here is all there is.
    Colour::Task.run(1, || {
        let [begun, go] = [(); 2].map(|()| Arc::new(Event::new()));
        let parent = go!(clone(begun, go) => {
            task::scope(|s| {
                s.spawn(|| {
                    task::shield(|| {
                        begun.set();
                        go.wait();
                    });
                });
                begun.wait();
                s.cancel();
            });
            unreachable!("the scope throws that its task was cancelled");
        });
        begun.wait();
        settle();
        parent.cancel();
        settle();
        assert!(!parent.is_finished(), "the wait for children is not cut short");
        go.set();
        assert!(parent.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_cancelled_task_cancels_its_children_before_it_ends() {
    on_workers(|_| {
        // In the closure's own wait, in a join, and in the scope's wait.
        for place in 0..3 {
            let alive = Arc::new(Alive::default());
            let (begun, has_begun) = mpsc::channel();
            let parent = go!(clone(alive) => {
                let _alive = alive.one();
                task::scope(|s| {
                    let handle = s.spawn(|| {
                        let _alive = alive.one();
                        begun.send(()).unwrap();
                        sleep(NEVER);
                    });
                    match place {
                        0 => sleep(NEVER),
                        1 => handle.join().unwrap(),
                        _ => {}
                    }
                });
                unreachable!("the scope throws what it cancelled its children for");
            });
            until(|| has_begun.try_recv().is_ok());
            settle();
            parent.cancel();
            assert!(parent.join().unwrap_err().is_cancelled(), "{place}");
            assert_eq!(alive.count(), 0);
        }
    });
}

#[test]
fn a_child_cancelled_by_its_handle_leaves_the_others_alone() {
    in_both_colours(|| {
        let value = task::scope(|s| {
            let other = s.spawn(|| {
                sleep(SOON);
                1
            });
            let early = s.spawn(|| sleep(NEVER));
            early.cancel();
            drop(early);
            let joined = s.spawn(|| sleep(NEVER));
            joined.cancel();
            assert!(joined.join().unwrap_err().is_cancelled());
            other.join().unwrap()
        });
        assert_eq!(value, 1);
    });
}
