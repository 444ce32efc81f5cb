//! What once went wrong with scopes and groups.

use std::fmt::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use gocoro::runtime::LocalRuntime;
use gocoro::sync::Event;
use gocoro::task::{self, TaskGroup};
use gocoro::task_local;
use gocoro::time::{sleep, timeout};

use crate::support::{Colour, NEVER, SOON, bounded, on_drop, on_workers};

/// A value whose destructor waits.
struct Slow;

impl Drop for Slow {
    fn drop(&mut self) {
        sleep(NEVER);
    }
}

/// The cancel that ended the wait of an abandoned value's destructor was taken for the child's panic, and the
/// scope raised it in its owner.
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

task_local! {
    static LOCAL: Slow = Slow;
}

/// What is left of a member that has spoken was thought to be a few instructions, so the wait for it could not be
/// cut short.
#[test]
fn a_wait_for_a_member_that_drops_its_locals_is_cut_short() {
    on_workers(|_| {
        let group = TaskGroup::new();
        group.spawn(|| LOCAL.with(|_| ()));
        assert!(timeout(SOON, || group.next()).is_err());
        assert_eq!(group.len(), 1);
    });
}

/// A writer that lets a member end.
struct Gives<'a>(&'a Event);

impl Write for Gives<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text == "ended" {
            self.0.set();
            for _ in 0..4 {
                task::yield_now();
            }
        }
        Ok(())
    }
}

/// The group was locked while it was written about: a member that ended meanwhile blocked the worker.
#[test]
fn a_group_is_not_locked_while_it_is_shown() {
    bounded(|| {
        Colour::Task.run(1, || {
            let go = Arc::new(Event::new());
            let group = TaskGroup::new();
            let theirs = go.clone();
            group.spawn(move || theirs.wait());
            task::yield_now();
            write!(Gives(&go), "{group:?}").unwrap();
            assert!(group.next().unwrap().is_ok());
        });
    });
}

/// A child that was refused, as the runtime was closed, panicked in the destructor that had spawned it, and so ended
/// the process.
#[test]
fn a_scope_in_a_destructor_does_not_end_a_process_that_shuts_down() {
    let (ran, went_on) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let mut runtime = LocalRuntime::new().unwrap();
    let (theirs, last) = (ran.clone(), went_on.clone());
    let task = runtime.spawn(move || {
        let _last = on_drop(move || last.store(true, SeqCst));
        let _flush = on_drop(move || {
            task::scope(|s| {
                s.spawn(move || theirs.store(true, SeqCst));
            });
        });
        task::park();
    });
    runtime.poll_once(Some(Duration::ZERO));
    drop(runtime);
    assert!(task.is_finished() && went_on.load(SeqCst) && !ran.load(SeqCst));
}
