//! Coroutines as values, greenlets, and generators.

mod cancels;
mod ends;
mod greenlets;
mod hooks;
mod items;
mod lent;
mod memory;
mod misuse;
mod open;
mod programs;
mod tasks;
mod turns;

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;

use gocoro::coroutine::{Coroutine, ResumeError, State, Step, Suspender};
use gocoro::task;

use crate::support::Colour;

type Plain<R> = Coroutine<(), (), R>;

/// What a panic of `f` carries, if it is a text.
fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    let payload = panic::catch_unwind(AssertUnwindSafe(f)).err().expect("a panic");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast_ref::<&str>().expect("a text")).to_owned(),
    }
}

/// Counts its drops.
#[derive(Clone, Default)]
struct Drops(Rc<Cell<usize>>);

struct Dropped(Drops);

impl Drops {
    fn guard(&self) -> Dropped {
        Dropped(self.clone())
    }

    fn count(&self) -> usize {
        self.0.get()
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.0.set(self.0.0.get() + 1);
    }
}

/// In each colour: coroutines need no runtime, and do in tasks what they do without.
#[track_caller]
fn everywhere(scenario: fn()) {
    for colour in [Colour::Thread, Colour::Task] {
        colour.run(1, scenario);
    }
}

/// Suspends a coroutine inside of `inside`, where it may not be, and then outside; what the refusal
/// says.
#[track_caller]
fn refused(inside: impl FnOnce(&Suspender<(), ()>) + 'static) -> String {
    let mut coroutine = Coroutine::new(move |suspender: &Suspender<(), ()>, ()| {
        let text = panic_of(|| inside(suspender));
        suspender.suspend(());
        text
    });
    assert_eq!(coroutine.resume(()).unwrap(), Step::Yielded(()));
    match coroutine.resume(()).unwrap() {
        Step::Returned(text) => text,
        Step::Yielded(()) => unreachable!(),
    }
}

#[test]
fn a_coroutine_is_unstarted_suspended_and_finished() {
    everywhere(|| {
        let mut coroutine = Coroutine::new(|suspender, ()| {
            suspender.suspend(());
            "42".to_owned()
        });
        assert_eq!(coroutine.state(), State::Unstarted);
        assert_eq!(coroutine.resume(()).unwrap(), Step::Yielded(()));
        assert_eq!(coroutine.state(), State::Suspended);
        assert_eq!(coroutine.resume(()).unwrap(), Step::Returned("42".to_owned()));
        assert_eq!(coroutine.state(), State::Finished);
    });
}

#[test]
fn values_go_in_and_out() {
    everywhere(|| {
        // It yields 1, 4, 6 while 3, 2, 22 go in.
        let mut coroutine = Coroutine::new(|suspender: &Suspender<u32, u32>, first| {
            assert_eq!(first, 0);
            let seen = [1, 4, 6].map(|out| suspender.suspend(out));
            seen == [3, 2, 22]
        });
        for (into, out) in [(0, 1), (3, 4), (2, 6)] {
            assert_eq!(coroutine.resume(into).unwrap(), Step::Yielded(out));
        }
        assert_eq!(coroutine.resume(22).unwrap(), Step::Returned(true));
    });
}

/// The order of the steps, and the states between.
#[test]
fn steps_alternate() {
    everywhere(|| {
        let steps = Rc::new(RefCell::new(Vec::new()));
        let theirs = steps.clone();
        let step = move |n| theirs.borrow_mut().push(n);
        let mine = step.clone();
        let mut coroutine = Coroutine::with_stack_size(32 * 1024, move |suspender, ()| {
            assert!(task::remaining_stack().unwrap() > 2048);
            step(1);
            for n in [3, 5] {
                suspender.suspend(());
                step(n);
            }
        });
        mine(0);
        coroutine.resume(()).unwrap();
        mine(2);
        coroutine.resume(()).unwrap();
        mine(4);
        assert_eq!(coroutine.state(), State::Suspended);
        coroutine.resume(()).unwrap();
        mine(6);
        assert_eq!(coroutine.state(), State::Finished);
        assert_eq!(*steps.borrow(), [0, 1, 2, 3, 4, 5, 6]);
    });
}

/// A finished one, itself, and one that resumes others.
#[test]
fn what_cannot_be_resumed_is_an_error() {
    everywhere(|| {
        let mut done: Plain<()> = Coroutine::new(|_, ()| ());
        done.resume(()).unwrap();
        let error: ResumeError = done.resume(()).unwrap_err();
        assert_eq!(error.state(), State::Finished);
        let (text, site) = (error.to_string(), done.created_at());
        assert!(text.contains("finished") && text.contains(&site.to_string()), "{text}");

        // It runs, and asks for its own state, from inside and from a coroutine inside.
        type Shared = Rc<RefCell<Plain<()>>>;
        let own: Rc<RefCell<Option<Shared>>> = Rc::default();
        let inside = own.clone();
        let coroutine = Rc::new(RefCell::new(Coroutine::new(move |_, ()| {
            let this = inside.borrow().clone().unwrap();
            assert!(this.try_borrow_mut().is_err(), "whoever resumes borrows it");
            let mut other: Plain<()> = Coroutine::new(|_, ()| ());
            other.resume(()).unwrap();
        })));
        *own.borrow_mut() = Some(coroutine.clone());
        coroutine.borrow_mut().resume(()).unwrap();
        *own.borrow_mut() = None;
    });
}

#[test]
fn a_stack_that_cannot_be_is_told_by_the_first_resume() {
    everywhere(|| {
        let mut coroutine: Plain<()> = Coroutine::with_stack_size(usize::MAX, |_, ()| ());
        let error = coroutine.resume(()).unwrap_err();
        assert_eq!((error.state(), coroutine.state()), (State::Unstarted, State::Unstarted));
        assert!(error.to_string().contains("cannot be started"), "{error}");
    });
}

/// What runs in the resumer, once the coroutine is suspended.
#[test]
fn a_suspension_is_followed_by_what_was_asked_for() {
    everywhere(|| {
        let order = Rc::new(RefCell::new(Vec::new()));
        let inner = order.clone();
        let mut coroutine = Coroutine::new(move |suspender, ()| {
            for n in [1, 2] {
                let order = inner.clone();
                suspender.on_suspend(move || order.borrow_mut().push(n));
            }
            inner.borrow_mut().push(0);
            suspender.suspend(());
            suspender.suspend(());
        });
        coroutine.resume(()).unwrap();
        assert_eq!(*order.borrow(), [0, 1, 2]);
        coroutine.resume(()).unwrap();
        assert_eq!(order.borrow().len(), 3);
        // The end is no suspension.
        let order = Rc::new(RefCell::new(Vec::new()));
        let inner = order.clone();
        let mut coroutine: Plain<()> = Coroutine::new(move |suspender, ()| {
            suspender.on_suspend(move || inner.borrow_mut().push(1));
        });
        coroutine.resume(()).unwrap();
        assert!(order.borrow().is_empty());
    });
}

#[test]
fn each_has_values_of_its_own() {
    fn count(suspender: &Suspender<(), u32>) {
        let count = suspender.local::<Cell<u32>>();
        count.set(count.get() + 1);
        suspender.suspend(count.get());
    }
    everywhere(|| {
        let new = || {
            Coroutine::<(), u32, ()>::new(|suspender, ()| {
                loop {
                    count(suspender)
                }
            })
        };
        let (mut one, mut other) = (new(), new());
        for n in 1..4 {
            assert_eq!(one.resume(()).unwrap(), Step::Yielded(n));
        }
        assert_eq!(other.resume(()).unwrap(), Step::Yielded(1));
    });
}

/// Only a coroutine's own body may suspend it.
#[test]
fn a_suspension_from_elsewhere_is_refused() {
    everywhere(|| {
        let mut outer = Coroutine::new(|suspender: &Suspender<(), u32>, ()| {
            // The inner one's frames lie above those of the outer one, which would be cut off.
            let address = std::ptr::from_ref(suspender).expose_provenance();
            let mut inner: Coroutine<(), (), String> = Coroutine::new(move |_, ()| {
                let suspender = std::ptr::with_exposed_provenance::<Suspender<(), u32>>(address);
                // SAFETY: the outer coroutine, which has the suspender, waits in `resume`.
                panic_of(|| unsafe { &*suspender }.suspend(1))
            });
            match inner.resume(()).unwrap() {
                Step::Returned(text) => assert!(text.contains("only by its own body"), "{text}"),
                Step::Yielded(()) => unreachable!(),
            }
            suspender.suspend(2);
        });
        assert_eq!(outer.resume(()).unwrap(), Step::Yielded(2));
    });
}

#[test]
fn deep_frames_stay_as_they_are() {
    fn dig(depth: u32, suspender: &Suspender<u32, u32>) -> u32 {
        let frame = [depth; 16];
        if depth == 0 {
            return suspender.suspend(7);
        }
        let below = dig(depth - 1, suspender);
        assert_eq!(std::hint::black_box(frame), [depth; 16]);
        below + 1
    }
    everywhere(|| {
        let mut coroutine =
            Coroutine::with_stack_size(1 << 20, |suspender, depth| dig(depth, suspender));
        assert_eq!(coroutine.resume(1000).unwrap(), Step::Yielded(7));
        assert_eq!(coroutine.resume(1).unwrap(), Step::Returned(1001));
    });
}

/// Ten thousand are made and end, and their stacks are the same ones.
#[test]
fn stacks_are_used_again() {
    everywhere(|| {
        let mut tops = std::collections::HashSet::new();
        for _ in 0..10_000 {
            let mut coroutine = Coroutine::new(|_: &Suspender<(), ()>, ()| {
                let here = 0_u8;
                (&raw const here).addr() >> 18
            });
            let Step::Returned(top) = coroutine.resume(()).unwrap() else { unreachable!() };
            tops.insert(top);
        }
        assert!(tops.len() <= 2, "{}", tops.len());
    });
}

/// However often it is asked for before a suspension, and however often again after it.
#[test]
fn many_calls_follow_one_suspension() {
    everywhere(|| {
        let called = Rc::new(Cell::new(0));
        let theirs = called.clone();
        let mut coroutine: Plain<()> = Coroutine::new(move |suspender, ()| {
            for _ in 0..100_000 {
                let called = theirs.clone();
                suspender.on_suspend(move || called.set(called.get() + 1));
            }
            suspender.suspend(());
        });
        coroutine.resume(()).unwrap();
        assert_eq!(called.get(), 100_000);
        coroutine.resume(()).unwrap();
        assert_eq!(called.get(), 100_000);
    });
}
