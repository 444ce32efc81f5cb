//! One program of coroutines in one another, generators and greenlets, cancelled at each place
//! where it waits or suspends: whatever it has made ends once.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gocoro::coroutine::Greenlet;
use gocoro::coroutine::iter::{Emitter, generate};
use gocoro::go;
use gocoro::time::{sleep, timeout};

use super::*;
use crate::support::{NEVER, bounded, with_workers};

/// What a run of the program counts.
struct Kit {
    /// How often each guard was dropped.
    ends: Mutex<Vec<u8>>,
    places: AtomicUsize,
    /// At which of the places the task is cancelled.
    cancelled_at: usize,
}

/// Ends once, and waits then.
struct Guard {
    kit: Arc<Kit>,
    index: usize,
}

impl Kit {
    fn new(cancelled_at: usize) -> Arc<Kit> {
        Arc::new(Kit { ends: Mutex::default(), places: AtomicUsize::new(0), cancelled_at })
    }

    fn guard(self: &Arc<Kit>) -> Guard {
        let mut ends = self.ends.lock().unwrap();
        ends.push(0);
        Guard { kit: self.clone(), index: ends.len() - 1 }
    }

    /// One of the places. Which number it has.
    fn place(&self) -> usize {
        let place = self.places.fetch_add(1, Relaxed) + 1;
        if place == self.cancelled_at {
            task::current().cancel();
        }
        place
    }

    fn wait(&self) {
        match self.place() % 3 {
            0 => task::yield_now(),
            1 => sleep(Duration::from_micros(1)),
            _ => task::park_timeout(Duration::from_micros(1)),
        }
    }

    fn suspend<Out>(&self, suspender: &Suspender<(), Out>, output: Out) {
        self.place();
        suspender.suspend(output);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.kit.ends.lock().unwrap()[self.index] += 1;
        if self.index.is_multiple_of(4) {
            self.kit.wait();
        }
    }
}

/// Coroutines in one another, so many deep; each resumes one more twice, and drops another one
/// where it stands.
fn nested(kit: &Arc<Kit>, depth: usize) -> Coroutine<(), usize, ()> {
    let kit = kit.clone();
    Coroutine::new(move |suspender, ()| {
        let _outer = kit.guard();
        kit.wait();
        if depth > 1 {
            let mut inner = nested(&kit, depth - 1);
            let mut dropped = nested(&kit, 1);
            dropped.resume(()).unwrap();
            while let Step::Yielded(n) = inner.resume(()).unwrap() {
                let _inner = kit.guard();
                kit.suspend(suspender, n + 1);
            }
        } else {
            for n in 0..2 {
                let _inner = kit.guard();
                kit.suspend(suspender, n);
            }
        }
        kit.wait();
    })
}

fn coroutines(kit: &Arc<Kit>) {
    for depth in 1..=4 {
        let mut seen = 0;
        let mut outermost = nested(kit, depth);
        while let Step::Yielded(n) = outermost.resume(()).unwrap() {
            assert_eq!(n, seen % 2 + depth - 1);
            seen += 1;
            kit.wait();
        }
    }
}

fn generators(kit: &Arc<Kit>) {
    fn walk(kit: &Arc<Kit>, depth: u32, emitter: &Emitter<u32>) {
        let _guard = kit.guard();
        if depth > 0 {
            walk(kit, depth - 1, emitter);
            kit.suspend(emitter, depth);
            kit.wait();
            walk(kit, depth - 1, emitter);
        }
    }
    let tree = |depth| {
        let kit = kit.clone();
        generate(move |emitter| walk(&kit, depth, emitter))
    };
    assert_eq!(tree(3).inspect(|_| kit.wait()).count(), 7);
    // One is dropped where it stands.
    assert_eq!(tree(3).zip(tree(2)).inspect(|_| kit.wait()).count(), 3);
}

fn greenlets(kit: &Arc<Kit>) {
    let mut next = Greenlet::<u32>::root();
    for _ in 0..3 {
        let (kit, to) = (kit.clone(), next.clone());
        next = Greenlet::new(move |mut n| {
            let _guard = kit.guard();
            loop {
                kit.wait();
                n = to.switch_to(n + 1).unwrap();
            }
        });
    }
    for n in 0..2 {
        assert_eq!(next.switch_to(n).unwrap(), n + 3);
        kit.wait();
    }
    let theirs = kit.clone();
    next.reset(move |n| {
        let _guard = theirs.guard();
        theirs.wait();
        n
    });
    assert_eq!(next.switch_to(9).unwrap(), 9);
}

/// A coroutine that goes from one task of the worker to the next. (It is no task's result: that one
/// is lost where a destructor throws once it stands.)
fn handed_over(kit: &Arc<Kit>) {
    let place = Rc::new(RefCell::new(Some(nested(kit, 2))));
    while place.borrow().is_some() {
        let (theirs, place) = (kit.clone(), place.clone());
        let step = go!(local => {
            let _guard = theirs.guard();
            let mut coroutine = place.take().unwrap();
            let step = coroutine.resume(()).unwrap();
            theirs.wait();
            if let Step::Yielded(_) = step {
                *place.borrow_mut() = Some(coroutine);
            }
        });
        if let Err(error) = step.join() {
            assert!(error.is_cancelled(), "{error}");
            task::current().cancel();
        }
        task::checkpoint();
    }
}

/// Timeouts around coroutines, and in them.
fn timeouts(kit: &Arc<Kit>) {
    let theirs = kit.clone();
    let mut coroutine = Coroutine::new(move |suspender: &Suspender<(), ()>, ()| {
        let _guard = theirs.guard();
        let inside = timeout(Duration::ZERO, || {
            let _guard = theirs.guard();
            theirs.place();
            sleep(NEVER);
        });
        assert!(inside.is_err());
        theirs.suspend(suspender, ());
        sleep(NEVER);
    });
    coroutine.resume(()).unwrap();
    kit.place();
    assert!(timeout(Duration::ZERO, || coroutine.resume(())).is_err());
    assert_eq!(coroutine.state(), State::Finished);
}

/// Coroutines that are dropped, and some that are resumed, by an unwinding.
fn amid_unwinding(kit: &Arc<Kit>) {
    struct Resumes(Arc<Kit>, Coroutine<(), (), ()>);
    impl Drop for Resumes {
        fn drop(&mut self) {
            for _ in 0..2 {
                drop(panic::catch_unwind(AssertUnwindSafe(|| self.1.resume(()))));
            }
            let dropped = panic::catch_unwind(AssertUnwindSafe(|| {
                let mut another = nested(&self.0, 2);
                another.resume(()).unwrap();
            }));
            drop(dropped);
        }
    }
    let thrown = panic::catch_unwind(AssertUnwindSafe(|| {
        let mut dropped = nested(kit, 3);
        dropped.resume(()).unwrap();
        let theirs = kit.clone();
        let mut resumed = Coroutine::new(move |suspender: &Suspender<(), ()>, ()| {
            let _guard = theirs.guard();
            loop {
                let caught = panic::catch_unwind(AssertUnwindSafe(|| {
                    let _guard = theirs.guard();
                    theirs.wait();
                    panic::resume_unwind(Box::new("inside"));
                }));
                drop(caught);
                theirs.suspend(suspender, ());
            }
        });
        resumed.resume(()).unwrap();
        let _resumes = Resumes(kit.clone(), resumed);
        kit.wait();
        panic::resume_unwind(Box::new("outside"));
    }));
    assert!(thrown.is_err());
    // It may have been the cancel.
    task::checkpoint();
}

type Part = fn(&Arc<Kit>);

/// Runs a part of the program, and cancels it at this place. How many there were.
fn run(part: Part, cancelled_at: usize) -> (Arc<Kit>, task::JoinHandle<()>) {
    let kit = Kit::new(cancelled_at);
    let theirs = kit.clone();
    let ran = go!({
        assert!(!std::thread::panicking());
        part(&theirs);
        task::checkpoint();
        assert!(!std::thread::panicking());
    });
    (kit, ran)
}

/// Whether the tasks of a worker run beside one another.
#[derive(Clone, Copy, PartialEq)]
enum Tasks {
    Together,
    /// One at a time: of the greenlets of a thread that have one type, one runs.
    Alone,
}

fn cancelled_everywhere(part: Part, tasks: Tasks) {
    for workers in [1, 4] {
        println!("workers: {workers}");
        bounded(move || {
            let runtime = with_workers(workers);
            let all = runtime.run(move || {
                let (kit, ran) = run(part, usize::MAX);
                ran.join().unwrap();
                let places = kit.places.load(Relaxed);
                assert!(places >= 4, "{places}");
                let mut begun: Vec<_> = vec![];
                let mut all = vec![(kit, true)];
                for place in 1..=places {
                    begun.push(run(part, place));
                    if tasks == Tasks::Alone || place == places {
                        all.extend(begun.drain(..).map(|(kit, ran)| (kit, is_cancelled(ran))));
                    }
                }
                all
            });
            runtime.wait_idle();
            let cancelled = all.iter().filter(|(_, is_cancelled)| *is_cancelled).count();
            assert!(cancelled * 10 > all.len() * 8, "{cancelled} of {}", all.len());
            for (kit, _) in all {
                let ends = kit.ends.lock().unwrap();
                assert!(ends.iter().all(|&times| times == 1), "{}: {ends:?}", kit.cancelled_at);
            }
        });
    }
}

/// Whether it was. Where the cancel came to another task, in the last of its destructors, nothing
/// was there that it could have cut short.
fn is_cancelled(ran: task::JoinHandle<()>) -> bool {
    match ran.join() {
        Ok(()) => false,
        Err(error) if error.is_cancelled() => true,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn coroutines_in_one_another() {
    cancelled_everywhere(coroutines, Tasks::Together);
}

#[test]
fn generators_and_those_that_are_dropped() {
    cancelled_everywhere(generators, Tasks::Together);
}

#[test]
fn greenlets_and_those_that_are_reset() {
    cancelled_everywhere(greenlets, Tasks::Alone);
}

#[test]
fn one_that_goes_from_task_to_task() {
    cancelled_everywhere(handed_over, Tasks::Together);
}

#[test]
fn some_with_timeouts() {
    cancelled_everywhere(timeouts, Tasks::Together);
}

#[test]
fn some_that_unwindings_drop_and_resume() {
    cancelled_everywhere(amid_unwinding, Tasks::Together);
}
