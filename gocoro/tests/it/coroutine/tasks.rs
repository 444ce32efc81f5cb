//! Coroutines inside tasks: what waits in them suspends the task.

use std::time::Duration;

use gocoro::channel::bounded;
use gocoro::runtime::{Builder, LocalRuntime};
use gocoro::sync::Mutex;
use gocoro::time::{sleep, timeout};
use gocoro::{go, runtime, task};

use super::*;
use crate::support::{NEVER, SOON, on_workers, passes_alone, scenario, this_program, with_workers};

/// 50 tasks, in each three coroutines that resume each other, and all of these sleep.
#[test]
fn what_waits_suspends_the_task_as_a_whole() {
    fn level(depth: u32, start: u64) -> Coroutine<(), u64, ()> {
        Coroutine::new(move |suspender, ()| {
            if depth == 0 {
                for n in 0..4 {
                    sleep(Duration::from_micros((start + n) % 5 * 100));
                    suspender.suspend(start + n);
                }
                return;
            }
            let mut below = level(depth - 1, start);
            while let Step::Yielded(n) = below.resume(()).unwrap() {
                sleep(Duration::from_micros(n % 3 * 100));
                suspender.suspend(n + 1);
                task::yield_now();
            }
        })
    }
    on_workers(|_| {
        let tasks: Vec<_> = (0..50)
            .map(|start| {
                go!({
                    let mut all = level(2, start);
                    let mut seen = Vec::new();
                    while let Step::Yielded(n) = all.resume(()).unwrap() {
                        seen.push(n);
                    }
                    assert_eq!(seen, (start + 2..start + 6).collect::<Vec<_>>());
                })
            })
            .collect();
        tasks.into_iter().for_each(task::JoinHandle::wait);
    });
}

/// While its task waits inside it, it runs, and a neighbour that looks is told so.
#[test]
fn one_whose_task_waits_is_running() {
    with_workers(1).run(|| {
        let (began, begun) = bounded(1);
        let (release, released) = bounded::<()>(1);
        let shared =
            Rc::new(RefCell::new(Coroutine::new(move |suspender: &Suspender<(), ()>, ()| {
                began.send(()).unwrap();
                let _ = released.recv();
                suspender.suspend(());
            })));
        let theirs = shared.clone();
        let owner = go!(local => { theirs.borrow_mut().resume(()).unwrap() });
        begun.recv().unwrap();
        assert!(shared.try_borrow_mut().is_err());
        release.send(()).unwrap();
        assert_eq!(owner.wait(), Step::Yielded(()));
        // Another task of the worker resumes it.
        let mut mine = shared.borrow_mut();
        assert_eq!(mine.state(), State::Suspended);
        assert_eq!(mine.resume(()).unwrap(), Step::Returned(()));
    });
}

/// The state of one that has resumed another, as its own task sees it later and a neighbour now.
#[test]
fn one_that_resumes_another_says_so() {
    type Shared = Rc<RefCell<Option<*const Coroutine<(), (), ()>>>>;
    with_workers(1).run(|| {
        let address: Shared = Rc::default();
        let theirs = address.clone();
        let mut outer = Box::new(Coroutine::new(move |_: &Suspender<(), ()>, ()| {
            let outer = theirs.borrow().unwrap();
            // SAFETY: the test keeps the outer coroutine in its box, and `state` only reads cells.
            let state = || unsafe { &*outer }.state();
            assert_eq!(state(), State::Running);
            let mut inner: Plain<State> = Coroutine::new(move |_, ()| {
                // SAFETY: as above.
                unsafe { &*outer }.state()
            });
            assert_eq!(inner.resume(()).unwrap(), Step::Returned(State::Resuming));
            assert_eq!(state(), State::Running);
        }));
        *address.borrow_mut() = Some(&raw const *outer);
        outer.resume(()).unwrap();
    });
}

#[test]
fn a_timeout_around_reaches_in_and_one_inside_ends_inside() {
    everywhere(|| {
        let mut coroutine = Coroutine::new(|suspender: &Suspender<(), u32>, ()| {
            assert!(timeout(SOON, || sleep(NEVER)).is_err());
            suspender.suspend(1);
            sleep(NEVER);
        });
        assert_eq!(coroutine.resume(()).unwrap(), Step::Yielded(1));
        assert!(timeout(SOON, || coroutine.resume(())).is_err());
        assert_eq!(coroutine.state(), State::Finished);
    });
}

/// A lock that a coroutine holds while it is suspended is the task's.
#[test]
fn a_guard_stays_across_a_suspension() {
    everywhere(|| {
        let lock = Rc::new(Mutex::new(0));
        let theirs = lock.clone();
        let mut coroutine = Coroutine::new(move |suspender: &Suspender<(), ()>, ()| {
            *theirs.lock().unwrap() += 1;
            let guard = theirs.lock().unwrap();
            suspender.suspend(());
            drop(guard);
        });
        coroutine.resume(()).unwrap();
        assert!(lock.try_lock().is_err());
        coroutine.resume(()).unwrap();
        assert_eq!(*lock.lock().unwrap(), 1);
    });
}

/// A runtime inside a coroutine, and coroutines inside its tasks.
#[test]
fn a_runtime_may_run_inside() {
    everywhere(|| {
        let mut coroutine = Coroutine::new(|suspender: &Suspender<(), u32>, ()| {
            let mut inner = runtime::LocalRuntime::new().unwrap();
            let sum = inner.run(|| {
                let tasks: Vec<_> = (0..3)
                    .map(|n| {
                        task::spawn_local(move || {
                            let mut own =
                                Coroutine::new(move |suspender: &Suspender<(), u32>, ()| {
                                    sleep(SOON);
                                    suspender.suspend(n);
                                });
                            match own.resume(()).unwrap() {
                                Step::Yielded(n) => n,
                                Step::Returned(()) => unreachable!(),
                            }
                        })
                    })
                    .collect();
                tasks.into_iter().map(task::JoinHandle::wait).sum()
            });
            suspender.suspend(sum);
        });
        assert_eq!(coroutine.resume(()).unwrap(), Step::Yielded(3));
        assert_eq!(coroutine.resume(()).unwrap(), Step::Returned(()));
    });
}

#[test]
fn an_overflow_names_the_coroutine() {
    const NAME: &str = "coroutine::tasks::an_overflow_names_the_coroutine";
    fn dig(n: u64) -> u64 {
        let frame = [n; 64];
        std::hint::black_box(&frame);
        if n == u64::MAX { 0 } else { dig(n + 1) + frame[7] }
    }
    /// Runs a runtime where so many bytes are left of the stack.
    fn turn(left: usize, runtime: &mut LocalRuntime) -> u64 {
        let frame = [1; 8];
        std::hint::black_box(&frame);
        if task::remaining_stack().unwrap() > left {
            turn(left, runtime) + frame[7]
        } else {
            runtime.run(|| go!({ 1 }).wait())
        }
    }
    let Some(scenario) = scenario() else {
        for (kind, usual) in [("thread", "65536"), ("task", "65536"), ("worker", "1")] {
            let mut child = this_program(&[NAME, "--exact"], kind);
            let child = child.env("GOCORO_STACK_SIZE", usual).output().unwrap();
            let text = String::from_utf8_lossy(&child.stderr);
            let line = "a coroutine (created at gocoro/tests/it/coroutine/tasks.rs:";
            assert!(!child.status.success() && text.contains(line), "{text}");
            assert!(text.contains("has overflowed its stack of 65536 bytes"), "{text}");
            assert!(text.contains("Coroutine::with_stack_size(262144, ..)`, or for all"), "{text}");
        }
        return;
    };
    // The size of this one comes from the environment.
    let overflow = || {
        let mut coroutine = Coroutine::new(|_: &Suspender<u64, ()>, n| dig(n));
        let _ = coroutine.resume(0);
    };
    match &*scenario {
        "thread" => overflow(),
        "task" => with_workers(1).run(overflow),
        "worker" => {
            let mut runtime = Builder::new().build_local().unwrap();
            // What runs once has run: `turn` has no stack for it.
            runtime.run(|| go!({ 1 }).wait());
            // What is left gets less, until the runtime has too little.
            let mut coroutine =
                Coroutine::with_stack_size(64 * 1024, move |_: &Suspender<u64, ()>, n| {
                    let left = (0..32 * 1024).rev().step_by(128);
                    n + left.map(|left| turn(left, &mut runtime)).sum::<u64>()
                });
            let _ = coroutine.resume(0);
        }
        _ => {}
    }
}

/// No runtime is made for coroutines alone: no thread, and no poll.
#[test]
fn no_runtime_is_needed() {
    passes_alone("coroutine::tasks::no_runtime_is_needed", "alone");
    // The tests beside this one have threads that begin and end.
    if scenario().is_none() {
        return;
    }
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    let mut coroutine: Plain<()> = Coroutine::new(|suspender, ()| suspender.suspend(()));
    coroutine.resume(()).unwrap();
    assert_eq!(threads(), before);
}
