//! How coroutines end: by a panic, or because they are dropped.

use std::panic;

use gocoro::go;
use gocoro::time::sleep;

use super::*;
use crate::support::{SOON, with_workers};

/// The panic goes to the resumer, through several.
#[test]
fn a_panic_goes_to_the_resumer() {
    everywhere(|| {
        let drops = Drops::default();
        let (of_inner, of_outer) = (drops.clone(), drops.clone());
        let mut outer: Plain<()> = Coroutine::new(move |suspender, ()| {
            let _guard = of_outer.guard();
            let mut inner: Plain<()> = Coroutine::new(move |suspender, ()| {
                let _guard = of_inner.guard();
                suspender.suspend(());
                panic::resume_unwind(Box::new("myerror"));
            });
            inner.resume(()).unwrap();
            suspender.suspend(());
            let _ = inner.resume(());
        });
        outer.resume(()).unwrap();
        assert_eq!(panic_of(|| outer.resume(())), "myerror");
        assert_eq!((outer.state(), drops.count()), (State::Finished, 2));
        assert_eq!(outer.resume(()).unwrap_err().state(), State::Finished);
    });
}

#[test]
fn one_that_is_dropped_is_unwound() {
    everywhere(|| {
        let drops = Drops::default();
        let theirs = drops.clone();
        let mut coroutine: Plain<()> = Coroutine::new(move |suspender, ()| {
            let _outer = theirs.guard();
            let caught = panic::catch_unwind(AssertUnwindSafe(|| {
                let _inner = theirs.guard();
                suspender.suspend(());
            }));
            // Whoever swallows it is unwound again.
            assert!(caught.is_err());
            suspender.suspend(());
            unreachable!("it goes on");
        });
        coroutine.resume(()).unwrap();
        drop(coroutine);
        assert_eq!(drops.count(), 2);
    });
}

#[test]
fn one_that_was_never_resumed_drops_its_closure() {
    everywhere(|| {
        let drops = Drops::default();
        let guard = drops.guard();
        drop(Coroutine::<(), (), ()>::new(move |_, ()| drop(guard)));
        assert_eq!(drops.count(), 1);
    });
}

/// Its destructor waits, in the middle of an unwinding of the task that drops it, too.
#[test]
fn destructors_may_wait() {
    struct Sleeps(Drops);
    impl Drop for Sleeps {
        fn drop(&mut self) {
            sleep(SOON);
            drop(self.0.guard());
        }
    }
    everywhere(|| {
        let drops = Drops::default();
        let new = |drops: &Drops| {
            let theirs = drops.clone();
            let mut coroutine: Plain<()> = Coroutine::new(move |suspender, ()| {
                let _sleeps = Sleeps(theirs);
                suspender.suspend(());
            });
            coroutine.resume(()).unwrap();
            coroutine
        };
        drop(new(&drops));
        assert_eq!(drops.count(), 1);
        let coroutine = new(&drops);
        let caught = panic::catch_unwind(AssertUnwindSafe(move || {
            let _coroutine = coroutine;
            panic::resume_unwind(Box::new("the owner's"));
        }));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"the owner's"));
        assert_eq!(drops.count(), 2);
        assert!(!std::thread::panicking());
    });
}

#[test]
fn a_destructor_s_panic_goes_to_whoever_drops() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic::resume_unwind(Box::new("in a destructor"));
            }
        }
    }
    everywhere(|| {
        let mut coroutine = Coroutine::new(|suspender: &Suspender<(), ()>, ()| {
            let caught = panic::catch_unwind(AssertUnwindSafe(|| suspender.suspend(())));
            drop(caught);
            let _panics = Panics;
        });
        coroutine.resume(()).unwrap();
        assert_eq!(panic_of(|| drop(coroutine)), "in a destructor");
    });
}

/// What would have to be unwound by an unwinding is left as it is, and nothing is aborted.
#[test]
fn a_suspension_in_a_destructor_leaves_the_coroutine_as_it_is() {
    struct Emits<'a>(&'a Suspender<(), u32>);
    impl Drop for Emits<'_> {
        fn drop(&mut self) {
            self.0.suspend(9);
        }
    }
    everywhere(|| {
        let drops = Drops::default();
        // It suspends in the middle of the unwinding by its drop.
        let theirs = drops.clone();
        let mut first = Coroutine::new(move |suspender: &Suspender<(), u32>, ()| {
            let _guard = theirs.guard();
            let _emits = Emits(suspender);
            suspender.suspend(1);
        });
        assert_eq!(first.resume(()).unwrap(), Step::Yielded(1));
        drop(first);
        assert!(!std::thread::panicking());
        // It is dropped in the middle of an unwinding of its own.
        let theirs = drops.clone();
        let mut second = Coroutine::new(move |suspender: &Suspender<(), u32>, ()| {
            let _guard = theirs.guard();
            let _emits = Emits(suspender);
            panic::resume_unwind(Box::new("its own"));
        });
        assert_eq!(second.resume(()).unwrap(), Step::Yielded(9));
        drop(second);
        assert!(!std::thread::panicking());
        assert_eq!(drops.count(), 0);
    });
}

/// A body that swallows its unwinding without end is not waited for without end.
#[test]
fn a_body_that_cannot_be_unwound_is_left_as_it_is() {
    everywhere(|| {
        let mut coroutine = Coroutine::new(|suspender: &Suspender<(), ()>, ()| {
            loop {
                drop(panic::catch_unwind(AssertUnwindSafe(|| suspender.suspend(()))));
            }
        });
        coroutine.resume(()).unwrap();
        drop(coroutine);
    });
}

/// As a cancel, the end of a coroutine that is dropped is no panic of anybody.
#[test]
fn a_drop_poisons_no_lock() {
    everywhere(|| {
        let lock: Rc<gocoro::sync::Mutex<u32>> = Rc::default();
        let theirs = lock.clone();
        let mut coroutine = Coroutine::new(move |suspender: &Suspender<(), ()>, ()| {
            let _guard = theirs.lock().unwrap();
            suspender.suspend(());
        });
        coroutine.resume(()).unwrap();
        drop(coroutine);
        assert_eq!(*lock.lock().unwrap(), 0);
    });
}

/// A coroutine that is suspended in the middle of an unwinding has its count of panics with it, and
/// its resumer has none.
#[test]
fn an_unwinding_is_the_coroutine_s_own() {
    struct Suspends<'a>(&'a Suspender<(), bool>);
    impl Drop for Suspends<'_> {
        fn drop(&mut self) {
            self.0.suspend(std::thread::panicking());
            self.0.suspend(std::thread::panicking());
        }
    }
    everywhere(|| {
        let mut coroutine = Coroutine::new(|suspender: &Suspender<(), bool>, ()| {
            let caught = panic::catch_unwind(AssertUnwindSafe(|| {
                let _suspends = Suspends(suspender);
                panic::resume_unwind(Box::new(()));
            }));
            (caught.is_err(), std::thread::panicking())
        });
        for _ in 0..2 {
            assert_eq!(coroutine.resume(()).unwrap(), Step::Yielded(true));
            assert!(!std::thread::panicking());
        }
        assert_eq!(coroutine.resume(()).unwrap(), Step::Returned((true, false)));
        assert!(!std::thread::panicking());
    });
}

/// One that a thread-local holds is unwound while its thread ends.
#[test]
fn one_in_a_thread_local_ends_with_its_thread() {
    thread_local! {
        static KEPT: RefCell<Option<Plain<()>>> = const { RefCell::new(None) };
    }
    let (dropped, was_dropped) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        let mut coroutine: Plain<()> = Coroutine::new(move |suspender, ()| {
            let _dropped = dropped;
            suspender.suspend(());
        });
        coroutine.resume(()).unwrap();
        KEPT.set(Some(coroutine));
    })
    .join()
    .unwrap();
    assert!(was_dropped.recv().is_err());
}

/// It is bound to its thread, and not to the runtime in which it was made.
#[test]
fn one_outlives_the_runtime_it_was_made_in() {
    let mut runtime = gocoro::runtime::LocalRuntime::new().unwrap();
    let mut coroutine = runtime.run(|| {
        let mut coroutine = Coroutine::new(|suspender: &Suspender<u32, u32>, n| {
            let n = suspender.suspend(n + 1);
            suspender.suspend(n + 1);
        });
        assert_eq!(coroutine.resume(1).unwrap(), Step::Yielded(2));
        coroutine
    });
    drop(runtime);
    assert_eq!(coroutine.resume(5).unwrap(), Step::Yielded(6));
}

#[test]
fn a_cancel_goes_through_coroutines() {
    with_workers(1).run(|| {
        let (began, begun) = gocoro::channel::bounded(1);
        let (dropped, was_dropped) = gocoro::channel::unbounded::<u32>();
        let waits = go!({
            struct Says(gocoro::channel::Sender<u32>, u32);
            impl Drop for Says {
                fn drop(&mut self) {
                    sleep(SOON);
                    self.0.send(self.1).unwrap();
                }
            }
            let _outer = Says(dropped.clone(), 2);
            let mut coroutine: Plain<()> = Coroutine::new(move |_, ()| {
                let _inner = Says(dropped, 1);
                began.send(()).unwrap();
                sleep(crate::support::NEVER);
            });
            let _ = coroutine.resume(());
        });
        begun.recv().unwrap();
        waits.cancel();
        assert!(waits.join().unwrap_err().is_cancelled());
        assert!(was_dropped.iter().eq([1, 2]));
    });
}
