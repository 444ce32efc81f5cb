//! A panic of the holder poisons a lock, and a cancel does not; also where another task of the
//! worker waits in the middle of its own unwinding.

mod mixed;

use std::panic::{self, AssertUnwindSafe};
use std::sync::TryLockError;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use gocoro::go;
use gocoro::sync::{Arc, Event, Mutex, RwLock};
use gocoro::task::{self, JoinHandle};
use gocoro::time::timeout;

use super::{matrix, on_one_worker, spawn};
use crate::support::{SOON, assert_cancelled, on_drop, on_workers, settle, until};

type Locks = Arc<(Mutex<i32>, RwLock<i32>)>;

fn locks() -> Locks {
    Arc::new((Mutex::new(0), RwLock::new(0)))
}

fn are_poisoned(locks: &Locks) -> (bool, bool) {
    assert_eq!(locks.0.lock().is_err(), locks.0.is_poisoned());
    assert_eq!(locks.1.read().is_err(), locks.1.is_poisoned());
    assert_eq!(locks.1.write().is_err(), locks.1.is_poisoned());
    (locks.0.is_poisoned(), locks.1.is_poisoned())
}

/// The mark of the cancel is not lost to a panic that a destructor meets and catches on the way.
#[test]
fn a_panic_that_a_destructor_catches_does_not_make_a_cancel_poison() {
    on_one_worker(|| {
        let catches: [fn(); 2] = [
            || timeout(SOON, || panic!("expected")).unwrap(),
            || task::scope(|_| panic!("expected")),
        ];
        for catch in catches {
            let locks = locks();
            let holder = go!(clone(locks) => {
                let _guards = (locks.0.lock().unwrap(), locks.1.write().unwrap());
                let _catches = on_drop(move || assert!(panic::catch_unwind(catch).is_err()));
                task::park();
            });
            settle();
            holder.cancel();
            assert_cancelled(holder);
            assert_eq!(are_poisoned(&locks), (false, false));
        }
    });
}

/// A task of this worker that unwinds, by a panic or a cancel, and waits meanwhile.
struct Unwinder {
    task: JoinHandle<()>,
    release: Arc<AtomicBool>,
}

impl Unwinder {
    fn start(cancelled: bool) -> Unwinder {
        let (begun, release) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let task = go!(local, clone(begun, release) => {
            let _waits = on_drop(move || {
                begun.store(true, SeqCst);
                while !release.load(SeqCst) {
                    task::park();
                }
            });
            if cancelled {
                task::park();
            } else {
                panic!("expected");
            }
        });
        settle();
        if cancelled {
            task.cancel();
        }
        until(|| begun.load(SeqCst));
        settle();
        Unwinder { task, release }
    }

    fn end(self) {
        self.release.store(true, SeqCst);
        self.task.task().unpark();
        assert!(self.task.join().is_err());
    }
}

#[test]
fn a_panic_of_the_holder_poisons() {
    matrix(|peer| {
        let locks = locks();
        let theirs = locks.clone();
        let panics = move || {
            let _mutex = theirs.0.lock().unwrap();
            let _lock = theirs.1.write().unwrap();
            task::yield_now();
            panic!("expected");
        };
        assert!(spawn(peer, panics).ended().is_err());
        assert_eq!(are_poisoned(&locks), (true, true));
        assert!(matches!(locks.0.try_lock(), Err(TryLockError::Poisoned(_))));
        assert!(matches!(locks.1.try_read(), Err(TryLockError::Poisoned(_))));
        assert!(matches!(locks.1.try_write(), Err(TryLockError::Poisoned(_))));
        assert!(format!("{locks:?}").matches("poisoned: true").count() == 2);

        let mut locks = Arc::into_inner(locks).unwrap();
        assert!(locks.0.get_mut().is_err() && locks.1.get_mut().is_err());
        *locks.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = 1;
        locks.0.clear_poison();
        assert_eq!(*locks.0.lock().unwrap(), 1);
        assert_eq!(locks.0.into_inner().unwrap(), 1);
        assert!(locks.1.into_inner().is_err());
    });
}

#[test]
fn a_panic_that_is_caught_poisons_what_it_passed() {
    matrix(|_| {
        let locks = locks();
        let outside = locks.0.lock().unwrap();
        let caught = panic::catch_unwind(AssertUnwindSafe(|| {
            let _guard = locks.1.write().unwrap();
            panic!("expected");
        }));
        assert!(caught.is_err());
        drop(outside);
        assert_eq!(are_poisoned(&locks), (false, true));
    });
}

#[test]
fn a_readers_panic_does_not_poison() {
    matrix(|_| {
        let locks = locks();
        let caught = panic::catch_unwind(AssertUnwindSafe(|| {
            let _guard = locks.1.read().unwrap();
            panic!("expected");
        }));
        assert!(caught.is_err());
        assert_eq!(are_poisoned(&locks), (false, false));
    });
}

#[test]
fn a_lock_taken_and_left_during_a_panic_is_not_poisoned() {
    matrix(|_| {
        let locks = locks();
        let theirs = locks.clone();
        let caught = panic::catch_unwind(AssertUnwindSafe(|| {
            let _uses = on_drop(move || {
                *theirs.0.lock().unwrap() += 1;
                *theirs.1.write().unwrap() += 1;
            });
            panic!("expected");
        }));
        assert!(caught.is_err());
        assert_eq!(are_poisoned(&locks), (false, false));
    });
}

#[test]
fn a_cancel_of_the_holder_does_not_poison() {
    on_workers(|_| {
        let locks = locks();
        let begun = Arc::new(AtomicBool::new(false));
        let holder = go!(clone(locks, begun) => {
            let _mutex = locks.0.lock().unwrap();
            let _lock = locks.1.write().unwrap();
            begun.store(true, SeqCst);
            task::park();
        });
        until(|| begun.load(SeqCst));
        holder.cancel();
        assert_cancelled(holder);
        assert_eq!(are_poisoned(&locks), (false, false));
    });
}

#[test]
fn a_timeout_of_the_holder_does_not_poison() {
    matrix(|_| {
        let locks = locks();
        let hold = || {
            let _mutex = locks.0.lock().unwrap();
            let _lock = locks.1.write().unwrap();
            Event::new().wait();
        };
        assert!(timeout(SOON, hold).is_err());
        assert_eq!(are_poisoned(&locks), (false, false));
        // Nor if what was thrown is caught on its way.
        let swallow = || {
            let caught = panic::catch_unwind(AssertUnwindSafe(hold));
            assert!(caught.is_err());
        };
        assert!(timeout(SOON, swallow).is_ok());
        assert_eq!(are_poisoned(&locks), (false, false));
    });
}

#[test]
fn a_panic_after_a_timeout_poisons() {
    matrix(|_| {
        let locks = locks();
        assert!(timeout(SOON, || Event::new().wait()).is_err());
        let caught = panic::catch_unwind(AssertUnwindSafe(|| {
            let _mutex = locks.0.lock().unwrap();
            let _lock = locks.1.write().unwrap();
            panic!("expected");
        }));
        assert!(caught.is_err());
        assert_eq!(are_poisoned(&locks), (true, true));
    });
}

#[test]
fn a_cancel_that_waits_in_a_destructor_does_not_poison_what_it_drops_later() {
    on_one_worker(|| {
        let locks = locks();
        let holder = go!(clone(locks) => {
            let _mutex = locks.0.lock().unwrap();
            let _lock = locks.1.write().unwrap();
            let _waits = on_drop(task::park);
            task::park();
        });
        settle();
        holder.cancel();
        settle();
        assert!(locks.0.try_lock().is_err());
        holder.task().unpark();
        assert_cancelled(holder);
        assert_eq!(are_poisoned(&locks), (false, false));
    });
}

#[test]
fn a_tasks_locks_are_not_poisoned_by_anothers_unwinding() {
    for cancelled in [false, true] {
        on_one_worker(if cancelled { || beside(true) } else { || beside(false) });
    }

    fn beside(cancelled: bool) {
        let locks = locks();
        // Held before the other begins to unwind, and left in the middle of it.
        let held = (locks.0.lock().unwrap(), locks.1.write().unwrap());
        let unwinder = Unwinder::start(cancelled);
        assert!(!std::thread::panicking());
        drop(held);
        assert_eq!(are_poisoned(&locks), (false, false));
        // Taken and left in the middle of it.
        drop((locks.0.lock().unwrap(), locks.1.write().unwrap()));
        assert_eq!(are_poisoned(&locks), (false, false));
        // Taken in the middle of it, and left after it.
        let held = (locks.0.lock().unwrap(), locks.1.write().unwrap());
        unwinder.end();
        assert!(!std::thread::panicking());
        drop(held);
        assert_eq!(are_poisoned(&locks), (false, false));
    }
}

#[test]
fn a_panic_poisons_what_was_taken_while_another_unwound() {
    on_one_worker(|| {
        let locks = locks();
        let unwinder = Unwinder::start(true);
        let go_on = Arc::new(AtomicBool::new(false));
        let holder = go!(clone(locks, go_on) => {
            let _mutex = locks.0.lock().unwrap();
            let _lock = locks.1.write().unwrap();
            until(|| go_on.load(SeqCst));
            panic!("expected");
        });
        settle();
        unwinder.end();
        go_on.store(true, SeqCst);
        assert!(holder.join().unwrap_err().is_panic());
        assert_eq!(are_poisoned(&locks), (true, true));
    });
}

#[test]
fn a_panic_poisons_while_another_unwinds() {
    for cancelled in [false, true] {
        on_one_worker(if cancelled { || beside(true) } else { || beside(false) });
    }

    fn beside(cancelled: bool) {
        let locks = locks();
        let unwinder = Unwinder::start(cancelled);
        let holder = go!(clone(locks) => {
            let _mutex = locks.0.lock().unwrap();
            let _lock = locks.1.write().unwrap();
            panic!("expected");
        });
        assert!(holder.join().unwrap_err().is_panic());
        assert_eq!(are_poisoned(&locks), (true, true));
        unwinder.end();
    }
}
