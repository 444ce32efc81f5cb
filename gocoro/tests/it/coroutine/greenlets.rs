//! Symmetric coroutines.

use gocoro::coroutine::Greenlet;
use gocoro::go;

use super::*;
use crate::support::{on_drop, with_workers};

/// Greenlets that know each other by number.
#[derive(Clone, Default)]
struct Ring<T: 'static>(Rc<RefCell<Vec<Greenlet<T>>>>);

impl<T> Ring<T> {
    fn add(&self, greenlet: Greenlet<T>) {
        self.0.borrow_mut().push(greenlet);
    }

    fn at(&self, index: usize) -> Greenlet<T> {
        self.0.borrow()[index].clone()
    }

    fn clear(&self) {
        drop(self.0.take());
    }
}

/// What the README of greenlet prints.
#[test]
fn two_functions_take_turns() {
    everywhere(|| {
        let printed = Rc::new(RefCell::new(Vec::new()));
        let ring = Ring::<()>::default();
        let (print, others) = (printed.clone(), ring.clone());
        ring.add(Greenlet::new(move |()| {
            print.borrow_mut().push(12);
            others.at(1).switch_to(()).unwrap();
            print.borrow_mut().push(34);
        }));
        let (print, others) = (printed.clone(), ring.clone());
        ring.add(Greenlet::new(move |()| {
            print.borrow_mut().push(56);
            others.at(0).switch_to(()).unwrap();
            print.borrow_mut().push(78);
        }));
        let (first, second) = (ring.at(0), ring.at(1));
        assert!(!first.is_started() && !first.is_dead());
        first.switch_to(()).unwrap();
        assert_eq!(*printed.borrow(), [12, 56, 34]);
        assert!(first.is_dead() && second.is_started() && !second.is_dead());
        // What has ended hands over to its parent, which is here.
        first.switch_to(()).unwrap();
        second.switch_to(()).unwrap();
        assert_eq!(*printed.borrow(), [12, 56, 34, 78]);
        ring.clear();
    });
}

/// The root is switched to in the middle, and goes in again.
#[test]
fn a_greenlet_returns_to_the_root_and_is_entered_again() {
    everywhere(|| {
        let ring = Ring::<u32>::default();
        let others = ring.clone();
        ring.add(Greenlet::new(move |n| others.at(1).switch_to(n + 1).unwrap() + 100));
        ring.add(Greenlet::new(|n| Greenlet::root().switch_to(n + 1).unwrap() + 10));
        assert_eq!(ring.at(0).switch_to(1).unwrap(), 3);
        assert!(ring.at(0).is_started() && ring.at(1).is_started());
        // The second one ends, and so its value goes to its parent: here.
        assert_eq!(ring.at(1).switch_to(5).unwrap(), 15);
        assert!(ring.at(1).is_dead() && !ring.at(0).is_dead());
        assert_eq!(ring.at(0).switch_to(7).unwrap(), 107);
        ring.clear();
    });
}

#[test]
fn values_go_round() {
    everywhere(|| {
        let ring = Ring::<u64>::default();
        for index in 0..3 {
            let others = ring.clone();
            ring.add(Greenlet::new(move |mut n| {
                while n < 300 {
                    n = others.at((index + 1) % 3).switch_to(n + 1).unwrap();
                }
                n
            }));
        }
        assert_eq!(ring.at(0).switch_to(0).unwrap(), 300);
        ring.clear();
    });
}

#[test]
fn who_runs_and_whose_child_it_is() {
    everywhere(|| {
        let root = Greenlet::<bool>::root();
        assert!(root.is_started() && !root.is_dead() && root.parent().is_none());
        let seen = Greenlet::new(|_| {
            let own = Greenlet::<bool>::current();
            // Another family has none that runs.
            assert!(Greenlet::<u8>::current().parent().is_none());
            let child = Greenlet::<bool>::new(|_| {
                Greenlet::<bool>::current().parent().unwrap().parent().is_some()
            });
            assert!(own.parent().unwrap().parent().is_none());
            child.switch_to(false).unwrap()
        });
        assert!(seen.switch_to(false).unwrap());
        // To itself: at once.
        let own = Greenlet::new(|n: u32| Greenlet::current().switch_to(n).unwrap() + 1);
        assert_eq!(own.switch_to(1).unwrap(), 2);
        assert_eq!(Greenlet::<u32>::root().switch_to(9).unwrap(), 9);
    });
}

/// From a grandchild, over a child that catches nothing.
#[test]
fn a_panic_goes_to_the_nearest_live_parent() {
    everywhere(|| {
        let drops = Drops::default();
        let theirs = drops.clone();
        let child = Greenlet::new(move |n: u32| {
            let _guard = theirs.guard();
            let grandchild = Greenlet::new(|_: u32| panic::resume_unwind(Box::new("ten")));
            grandchild.switch_to(n).unwrap()
        });
        assert_eq!(panic_of(|| child.switch_to(1)), "ten");
        assert!(child.is_dead());
        assert_eq!(drops.count(), 1);
        // One that catches goes on.
        let child = Greenlet::new(|n: u32| {
            let grandchild = Greenlet::new(|_: u32| panic::resume_unwind(Box::new("ten")));
            assert_eq!(panic_of(|| grandchild.switch_to(n)), "ten");
            n + 1
        });
        assert_eq!(child.switch_to(1).unwrap(), 2);
    });
}

#[test]
fn what_is_injected_is_called_once_and_in_there() {
    everywhere(|| {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let print = seen.clone();
        let greenlet = Greenlet::new(move |n: u32| {
            print.borrow_mut().push(n);
            let n = Greenlet::root().switch_to(n).unwrap();
            print.borrow_mut().push(n);
            n
        });
        for n in [10, 11] {
            let print = seen.clone();
            greenlet.inject(move || print.borrow_mut().push(n));
        }
        greenlet.switch_to(1).unwrap();
        let print = seen.clone();
        greenlet.inject(move || print.borrow_mut().push(12));
        greenlet.switch_to(2).unwrap();
        assert_eq!(*seen.borrow(), [10, 11, 1, 12, 2]);
    });
}

#[test]
fn one_that_is_reset_or_dropped_is_unwound_first() {
    everywhere(|| {
        let drops = Drops::default();
        let theirs = drops.clone();
        let new = move || {
            let theirs = theirs.clone();
            move |n: u32| {
                let _guard = theirs.guard();
                Greenlet::root().switch_to(n).unwrap()
            }
        };
        let greenlet = Greenlet::new(new());
        greenlet.switch_to(1).unwrap();
        greenlet.reset(new());
        assert_eq!((drops.count(), greenlet.is_started()), (1, false));
        assert_eq!(greenlet.switch_to(2).unwrap(), 2);
        drop(greenlet);
        assert_eq!(drops.count(), 2);
        let own = Greenlet::new(|n: u32| {
            assert!(panic_of(|| Greenlet::<u32>::current().reset(|n| n)).contains("runs"));
            n
        });
        own.switch_to(1).unwrap();
    });
}

/// The only handle of the greenlet that runs lies on a stack that it has unwound itself; what is
/// dropped with it asks who runs.
#[test]
fn one_whose_last_handle_goes_while_it_switches_is_unwound() {
    struct Asks(Drops);
    impl Drop for Asks {
        fn drop(&mut self) {
            let _ = Greenlet::<u32>::current();
            drop(self.0.guard());
        }
    }
    everywhere(|| {
        let drops = Drops::default();
        let outer: Rc<RefCell<Option<Greenlet<u32>>>> = Rc::default();
        let (theirs, others) = (drops.clone(), outer.clone());
        *outer.borrow_mut() = Some(Greenlet::new(move |n| {
            let others = others.clone();
            let inner = Greenlet::with_parent(&Greenlet::root(), move |n: u32| {
                let _asks = Asks(theirs);
                let outer = others.borrow().clone().unwrap();
                outer.reset(|n| n + 100);
                drop(others);
                outer.switch_to(n).unwrap()
            });
            inner.switch_to(n).unwrap()
        }));
        let first = outer.borrow().clone().unwrap();
        assert_eq!(first.switch_to(1).unwrap(), 101);
        assert_eq!(drops.count(), 1);
        *outer.borrow_mut() = None;
    });
}

/// What goes wrong names where the greenlet was created, and not where that is done.
#[test]
fn a_greenlet_is_named_by_where_it_was_created() {
    everywhere(|| {
        let greenlet = Greenlet::new(|n: u32| {
            let text = panic_of(|| task::shield(|| Greenlet::<u32>::root().switch_to(n)));
            assert!(text.contains("coroutine/greenlets.rs:"), "{text}");
            n
        });
        assert_eq!(greenlet.switch_to(1).unwrap(), 1);
    });
}

/// While its task waits in a greenlet, others of the worker are outside.
#[test]
fn a_switch_from_outside_is_refused() {
    with_workers(1).run(|| {
        let (began, begun) = gocoro::channel::bounded(1);
        let (release, released) = gocoro::channel::bounded::<()>(1);
        let greenlet = Greenlet::new(move |n: u32| {
            began.send(()).unwrap();
            let _ = released.recv();
            n + 1
        });
        let (theirs, other) = (greenlet.clone(), Greenlet::new(|n: u32| n));
        let owner = go!(local => { theirs.switch_to(1).unwrap() });
        begun.recv().unwrap();
        for outside in [&greenlet, &other, &Greenlet::root()] {
            let error = outside.switch_to(7).unwrap_err();
            assert!(error.to_string().contains("only it may switch"), "{error}");
            assert_eq!(error.into_inner(), 7);
        }
        assert!(Greenlet::<u32>::current().parent().is_none());
        release.send(()).unwrap();
        assert_eq!(owner.wait(), 2);
        assert_eq!(other.switch_to(8).unwrap(), 8);
    });
}

/// A producer and a consumer, and who has ended.
#[test]
fn a_producer_hands_over_until_it_is_dead() {
    everywhere(|| {
        let producer = Greenlet::new(|_: Option<u32>| {
            for n in 0..10 {
                Greenlet::<Option<u32>>::root().switch_to(Some(n)).unwrap();
            }
            None
        });
        let mut seen = Vec::new();
        while let Some(n) = producer.switch_to(None).unwrap() {
            seen.push(n);
        }
        assert!(producer.is_dead() && seen.into_iter().eq(0..10));
    });
}

/// A destructor of the old function starts the new one before `reset` returns.
#[test]
fn one_that_is_started_while_it_is_reset_stays_started() {
    everywhere(|| {
        let greenlet = Greenlet::new(|_: u32| unreachable!("it is reset before"));
        let again = greenlet.clone();
        let starts = on_drop(move || {
            again.reset(|n| Greenlet::root().switch_to(n + 1).unwrap() + 10);
            assert_eq!(again.switch_to(1).unwrap(), 2);
        });
        greenlet.reset(move |n| {
            let _starts = &starts;
            Greenlet::root().switch_to(n).unwrap()
        });
        assert_eq!(greenlet.switch_to(5).unwrap(), 5);
        greenlet.reset(|n| n);
        assert!(greenlet.is_started() && !greenlet.is_dead());
        assert_eq!(greenlet.switch_to(7).unwrap(), 17);
        assert!(greenlet.is_dead());
    });
}

#[test]
fn what_is_injected_meanwhile_waits_for_the_next_switch() {
    everywhere(|| {
        fn inject_again(greenlet: Greenlet<u32>, calls: Rc<Cell<u32>>) {
            calls.set(calls.get() + 1);
            let (this, calls) = (greenlet.clone(), calls.clone());
            greenlet.inject(move || inject_again(this, calls));
        }
        let calls = Rc::new(Cell::new(0));
        let greenlet = Greenlet::new(|mut n: u32| {
            loop {
                n = Greenlet::root().switch_to(n).unwrap();
            }
        });
        let (this, theirs) = (greenlet.clone(), calls.clone());
        greenlet.inject(move || inject_again(this, theirs));
        for n in 1..4 {
            assert_eq!(greenlet.switch_to(n).unwrap(), n);
            assert_eq!(calls.get(), n);
        }
        greenlet.reset(|n| n);
    });
}

#[test]
fn a_long_chain_of_parents_ends() {
    everywhere(|| {
        let mut child = Greenlet::new(|n: u32| n);
        for _ in 0..100_000 {
            child = Greenlet::with_parent(&child, |n| n + 1);
        }
        drop(child);
    });
}

#[test]
fn a_panic_while_one_is_reset_keeps_the_new_function() {
    everywhere(|| {
        let panics = on_drop(|| panic!("expected"));
        let greenlet = Greenlet::new(move |n: u32| {
            let _panics = &panics;
            n
        });
        let reset = AssertUnwindSafe(|| greenlet.reset(|n| n + 10));
        assert!(panic::catch_unwind(reset).is_err());
        assert!(!greenlet.is_started());
        assert_eq!(greenlet.switch_to(1).unwrap(), 11);
    });
}
