//! A task goes on as ever while its neighbours wait in the middle of their unwinding.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex as StdMutex};
use std::thread;

use gocoro::go;
use gocoro::sync::{Barrier, Condvar, Event, LazyLock, Mutex, Once};
use gocoro::task::{self, JoinError, JoinHandle, TaskGroup};
use gocoro::time::{sleep, timeout};

use super::Unwinder;
use crate::support::{Colour, NEVER, SOON, assert_cancelled, on_drop, on_workers, settle, until};

/// Runs `check` beside no, one, and many tasks that wait in the middle of their unwinding; those
/// end oldest first, newest first, or from the middle.
#[track_caller]
fn beside(check: impl Fn() + Copy + Send + 'static) {
    on_workers(move |_| {
        for count in [0, 1, 20] {
            let mut unwinders: Vec<_> = (0..count).map(|_| Unwinder::start()).collect();
            assert!(!thread::panicking());
            check();
            assert!(unwinders.iter().all(|unwinder| !unwinder.task.is_finished()));
            while !unwinders.is_empty() {
                let at = [0, unwinders.len() / 2, unwinders.len() - 1][unwinders.len() % 3];
                unwinders.remove(at).end();
            }
            assert!(!thread::panicking());
        }
    });
}

#[test]
fn a_timeout_goes_off() {
    beside(|| {
        assert!(timeout(SOON, || sleep(NEVER)).is_err());
        assert!(timeout(SOON, task::park).is_err());
        let nested = timeout(NEVER, || timeout(SOON, || go!({ sleep(NEVER) }).wait()));
        assert!(nested.unwrap().is_err());
    });
}

#[test]
fn a_scope_unwinds_for_its_failed_child() {
    beside(|| {
        let caught = panic::catch_unwind(|| {
            task::scope(|s| {
                s.spawn(|| panic::panic_any("a child's"));
                sleep(NEVER);
            });
        });
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"a child's"));
    });
}

#[test]
fn a_group_that_is_dropped_waits_for_its_members() {
    beside(|| {
        let ended = Arc::new(AtomicUsize::new(0));
        let begun = Arc::new(AtomicUsize::new(0));
        let group = TaskGroup::new();
        for _ in 0..5 {
            let (begun, ended) = (begun.clone(), ended.clone());
            group.spawn(move || {
                let _guard = on_drop(move || {
                    sleep(SOON);
                    ended.fetch_add(1, SeqCst);
                });
                begun.fetch_add(1, SeqCst);
                sleep(NEVER);
            });
        }
        until(|| begun.load(SeqCst) == 5);
        drop(group);
        assert_eq!(ended.load(SeqCst), 5);
    });
}

#[test]
fn locks_are_poisoned_by_panics_of_their_holders_alone() {
    beside(|| {
        let (own, std) = (Mutex::new(()), StdMutex::new(()));
        {
            // Held across waits.
            let _held = (own.lock().unwrap(), std.lock().unwrap());
            sleep(SOON);
            task::yield_now();
        }
        assert!(!own.is_poisoned() && !std.is_poisoned());
        let caught = panic::catch_unwind(AssertUnwindSafe(|| {
            let _held = (own.lock().unwrap(), std.lock().unwrap());
            task::yield_now();
            panic::panic_any(());
        }));
        assert!(caught.is_err());
        assert!(own.is_poisoned() && std.is_poisoned());
    });
}

#[test]
fn a_cancelled_holder_poisons_none_of_gocoros_locks() {
    beside(|| {
        let lock = Arc::new(Mutex::new(()));
        let held = Arc::new(Event::new());
        let holder = go!(clone(lock, held) => {
            let _held = lock.lock().unwrap();
            held.set();
            sleep(NEVER);
        });
        held.wait();
        holder.cancel();
        assert_cancelled(holder);
        assert!(!lock.is_poisoned());
    });
}

#[test]
fn condition_variables_and_barriers_are_as_ever() {
    beside(|| {
        let pair = Arc::new((Mutex::new(0), Condvar::new(), Barrier::new(3)));
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                go!(clone(pair) => {
                    let (number, changed, barrier) = &*pair;
                    let mut number = changed
                        .wait_while(number.lock().unwrap(), |number| *number == 0)
                        .unwrap();
                    *number += 1;
                    drop(number);
                    barrier.wait();
                })
            })
            .collect();
        settle();
        *pair.0.lock().unwrap() = 1;
        pair.1.notify_all();
        pair.2.wait();
        tasks.into_iter().for_each(JoinHandle::wait);
        assert_eq!(*pair.0.lock().unwrap(), 3);
        // A wait that is cut short leaves nothing poisoned.
        let waits = go!(clone(pair) => {
            let guard = pair.0.lock().unwrap();
            drop(pair.1.wait_while(guard, |_| true));
        });
        settle();
        waits.cancel();
        assert_cancelled(waits);
        assert!(!pair.0.is_poisoned());
    });
}

#[test]
fn initialisers_wait_and_fail_as_ever() {
    beside(|| {
        let lazy = LazyLock::new(|| {
            sleep(SOON);
            5
        });
        assert_eq!(*lazy, 5);
        let once = Once::new();
        let caught = panic::catch_unwind(AssertUnwindSafe(|| {
            once.call_once(|| {
                task::yield_now();
                panic::panic_any(());
            });
        }));
        assert!(caught.is_err());
        let poisoned = AtomicBool::new(false);
        once.call_once_force(|state| poisoned.store(state.is_poisoned(), SeqCst));
        assert!(poisoned.load(SeqCst) && once.is_completed());
    });
}

/// `thread::panicking()` stays true for a task that unwinds, across all of its waits.
#[test]
fn a_task_that_unwinds_is_told_so() {
    beside(|| {
        let seen = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..10)
            .map(|n| {
                go!(clone(seen) => {
                    let _guard = on_drop(move || {
                        for _ in 0..n {
                            assert!(thread::panicking());
                            task::yield_now();
                            assert!(thread::panicking());
                            sleep(SOON / 8);
                        }
                        assert!(thread::panicking());
                        seen.fetch_add(1, SeqCst);
                    });
                    panic::panic_any(n);
                })
            })
            .collect();
        for task in tasks {
            assert!(task.join().unwrap_err().is_panic());
        }
        assert_eq!(seen.load(SeqCst), 10);
    });
}

/// A scope or race that is cut short while its children end unwinds after them, though another task
/// of the worker waits in a destructor then.
#[test]
fn a_scope_that_was_cut_short_says_so_beside_a_task_that_unwinds() {
    fn beside<T: Send + 'static>(
        body: impl FnOnce(&Event) -> T + Send + 'static,
        interrupt: impl FnOnce(&JoinHandle<T>),
    ) -> Result<T, JoinError> {
        let (hold, gate) = (Arc::new(Event::new()), Arc::new(Event::new()));
        let task = go!(clone(hold) => { body(&hold) });
        let unwinding = go!(clone(gate) => {
            let _guard = on_drop(|| gate.wait());
            sleep(NEVER);
        });
        settle();
        interrupt(&task);
        settle();
        // Now the children wait in their destructors.
        unwinding.cancel();
        settle();
        hold.set();
        let ended = task.join();
        gate.set();
        assert!(unwinding.join().unwrap_err().is_cancelled());
        ended
    }
    let slow_to_end = |hold: &Event| {
        let _guard = on_drop(|| hold.wait());
        sleep(NEVER);
    };
    Colour::Task.run(1, move || {
        let race = move |hold: &Event| task::race((|| slow_to_end(hold), || sleep(NEVER)));
        assert!(beside(race, JoinHandle::cancel).unwrap_err().is_cancelled());
        let scope = move |hold: &Event| {
            task::scope(|s| {
                s.spawn(|| slow_to_end(hold));
            });
        };
        assert!(beside(scope, JoinHandle::cancel).unwrap_err().is_cancelled());
        let bounded = move |hold: &Event| timeout(SOON, || scope(hold));
        assert!(beside(bounded, |_| sleep(2 * SOON)).unwrap().is_err());
    });
}
