//! Unwindings that meet in one task or on one thread: each lock is marked by the one that passes
//! it.

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc;
use std::time::Duration;

use gocoro::sync::{Arc, Event, Mutex, RwLock};
use gocoro::time::{sleep, timeout};
use gocoro::{go, task};

use crate::support::{Colour, NEVER, SOON, bounded, on_drop, on_workers, until, with_workers};
use crate::sync::poisoned;

/// A throw that user code swallowed hides no later panic from the locks that are held.
#[test]
fn a_panic_after_a_swallowed_timeout_poisons() {
    for colour in [Colour::Task, Colour::Thread] {
        colour.run(1, || {
            let mutex = Mutex::new(());
            let panicked = catch_unwind(|| {
                timeout(Duration::ZERO, || {
                    let _held = mutex.lock().unwrap();
                    assert!(catch_unwind(|| sleep(NEVER)).is_err());
                    panic!("on purpose");
                })
            });
            assert!(panicked.is_err());
            assert!(mutex.is_poisoned());
            // And one that is thrown does not, also after another was swallowed and kept.
            mutex.clear_poison();
            let mut kept = None;
            let ended = timeout(Duration::ZERO, || {
                kept = catch_unwind(|| sleep(NEVER)).err();
                let _held = mutex.lock().unwrap();
                let _dropped_meanwhile = kept.take();
                sleep(NEVER);
            });
            assert!(ended.is_err());
            assert!(!mutex.is_poisoned());
        });
    }
}

/// A cancel or an expired timeout that user code swallowed is no reason of later unwindings.
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
            assert_eq!(poisoned(&locks), (true, true));
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
        assert_eq!(poisoned(&locks), (true, true));
    });
}

/// A child's panic that a destructor caught changes nothing for the rest of its task's unwinding,
/// which a cancel began.
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
        assert_eq!(poisoned(&locks), (false, false));
    });
}

/// A destructor takes a lock during its task's panic, beside another task's unwinding, and leaves
/// it when that one is over.
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
        assert_eq!(poisoned(&locks), (false, false));
    });
}
