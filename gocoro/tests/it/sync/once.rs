//! `Once` runs once, and all wait for that.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use gocoro::sync::{Arc, Once};
use gocoro::{go, task};

use super::{both, matrix, spawn};
use crate::support::{Colour, on_workers, settle, until};

#[test]
fn runs_once() {
    both(|| {
        let (once, mut runs) = (Once::new(), 0);
        assert!(!once.is_completed());
        once.call_once(|| runs += 1);
        assert!(once.is_completed());
        once.call_once(|| runs += 1);
        once.call_once_force(|_| runs += 1);
        once.wait();
        once.wait_force();
        assert_eq!(runs, 1);
    });
}

#[test]
fn all_wait_for_the_one_that_runs() {
    matrix(|peer| {
        let once = Arc::new((Once::new(), AtomicUsize::new(0)));
        let call = |(once, done): &(Once, AtomicUsize)| {
            once.call_once(|| {
                for _ in 0..20 {
                    task::yield_now();
                }
                done.fetch_add(1, SeqCst);
            });
            assert_eq!(done.load(SeqCst), 1);
        };
        let peers: Vec<_> = (0..8)
            .map(|_| {
                let once = once.clone();
                spawn(peer, move || call(&once))
            })
            .collect();
        call(&once);
        peers.into_iter().for_each(|peer| peer.wait());
    });
}

#[test]
fn a_panic_poisons() {
    both(|| {
        let once = Once::new();
        let call = |f: &mut dyn FnMut()| panic::catch_unwind(AssertUnwindSafe(f)).is_err();
        assert!(call(&mut || once.call_once(|| panic!("expected"))));
        assert!(!once.is_completed());
        assert!(call(&mut || once.call_once(|| unreachable!("it is poisoned"))));
        assert!(call(&mut || once.wait()));
        // One that panics again leaves it poisoned.
        assert!(call(&mut || once.call_once_force(|_| panic!("expected"))));
        once.call_once_force(|state| assert!(state.is_poisoned()));
        assert!(once.is_completed());
        once.call_once(|| unreachable!("it ran"));
        Once::new().call_once_force(|state| assert!(!state.is_poisoned()));
    });
}

/// What two peers of `calls` each came to that waited for a run, or came after it, that panicked.
fn beside_a_panic<const N: usize>(peer: Colour, calls: [fn(&Once); N]) -> [Result<(), ()>; N] {
    let once = Arc::new(Once::new());
    let (begun, go_on) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let runner = spawn(peer, {
        let (once, begun, go_on) = (once.clone(), begun.clone(), go_on.clone());
        move || {
            once.call_once(|| {
                begun.store(1, SeqCst);
                until(|| go_on.load(SeqCst) == 1);
                panic!("expected");
            });
        }
    });
    until(|| begun.load(SeqCst) == 1);
    let peers = calls.map(|call| {
        let once = once.clone();
        spawn(peer, move || call(&once))
    });
    settle();
    go_on.store(1, SeqCst);
    assert!(runner.ended().is_err());
    peers.map(|peer| peer.ended())
}

#[test]
fn those_who_wait_for_one_that_panics_are_told() {
    matrix(|peer| {
        let never = |once: &Once| once.call_once(|| unreachable!("it is poisoned"));
        let calls: [fn(&Once); 4] = [never, Once::wait, never, Once::wait];
        assert_eq!(beside_a_panic(peer, calls), [Err(()); 4]);
    });
}

#[test]
fn those_who_do_not_mind_a_panic_go_on() {
    matrix(|peer| {
        let force = |once: &Once| once.call_once_force(|state| assert!(state.is_poisoned()));
        let calls: [fn(&Once); 4] = [force, Once::wait_force, force, Once::wait_force];
        assert_eq!(beside_a_panic(peer, calls), [Ok(()); 4]);
    });
}

#[test]
fn waiting_does_not_run_it() {
    matrix(|peer| {
        let once = Arc::new(Once::new());
        let theirs = once.clone();
        let waiter = spawn(peer, move || theirs.wait());
        settle();
        assert!(!waiter.is_finished());
        once.call_once(|| ());
        waiter.wait();
    });
}

#[test]
fn calling_it_inside_of_itself_panics_and_names_the_task() {
    on_workers(|_| {
        let task = go!(name = "twice" => {
            let once = Once::new();
            let mut messages = Vec::new();
            once.call_once(|| {
                let again: [&dyn Fn(); 2] = [&|| once.call_once(|| ()), &|| once.wait()];
                for again in again {
                    let caught = panic::catch_unwind(AssertUnwindSafe(again));
                    messages.push(*caught.unwrap_err().downcast::<String>().unwrap());
                }
            });
            assert!(once.is_completed());
            messages
        });
        for message in task.wait() {
            assert!(message.contains("'twice'"), "{message}");
        }
    });
}

#[test]
fn prints_as_std_does() {
    assert_eq!(format!("{:?}", Once::new()), format!("{:?}", std::sync::Once::new()));
    Once::new().call_once_force(|state| {
        assert_eq!(format!("{state:?}"), "OnceState { poisoned: false }");
    });
}
