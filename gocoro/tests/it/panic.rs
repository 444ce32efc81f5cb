//! A panic ends its task alone, and is its joiner's.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use gocoro::task::{self, JoinHandle};
use gocoro::time::sleep;
use gocoro::{go, go_test};

use crate::support::{Random, SOON, on_drop, on_workers, settle, until};

/// A fresh task on each worker, or nearly so, finds its thread in order.
fn check_threads(workers: usize) {
    let tasks: Vec<_> = (0..16 * workers)
        .map(|_| {
            go!({
                assert!(!thread::panicking(), "a thread counts a panic that is over");
                task::yield_now();
            })
        })
        .collect();
    tasks.into_iter().for_each(JoinHandle::wait);
}

fn panicked<T>(task: JoinHandle<T>) -> Box<dyn Any + Send> {
    let error = task.join().map(|_| ()).unwrap_err();
    assert!(error.is_panic(), "{error}");
    error.into_panic()
}

#[test]
fn a_panic_ends_its_task_alone() {
    on_workers(|workers| {
        let tasks: Vec<_> = (0..200)
            .map(|n| {
                go!({
                    for _ in 0..n % 5 {
                        task::yield_now();
                    }
                    if n % 3 == 0 {
                        panic!("task {n}");
                    }
                    n
                })
            })
            .collect();
        for (n, task) in tasks.into_iter().enumerate() {
            match task.join() {
                Ok(value) => assert!(value == n && n % 3 != 0),
                Err(error) => {
                    assert!(error.is_panic() && n % 3 == 0, "{error}");
                    assert_eq!(error.downcast_ref::<String>().unwrap(), &format!("task {n}"));
                }
            }
        }
        check_threads(workers);
    });
}

#[go_test]
fn payloads_of_every_kind_reach_the_joiner() {
    #[derive(Debug, PartialEq)]
    struct Own(u8);
    let payload = panicked(go!({ panic!("literal") }));
    assert_eq!(payload.downcast_ref(), Some(&"literal"));
    let payload = panicked(go!({ panic!("{}", "formatted") }));
    assert_eq!(payload.downcast_ref(), Some(&String::from("formatted")));
    let payload = panicked(go!({ panic::panic_any(Own(3)) }));
    assert_eq!(*payload.downcast::<Own>().unwrap(), Own(3));
    let payload = panicked(go!({ panic::resume_unwind(Box::new(Own(4))) }));
    assert_eq!(*payload.downcast::<Own>().unwrap(), Own(4));
    let index = std::hint::black_box(7);
    let payload = panicked(go!({ [1, 2, 3][index] }));
    assert!(payload.downcast_ref::<String>().unwrap().contains("index out of bounds"));
}

#[test]
fn the_joiner_is_woken_wherever_it_waits() {
    on_workers(|_| {
        let bad = go!({
            sleep(SOON);
            panic!("late")
        });
        let joined = go!({ bad.join().unwrap_err().is_panic() });
        assert!(joined.wait());
        let bad = go!({
            sleep(SOON);
            panic!("late")
        });
        let thread = thread::spawn(move || bad.join().unwrap_err().is_panic());
        until(|| thread.is_finished());
        assert!(thread.join().unwrap());
    });
}

#[test]
fn a_panic_passes_through_joins() {
    on_workers(|_| {
        let mut last = go!({ panic::panic_any(9u16) });
        for _ in 0..20 {
            let before: JoinHandle<()> = last;
            last = go!({ before.wait() });
        }
        assert_eq!(panicked(last).downcast_ref(), Some(&9u16));
    });
}

#[test]
fn a_panic_that_is_caught_across_waits() {
    on_workers(|workers| {
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                go!({
                    for round in 0..5 {
                        let caught = panic::catch_unwind(|| {
                            task::yield_now();
                            go!({ task::yield_now() }).wait();
                            if (n + round) % 2 == 0 {
                                panic::panic_any(n);
                            }
                            round
                        });
                        match caught {
                            Ok(value) => assert_eq!(value, round),
                            Err(payload) => assert_eq!(payload.downcast_ref(), Some(&n)),
                        }
                        assert!(workers > 1 || !thread::panicking());
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(JoinHandle::wait);
        check_threads(workers);
    });
}

#[test]
fn destructors_that_wait_while_their_tasks_panic() {
    // Unwinds of one thread begin and end in any order.
    on_workers(|workers| {
        const TASKS: usize = 300;
        let ended = Arc::new(AtomicUsize::new(0));
        let mut random = Random::new(0x5EED);
        let tasks: Vec<_> = (0..TASKS)
            .map(|n| {
                let (before, during) = (random.below(10), random.below(30));
                go!(clone(ended) => {
                    for _ in 0..before {
                        task::yield_now();
                    }
                    let _guard = on_drop(|| {
                        for round in 0..during {
                            match round % 3 {
                                0 => task::yield_now(),
                                1 => sleep(SOON / 8),
                                _ => assert_eq!(go!({ 7 }).wait(), 7),
                            }
                        }
                        // A panic inside, kept inside.
                        let caught = panic::catch_unwind(|| {
                            task::yield_now();
                            panic::panic_any(n + 1)
                        });
                        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&(n + 1)));
                        ended.fetch_add(1, SeqCst);
                    });
                    panic::panic_any(n)
                })
            })
            .collect();
        for (n, task) in tasks.into_iter().enumerate() {
            let _: &JoinHandle<()> = &task;
            assert_eq!(panicked(task).downcast_ref(), Some(&n));
        }
        assert_eq!(ended.load(SeqCst), TASKS);
        check_threads(workers);
    });
}

#[test]
fn panics_of_what_is_dropped_for_the_task() {
    on_workers(|workers| {
        // In what the closure took: the task panicked.
        let bomb = on_drop(|| panic!("in the closure"));
        let task = go!({
            let _bomb = bomb;
            task::yield_now();
        });
        assert_eq!(panicked(task).downcast_ref(), Some(&"in the closure"));
        // In the result that nobody wants: nobody is hurt.
        let (started, is_started) = std::sync::mpsc::channel();
        drop(go!({
            started.send(()).unwrap();
            on_drop(|| panic!("in the result"))
        }));
        until(|| is_started.try_recv().is_ok());
        settle();
        // In the payload that nobody takes.
        struct Grenade;
        impl Drop for Grenade {
            fn drop(&mut self) {
                panic!("in the payload");
            }
        }
        let (started, is_started) = std::sync::mpsc::channel();
        drop(go!({
            started.send(()).unwrap();
            panic::panic_any(Grenade)
        }));
        until(|| is_started.try_recv().is_ok());
        settle();
        check_threads(workers);
    });
}

#[go_test]
fn what_a_task_held_is_released() {
    let shared = std::rc::Rc::new(std::cell::RefCell::new(1));
    let task = go!(local, clone(shared) => {
        let _held = shared.borrow_mut();
        task::yield_now();
        panic::panic_any(())
    });
    let _: &JoinHandle<()> = &task;
    settle();
    panicked(task);
    assert_eq!(*shared.borrow(), 1);
}

#[test]
fn a_panic_out_of_run_reaches_its_caller() {
    on_workers(|workers| {
        let inner = crate::support::with_workers(workers);
        let caught = panic::catch_unwind(AssertUnwindSafe(|| {
            inner.run(|| {
                task::yield_now();
                panic::panic_any(5u8)
            })
        }));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&5u8));
        assert_eq!(inner.run(|| 6), 6);
    });
}

#[test]
fn a_panic_is_the_waiters_and_nobody_elses() {
    on_workers(|_| {
        let bystander = go!({
            (0..10).for_each(|_| task::yield_now());
            1
        });
        let failing = go!({
            task::yield_now();
            panic!("expected")
        });
        let waiting = go!({ failing.join().unwrap_err().is_panic() });
        assert!(waiting.wait());
        assert_eq!(bystander.wait(), 1);
    });
}
