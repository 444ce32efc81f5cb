//! `OnceLock` and `LazyLock` are made once, and all get that.

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use gocoro::sync::{Arc, LazyLock, OnceLock};
use gocoro::task;

use super::{Counted, Drops, both, matrix, spawn};
use crate::support::{on_workers, settle};

#[test]
fn a_once_lock_is_set_once() {
    both(|| {
        let mut lock = OnceLock::new();
        assert_eq!(lock.get(), None);
        assert_eq!(lock.get_mut(), None);
        assert_eq!(lock.set(1), Ok(()));
        assert_eq!(lock.set(2), Err(2));
        assert_eq!((lock.get(), lock.get_or_init(|| 3), lock.wait()), (Some(&1), &1, &1));
        *lock.get_mut().unwrap() = 4;
        assert_eq!(lock.take(), Some(4));
        assert_eq!(lock.get(), None);
        assert_eq!(lock.take(), None);
        assert_eq!(lock.get_or_init(|| 5), &5);
        assert_eq!(lock.into_inner(), Some(5));
        assert_eq!(OnceLock::<i32>::default().into_inner(), None);
    });
}

#[test]
fn a_once_lock_is_cloned_and_compared_by_its_value() {
    let (set, unset) = (OnceLock::from(1), OnceLock::new());
    assert_eq!(set.clone(), set);
    assert_eq!(unset.clone(), unset);
    assert_ne!(set, unset);
    assert_eq!(set.get(), Some(&1));
}

#[test]
fn a_once_lock_drops_its_value() {
    let drops = Drops::default();
    drop(OnceLock::<Counted>::new());
    drop(OnceLock::from(Counted(drops.clone())));
    assert_eq!(drops.count(), 1);
}

#[test]
fn one_initialises_and_all_get_that() {
    matrix(|peer| {
        let shared = Arc::new((OnceLock::new(), AtomicUsize::new(0)));
        let get = |(lock, runs): &(OnceLock<usize>, AtomicUsize)| {
            *lock.get_or_init(|| {
                for _ in 0..20 {
                    task::yield_now();
                }
                runs.fetch_add(1, SeqCst)
            })
        };
        let peers: Vec<_> = (0..8)
            .map(|_| {
                let shared = shared.clone();
                spawn(peer, move || get(&shared))
            })
            .collect();
        assert_eq!(get(&shared), 0);
        assert!(peers.into_iter().all(|peer| peer.wait() == 0));
    });
}

#[test]
fn a_wait_for_a_once_lock_ends_when_it_is_set() {
    matrix(|peer| {
        let lock = Arc::new(OnceLock::new());
        let theirs = lock.clone();
        let waiter = spawn(peer, move || *theirs.wait());
        settle();
        assert!(!waiter.is_finished());
        lock.set(7).unwrap();
        assert_eq!(waiter.wait(), 7);
    });
}

#[test]
fn a_panic_leaves_a_once_lock_usable() {
    both(|| {
        let lock = OnceLock::<i32>::new();
        let caught = panic::catch_unwind(AssertUnwindSafe(|| {
            lock.get_or_init(|| panic!("expected"));
        }));
        assert!(caught.is_err());
        assert_eq!(lock.get(), None);
        assert_eq!(lock.get_or_init(|| 1), &1);
    });
}

#[test]
fn initialising_a_once_lock_inside_of_itself_panics() {
    on_workers(|_| {
        let lock = OnceLock::new();
        let caught = panic::catch_unwind(AssertUnwindSafe(|| {
            lock.get_or_init(|| *lock.get_or_init(|| 1));
        }));
        let message = *caught.unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains("initialisation that it runs itself"), "{message}");
        assert_eq!(lock.get_or_init(|| 2), &2);
    });
}

#[test]
fn a_lazy_lock_is_made_when_it_is_asked_for() {
    both(|| {
        let runs = AtomicUsize::new(0);
        let mut lazy = LazyLock::new(|| runs.fetch_add(1, SeqCst) + 1);
        assert_eq!(LazyLock::get(&lazy), None);
        assert_eq!(LazyLock::get_mut(&mut lazy), None);
        assert_eq!(runs.load(SeqCst), 0);
        assert_eq!((*lazy, *LazyLock::force(&lazy)), (1, 1));
        *LazyLock::force_mut(&mut lazy) += 1;
        *LazyLock::get_mut(&mut lazy).unwrap() += 1;
        *lazy += 1;
        assert_eq!(LazyLock::get(&lazy), Some(&4));
        assert_eq!(runs.load(SeqCst), 1);
    });
}

#[test]
fn a_lazy_lock_that_is_changed_first_is_made_first() {
    let mut lazy = LazyLock::new(|| vec![1]);
    lazy.push(2);
    assert_eq!(*lazy, [1, 2]);
    assert_eq!(*LazyLock::<Vec<i32>>::default(), [0; 0]);
}

#[test]
fn a_lazy_lock_is_made_once_and_all_get_that() {
    matrix(|peer| {
        let runs = Arc::new(AtomicUsize::new(0));
        let theirs = runs.clone();
        let lazy = Arc::new(LazyLock::new(move || {
            for _ in 0..20 {
                task::yield_now();
            }
            theirs.fetch_add(1, SeqCst) + 7
        }));
        let peers: Vec<_> = (0..8)
            .map(|_| {
                let lazy = lazy.clone();
                spawn(peer, move || **lazy)
            })
            .collect();
        assert_eq!(**lazy, 7);
        assert!(peers.into_iter().all(|peer| peer.wait() == 7));
        assert_eq!(runs.load(SeqCst), 1);
    });
}

#[test]
fn a_lazy_lock_may_be_a_static() {
    static LAZY: LazyLock<Vec<u32>> = LazyLock::new(|| vec![1, 2]);
    both(|| assert_eq!(*LAZY, [1, 2]));
}

#[test]
fn a_panic_poisons_a_lazy_lock() {
    both(|| {
        let mut lazy = LazyLock::<i32, _>::new(|| panic!("expected"));
        for _ in 0..2 {
            let caught = panic::catch_unwind(AssertUnwindSafe(|| *lazy));
            assert!(caught.is_err());
        }
        let caught = panic::catch_unwind(AssertUnwindSafe(|| *LazyLock::force_mut(&mut lazy)));
        assert!(caught.is_err());
        assert_eq!(LazyLock::get(&lazy), None);
    });
}

#[test]
fn a_lazy_lock_drops_what_it_holds() {
    let drops = Drops::default();
    let (unmade, made) = (Counted(drops.clone()), Counted(drops.clone()));
    drop(LazyLock::new(move || unmade));
    assert_eq!(drops.count(), 1);
    let lazy = LazyLock::new(move || made);
    LazyLock::force(&lazy);
    drop(lazy);
    assert_eq!(drops.count(), 2);
}

#[test]
fn prints_as_std_does() {
    let (ours, theirs) = (OnceLock::new(), std::sync::OnceLock::new());
    assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
    assert_eq!((ours.set(1), theirs.set(1)), (Ok(()), Ok(())));
    assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
    let (ours, theirs) = (LazyLock::new(|| 1), std::sync::LazyLock::new(|| 1));
    assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
    assert_eq!(*ours, *theirs);
    assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
}

/// And not of which parts it is made.
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
