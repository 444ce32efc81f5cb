//! `LocalRuntime` runs when it is told to.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use gocoro::go;
use gocoro::runtime::LocalRuntime;
use gocoro::task::{self, JoinHandle};
use gocoro::time::sleep;

use crate::support::{HANG, NEVER, SOON, bounded, on_drop, on_workers, until, with_workers};

#[test]
fn nothing_runs_until_it_is_told_to() {
    let mut runtime = LocalRuntime::new().unwrap();
    let log = Rc::new(RefCell::new(Vec::new()));
    for n in 0..3 {
        let log = log.clone();
        drop(runtime.spawn(move || {
            log.borrow_mut().push(n);
            task::yield_now();
            log.borrow_mut().push(n + 10);
        }));
    }
    assert!(log.borrow().is_empty());
    runtime.run_until_idle();
    let mut seen = log.borrow_mut();
    seen.sort_unstable();
    assert_eq!(*seen, [0, 1, 2, 10, 11, 12]);
}

#[test]
fn run_borrows_what_is_not_send() {
    let mut runtime = LocalRuntime::new().unwrap();
    let (shared, mut count) = (Rc::new(Cell::new(1)), 0);
    let back = runtime.run(|| {
        sleep(SOON);
        count += 1;
        shared.set(2);
        shared.clone()
    });
    assert_eq!((back.get(), count), (2, 1));
    let caught = panic::catch_unwind(AssertUnwindSafe(|| {
        runtime.run(|| {
            sleep(SOON);
            panic::panic_any(shared.get())
        })
    }));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&2));
    assert_eq!(runtime.run(|| 3), 3);
}

#[test]
fn tasks_stay_between_runs() {
    let mut runtime = LocalRuntime::new().unwrap();
    let steps = Rc::new(Cell::new(0));
    let counting = steps.clone();
    let task = runtime.spawn(move || {
        loop {
            counting.set(counting.get() + 1);
            task::park();
        }
    });
    for round in 1..=5 {
        runtime.run(|| until(|| steps.get() == round));
        task.task().unpark();
    }
    task.cancel();
    let _: &JoinHandle<()> = &task;
    runtime.run_until_idle();
    assert!(task.join().unwrap_err().is_cancelled());
}

#[test]
fn run_until_idle_leaves_daemons() {
    let mut runtime = LocalRuntime::new().unwrap();
    let daemon = runtime.run(|| go!(local, daemon => sleep(NEVER)));
    runtime.run_until_idle();
    assert!(!daemon.is_finished());
}

#[test]
fn a_drop_starts_nothing_more() {
    let mut runtime = LocalRuntime::new().unwrap();
    let started = runtime.spawn(task::park);
    while runtime.poll_once(Some(Duration::ZERO)) {}
    let dropped = Rc::new(Cell::new(0));
    let tasks: Vec<_> = (0..1000)
        .map(|_| {
            let dropped = dropped.clone();
            let taken = on_drop(move || dropped.set(dropped.get() + 1));
            runtime.spawn(move || {
                let _taken = taken;
                unreachable!("it was cancelled before its start");
            })
        })
        .collect();
    drop(runtime);
    assert_eq!(dropped.get(), 1000);
    assert!(started.join().unwrap_err().is_cancelled());
    for task in tasks {
        let _: &JoinHandle<()> = &task;
        assert!(task.join().unwrap_err().is_cancelled());
    }
}

#[test]
fn a_drop_unwinds_what_is_left() {
    let drops = Rc::new(Cell::new(0));
    let mut runtime = LocalRuntime::new().unwrap();
    for started in [true, false] {
        for _ in 0..10 {
            let counter = drops.clone();
            let taken = on_drop(move || {
                sleep(SOON / 4);
                counter.set(counter.get() + 1);
            });
            drop(runtime.spawn(move || {
                let _taken = taken;
                sleep(NEVER);
            }));
        }
        if started {
            while runtime.poll_once(Some(Duration::ZERO)) {}
        }
    }
    drop(runtime);
    assert_eq!(drops.get(), 20);
}

#[test]
fn polls_for_a_loop_of_somebody_elses() {
    let mut runtime = LocalRuntime::new().unwrap();
    while runtime.poll_once(Some(Duration::ZERO)) {}
    while runtime.poll_once(Some(SOON)) {}

    let task = runtime.spawn(|| {
        sleep(SOON);
        5
    });
    let mut polls = 0;
    while !task.is_finished() {
        runtime.poll_once(None);
        polls += 1;
        assert!(polls < 1_000, "polls without a limit return for nothing");
    }
    assert_eq!(task.join().unwrap(), 5);
}

#[test]
fn a_poll_says_whether_anything_happened() {
    let mut runtime = LocalRuntime::new().unwrap();
    let sleeper = runtime.spawn(|| sleep(NEVER));
    assert!(runtime.poll_once(Some(SOON)));
    let mut polls = 0;
    loop {
        let before = Instant::now();
        if !runtime.poll_once(Some(SOON)) {
            assert!(before.elapsed() >= SOON);
            break;
        }
        polls += 1;
        assert!(polls < 100, "a poll that did nothing says that it did something");
    }
    assert!(!sleeper.is_finished());
}

#[test]
fn others_wake_its_poll() {
    bounded(|| {
        let mut runtime = LocalRuntime::new().unwrap();
        let parked = runtime.spawn(task::park);
        while runtime.poll_once(Some(Duration::ZERO)) {}
        let (go, on) = mpsc::channel();
        let handle = parked.task().clone();
        let other = thread::spawn(move || {
            on.recv_timeout(HANG).unwrap();
            handle.unpark();
        });
        go.send(()).unwrap();
        while !parked.is_finished() {
            runtime.poll_once(None);
        }
        other.join().unwrap();
    });
}

#[test]
fn it_joins_and_is_joined_across_runtimes() {
    on_workers(|_| {
        // In a task of another runtime it blocks that one's worker, and works.
        let other = with_workers(2);
        let handle = other.spawn(|| {
            let mut inner = LocalRuntime::new().unwrap();
            let shared = Rc::new(Cell::new(0));
            inner.run(|| {
                for _ in 0..10 {
                    let theirs = shared.clone();
                    go!(local => {
                        sleep(SOON / 10);
                        theirs.set(theirs.get() + 1);
                    })
                    .wait();
                }
            });
            shared.get()
        });
        assert_eq!(handle.wait(), 10);
        let mut own = LocalRuntime::new().unwrap();
        let there = other.spawn(|| {
            sleep(SOON);
            1
        });
        assert_eq!(own.run(|| there.wait() + go!({ 1 }).wait()), 2);
    });
}

#[test]
fn runtimes_in_each_other() {
    bounded(|| {
        fn nest(depth: usize) -> usize {
            if depth == 0 {
                return 0;
            }
            let beside = go!(local => { depth });
            let inner = LocalRuntime::new().unwrap().run(|| {
                sleep(SOON / 4);
                nest(depth - 1)
            });
            assert_eq!(beside.wait(), depth);
            // The outer one goes on as if nothing had been.
            sleep(SOON / 4);
            inner + 1
        }
        assert_eq!(LocalRuntime::new().unwrap().run(|| nest(4)), 4);
        // A panic of the inner one passes through.
        let caught = panic::catch_unwind(|| {
            LocalRuntime::new().unwrap().run(|| {
                LocalRuntime::new().unwrap().run(|| {
                    sleep(SOON / 4);
                    panic::panic_any(7)
                })
            })
        });
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&7));
    });
}

#[test]
fn debug_tells_how_much_it_holds() {
    let mut runtime = LocalRuntime::new().unwrap();
    drop(runtime.spawn(|| sleep(NEVER)));
    while runtime.poll_once(Some(Duration::ZERO)) {}
    let text = format!("{runtime:?}");
    assert!(text.contains("live: 1"), "{text}");
}

/// Without a task nothing can come, so a wait without a limit would be one for ever.
#[test]
fn a_poll_without_tasks_ends() {
    bounded(|| {
        let mut runtime = LocalRuntime::new().unwrap();
        while runtime.poll_once(None) {}
        let daemon = runtime.run(|| go!(local, daemon => sleep(SOON)));
        // A daemon is a task for which something can come.
        while !daemon.is_finished() {
            assert!(runtime.poll_once(None));
        }
        while runtime.poll_once(None) {}
    });
}

/// A timer that is far off is no reason for `poll_once` to say that something happened.
#[test]
fn a_poll_with_a_timer_far_off_ends() {
    let mut runtime = LocalRuntime::new().unwrap();
    drop(runtime.spawn(|| sleep(NEVER)));
    let mut polls = 0;
    while runtime.poll_once(Some(Duration::from_micros(10))) {
        polls += 1;
        assert!(polls < 1_000);
    }
}
