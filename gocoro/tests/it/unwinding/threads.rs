//! A local runtime goes on while its thread panics, and takes that panic for nobody else's.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use gocoro::runtime::LocalRuntime;
use gocoro::sync::{Event, Mutex, RwLock};
use gocoro::task;
use gocoro::time::sleep;

use crate::support::{Ends, NEVER, bounded, on_drop};
use crate::sync::poisoned;

/// Its tasks are cancelled when it is dropped.
#[test]
fn a_local_runtime_ends_while_its_thread_panics() {
    let ended = Rc::new(Cell::new(0));
    let theirs = ended.clone();
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let mut runtime = LocalRuntime::new().unwrap();
        let ends = Ends(theirs.clone());
        runtime.spawn(move || {
            let _ends = ends;
            loop {
                task::yield_now();
            }
        });
        let ends = Ends(theirs);
        runtime.spawn(move || {
            let _ends = ends;
            task::park();
        });
        runtime.poll_once(Some(Duration::ZERO));
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
    assert_eq!(ended.get(), 2);
}

/// Drops something after `f`, while this thread panics.
fn while_the_thread_panics<T>(kept: T, f: impl FnOnce(&mut T)) {
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let mut kept = kept;
        let _guard = on_drop(move || {
            f(&mut kept);
            drop(kept);
        });
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
}

/// A task that swallowed a cancel is not taken for one that unwinds.
#[test]
fn a_swallowed_cancel_is_thrown_again_while_the_thread_panics() {
    bounded(|| {
        let throws = Rc::new(Cell::new(0));
        let theirs = throws.clone();
        let mut runtime = LocalRuntime::new().unwrap();
        let task = runtime.spawn(move || {
            for _ in 0..3 {
                if catch_unwind(|| sleep(NEVER)).is_err() {
                    theirs.set(theirs.get() + 1);
                }
            }
            sleep(NEVER);
        });
        runtime.poll_once(Some(Duration::ZERO));
        while_the_thread_panics(runtime, |_| ());
        assert_eq!(throws.get(), 3);
        assert!(task.join().unwrap_err().is_cancelled());
    });
}

/// No turn wakes a cancelled task that waits in its destructor.
#[test]
fn a_destructor_waits_at_rest_while_the_thread_panics() {
    bounded(|| {
        let gate = Arc::new(Event::new());
        let theirs = gate.clone();
        let mut runtime = LocalRuntime::new().unwrap();
        let task = runtime.spawn(move || {
            let _guard = on_drop(move || theirs.wait());
            sleep(NEVER);
        });
        runtime.poll_once(Some(Duration::ZERO));
        let rests = Rc::new(Cell::new(false));
        let seen = rests.clone();
        while_the_thread_panics((runtime, task), move |(runtime, task)| {
            task.cancel();
            seen.set((0..1000).any(|_| !runtime.poll_once(Some(Duration::ZERO))));
            gate.set();
        });
        assert!(rests.get());
    });
}

/// Runs `inside` in a destructor of this panicking thread, with a runtime that was there before.
fn in_a_panicking_thread<T>(
    prepare: impl FnOnce(&mut LocalRuntime) -> T,
    inside: impl FnOnce(LocalRuntime, T),
) {
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut runtime = LocalRuntime::new().unwrap();
        let prepared = prepare(&mut runtime);
        let _runs = on_drop(|| inside(runtime, prepared));
        panic!("expected");
    }));
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"expected"));
}

/// The panic is not that of the task which unlocks.
#[test]
fn a_lock_that_is_left_on_a_panicking_thread_is_not_poisoned() {
    let (locks, returned) = (Rc::new((Mutex::new(()), RwLock::new(()))), Cell::new(false));
    in_a_panicking_thread(
        |runtime| {
            let theirs = locks.clone();
            let holder = runtime.spawn(move || {
                let _guards = (theirs.0.lock().unwrap(), theirs.1.write().unwrap());
                task::park();
            });
            runtime.poll_once(Some(Duration::ZERO));
            holder
        },
        |mut runtime, holder| {
            holder.task().unpark();
            runtime.run_until_idle();
            returned.set(holder.join().is_ok());
        },
    );
    assert!(returned.get());
    assert_eq!(poisoned(&locks), (false, false));
}

/// A cancelled task that waits in a destructor is woken by what it waits for, not by each turn of
/// its worker.
#[test]
fn a_cancelled_task_sleeps_on_a_panicking_thread() {
    const MANY: usize = 1_000;
    let polls = Cell::new(0);
    in_a_panicking_thread(
        |runtime| {
            let waits = runtime.spawn(|| {
                let _waits = on_drop(task::park);
                task::park();
            });
            runtime.poll_once(Some(Duration::ZERO));
            waits
        },
        |mut runtime, waits| {
            waits.cancel();
            while polls.get() < MANY && runtime.poll_once(Some(Duration::ZERO)) {
                polls.set(polls.get() + 1);
            }
            waits.task().unpark();
        },
    );
    assert!(polls.get() < MANY);
}

/// A task that waits in the middle of its panic when its local runtime is left gets no cancel
/// thrown into its unwinding when the runtime goes on.
#[test]
fn a_task_still_unwinds_when_its_local_runtime_is_entered_again() {
    bounded(|| {
        let mut runtime = LocalRuntime::new().unwrap();
        let unwinding = runtime.spawn(|| {
            let _later = on_drop(|| (0..5).for_each(|_| task::yield_now()));
            let _waits = on_drop(task::park);
            panic::panic_any("expected");
        });
        let unwinding: task::JoinHandle<()> = unwinding;
        runtime.poll_once(Some(Duration::ZERO));
        unwinding.cancel();
        unwinding.task().unpark();
        drop(runtime);
        assert!(unwinding.join().unwrap_err().is_panic());
    });
}
