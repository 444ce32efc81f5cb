//! What once went wrong with locks and other waits.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc;
use std::time::Duration;

use gocoro::go;
use gocoro::runtime::LocalRuntime;
use gocoro::sync::{Arc, Barrier, Event, LazyLock, Mutex, RwLock};
use gocoro::task;
use gocoro::time::timeout;

use crate::support::{Colour, HANG, SOON, bounded, on_drop, on_workers, until, with_workers};

/// One that was about to be unwound by a cancel was counted as having come: the others went through,
/// and it was cancelled all the same.
#[test]
fn whoever_leaves_a_barrier_is_not_counted() {
    const ROUNDS: usize = 4_000;
    Colour::Task.run(2, || {
        for round in 0..ROUNDS {
            let barrier = Arc::new(Barrier::new(2));
            let begun = Arc::new(AtomicBool::new(false));
            let leaver = go!(clone(barrier, begun) => {
                begun.store(true, SeqCst);
                if catch_unwind(AssertUnwindSafe(|| barrier.wait())).is_err() {
                    // It comes again, for the other one.
                    task::shield(|| barrier.wait());
                }
            });
            // Not to be on its worker.
            while !begun.load(SeqCst) {
                std::thread::yield_now();
            }
            pause(round % 8);
            leaver.cancel();
            pause(round % 61);
            barrier.wait();
            if leaver.join_timeout(HANG / 3).is_err() {
                // Not to hang in its turn.
                barrier.wait();
                panic!("the other one went through without it, in round {round}");
            }
        }
    });
}

fn pause(times: usize) {
    for _ in 0..50 * times {
        std::hint::spin_loop();
    }
}

/// Whether each of them is.
fn are_poisoned(locks: &(Mutex<()>, RwLock<()>)) -> (bool, bool) {
    (locks.0.is_poisoned(), locks.1.is_poisoned())
}

/// A cancel or an expired timeout that user code had swallowed was taken for the reason of each later
/// unwinding of the task: its panics left no mark.
#[test]
fn a_panic_after_a_swallowed_throw_poisons() {
    fn panic_holding(locks: &(Mutex<()>, RwLock<()>)) {
        let _guards = (locks.0.lock().unwrap(), locks.1.write().unwrap());
        panic!("expected");
    }
    for colour in [Colour::Task, Colour::Thread] {
        colour.run(1, || {
            let locks = (Mutex::new(()), RwLock::new(()));
            let ended = catch_unwind(AssertUnwindSafe(|| {
                timeout(SOON, || {
                    assert!(catch_unwind(|| Event::new().wait()).is_err());
                    panic_holding(&locks);
                })
            }));
            assert!(ended.unwrap_err().is::<&str>());
            assert_eq!(are_poisoned(&locks), (true, true));
        });
    }
    on_workers(|_| {
        let locks = Arc::new((Mutex::new(()), RwLock::new(())));
        let task = go!(clone(locks) => {
            task::current().cancel();
            assert!(catch_unwind(task::park).is_err());
            panic_holding(&locks);
        });
        assert!(task.join().unwrap_err().is_panic());
        assert_eq!(are_poisoned(&locks), (true, true));
    });
}

/// A child's panic that a destructor caught made the rest of its task's unwinding, which a cancel had
/// begun, count as a panic.
#[test]
fn a_panic_inside_of_a_cancel_does_not_poison_outside() {
    on_workers(|_| {
        let locks = Arc::new((Mutex::new(()), RwLock::new(())));
        let task = go!(clone(locks) => {
            let _guards = (locks.0.lock().unwrap(), locks.1.write().unwrap());
            let _scope = on_drop(|| {
                let caught = catch_unwind(|| task::scope(|s| drop(s.spawn(|| panic!("expected")))));
                assert!(caught.is_err());
            });
            task::current().cancel();
            task::park();
        });
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!(are_poisoned(&locks), (false, false));
    });
}

/// A lock that a destructor took during its task's panic, beside another task's unwinding, and left when
/// that one was over.
#[test]
fn a_lock_taken_in_a_panic_beside_another_is_not_poisoned() {
    bounded(|| {
        // The thread is nobody's worker: besides these two, no task of it waits.
        let runtime = with_workers(1);
        let (let_go, is_let_go) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (begun, has_begun) = mpsc::channel();
        let first = runtime.spawn({
            let (let_go, begun) = (let_go.clone(), begun.clone());
            move || {
                let _waits = on_drop(|| {
                    begun.send(()).unwrap();
                    until(|| let_go.load(SeqCst));
                });
                panic::panic_any("first");
            }
        });
        has_begun.recv().unwrap();
        let locks = Arc::new((Mutex::new(()), RwLock::new(())));
        let second = runtime.spawn({
            let (locks, is_let_go) = (locks.clone(), is_let_go.clone());
            move || {
                let _holds = on_drop(|| {
                    let _guards = (locks.0.lock().unwrap(), locks.1.write().unwrap());
                    begun.send(()).unwrap();
                    until(|| is_let_go.load(SeqCst));
                });
                panic::panic_any("second");
            }
        });
        has_begun.recv().unwrap();
        let_go.store(true, SeqCst);
        let first: task::JoinHandle<()> = first;
        assert!(first.join().unwrap_err().is_panic());
        is_let_go.store(true, SeqCst);
        let second: task::JoinHandle<()> = second;
        assert!(second.join().unwrap_err().is_panic());
        assert_eq!(are_poisoned(&locks), (false, false));
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

/// The panic of a thread that went on to run tasks was taken for that of a task which just unlocked.
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
    assert_eq!(are_poisoned(&locks), (false, false));
}

/// A cancelled task that waited in a destructor, on a thread that had panicked before, was woken at each
/// turn of its worker.
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

/// A task that waited in the middle of its panic when its local runtime was left was taken for one that
/// does not unwind when the runtime went on: a cancel was thrown into its unwinding, which aborts.
#[test]
fn a_local_runtime_is_left_and_entered_while_a_task_unwinds() {
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

/// The message named the `Once` inside.
#[test]
fn a_poisoned_lazy_lock_says_what_it_is() {
    let lazy = LazyLock::<(), _>::new(|| panic!("expected"));
    let message = |_| {
        let payload = catch_unwind(AssertUnwindSafe(|| LazyLock::force(&lazy))).unwrap_err();
        payload.downcast::<String>().map_or_else(|_| String::new(), |text| *text)
    };
    let messages = [1, 2].map(message);
    assert_eq!(messages[1], "LazyLock instance has previously been poisoned");
}
