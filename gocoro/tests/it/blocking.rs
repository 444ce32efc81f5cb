//! The blocking pool: what it runs, whom it waits for, and what becomes of calls that are cut
//! short. Whatever fills the pool has a process of its own.

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Instant;

use gocoro::blocking::{stats, unblock, unblock_scoped};
use gocoro::channel::bounded;
use gocoro::runtime::LocalRuntime;
use gocoro::time::{io_deadline, sleep, timeout};
use gocoro::{go, task};

use crate::support::{self, Colour, NEVER, SOON, on_workers, scenario, this_program, with_workers};

/// What the calls of a test block in until it is opened, as a thread blocks: without gocoro.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn pass(&self) {
        let (open, changed) = &*self.0;
        let open = open.lock().unwrap();
        drop(changed.wait_while(open, |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

/// Runs `child` in a process whose pool has so many threads at most.
#[track_caller]
fn alone(test: &str, threads: &str, child: fn()) {
    let name = format!("blocking::{test}");
    if let Some(scenario) = scenario() {
        return if scenario == name {
            child()
        };
    }
    let mut command = this_program(&[&name, "--exact"], &name);
    let seen = command.env("GOCORO_BLOCKING_THREADS", threads).output().unwrap();
    let text = String::from_utf8_lossy(&seen.stdout);
    assert!(seen.status.success(), "{text}\n{}", String::from_utf8_lossy(&seen.stderr));
    assert!(text.contains("1 passed; 0 failed"), "{text}");
}

#[test]
fn a_call_returns_its_value_from_another_thread() {
    on_workers(|_| {
        let worker = thread::current().id();
        let (there, value) = unblock(|| (thread::current(), 7));
        assert_ne!(there.id(), worker);
        assert_eq!((there.name(), value), (Some("gocoro-blocking"), 7));
    });
    // A plain thread has nobody to make room for.
    let here = thread::current().id();
    assert_eq!(unblock(|| thread::current().id()), here);
}

#[test]
fn a_call_may_borrow() {
    for colour in [Colour::Task, Colour::Thread] {
        colour.run(1, || {
            let mut words = vec!["b", "a"];
            let first = unblock_scoped(|| {
                words.sort();
                &words[0]
            });
            assert_eq!(*first, "a");
            let in_time = timeout(NEVER, || unblock_scoped(|| words.push("c")));
            assert!(in_time.is_ok());
            assert_eq!(words, ["a", "b", "c"]);
        });
    }
}

#[test]
fn a_panic_travels_to_the_caller() {
    for colour in [Colour::Task, Colour::Thread] {
        colour.run(1, || {
            let text = String::from("in the call");
            let calls: [&dyn Fn(); 2] =
                [&|| unblock(|| panic::resume_unwind(Box::new("in the call"))), &|| {
                    unblock_scoped(|| panic::resume_unwind(Box::new(&*text == "in the call")))
                }];
            let payload = panic::catch_unwind(panic::AssertUnwindSafe(calls[0])).unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&"in the call"));
            let payload = panic::catch_unwind(panic::AssertUnwindSafe(calls[1])).unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&true));
        });
    }
}

#[test]
fn other_tasks_of_the_worker_go_on() {
    with_workers(1).run(|| {
        let (sender, receiver) = mpsc::channel();
        let waits = go!({ unblock(move || receiver.recv().unwrap()) });
        // Nobody would send if the call held the worker.
        go!({ sender.send(7).unwrap() });
        assert_eq!(waits.wait(), 7);
    });
}

/// The value of a call that goes on without its caller is dropped by the pool.
#[test]
fn a_call_that_owns_what_it_uses_is_left_behind() {
    for colour in [Colour::Task, Colour::Thread] {
        colour.run(1, || {
            let gate = Gate::default();
            let (began, begun) = bounded(1);
            let (dropped, was_dropped) = bounded::<()>(1);
            let inner = gate.clone();
            let cut = timeout(SOON, || {
                unblock(move || {
                    began.send(()).unwrap();
                    inner.pass();
                    dropped // which disconnects its channel
                })
            });
            assert!(cut.is_err());
            // A call that was cut short before it began never runs.
            let ran = begun.recv().is_ok();
            gate.open();
            assert!(was_dropped.recv().is_err(), "ran: {ran}");
        });
    }
}

/// What borrows is waited for, and has happened: the timeout finds no wait to end.
#[test]
fn a_call_that_borrows_ends_first() {
    for colour in [Colour::Task, Colour::Thread] {
        colour.run(1, || {
            let gate = Gate::default();
            let mut written = 0;
            // The timeout begins when the call has, and passes while it runs.
            let result = timeout(NEVER, || {
                let (began, begun) = bounded(1);
                let opener = thread::spawn({
                    let gate = gate.clone();
                    move || {
                        begun.recv().unwrap();
                        sleep(2 * SOON);
                        gate.open();
                    }
                });
                let result = timeout(SOON, || {
                    unblock_scoped(|| {
                        began.send(()).unwrap();
                        gate.pass();
                        written = 7;
                        8
                    })
                });
                // If it was cut before it began, it was not waited for.
                if result.is_err() {
                    drop(began);
                    let _ = opener.join();
                } else {
                    opener.join().unwrap();
                }
                result
            });
            match result.unwrap() {
                Ok(value) => assert_eq!((value, written), (8, 7)),
                Err(_) => assert_eq!(written, 0),
            }
        });
    }
}

#[test]
fn a_cancelled_task_waits_for_what_borrows_and_then_unwinds() {
    on_workers(|_| {
        let gate = Gate::default();
        let (began, begun) = bounded(1);
        let inner = gate.clone();
        let ended = Arc::new(AtomicUsize::new(0));
        let count = ended.clone();
        let waits = go!({
            let borrowed = &count;
            unblock_scoped(|| {
                began.send(()).unwrap();
                inner.pass();
                borrowed.fetch_add(1, Relaxed);
            });
            borrowed.fetch_add(10, Relaxed);
            sleep(NEVER);
        });
        begun.recv().unwrap();
        waits.cancel();
        support::settle();
        assert!(!waits.is_finished());
        gate.open();
        assert!(waits.join().unwrap_err().is_cancelled());
        assert_eq!(ended.load(Relaxed), 11);
    });
}

/// Fills a pool of two, and returns what empties it.
fn fill() -> impl FnOnce() {
    let gate = Gate::default();
    let stuck: Vec<_> = (0..2)
        .map(|_| {
            let (began, begun) = bounded(1);
            let gate = gate.clone();
            let task = go!({
                unblock(move || {
                    began.send(()).unwrap();
                    gate.pass();
                })
            });
            begun.recv().unwrap();
            task
        })
        .collect();
    move || {
        gate.open();
        stuck.into_iter().for_each(task::JoinHandle::wait);
    }
}

#[test]
fn a_queued_call_is_withdrawn_and_never_runs() {
    alone("a_queued_call_is_withdrawn_and_never_runs", "2", || {
        for colour in [Colour::Task, Colour::Thread] {
            colour.run(1, || {
                let empty = fill();
                let runs = Arc::new(AtomicUsize::new(0));
                for _ in 0..1000 {
                    let owned = runs.clone();
                    let cut = timeout(SOON / 100, || unblock(move || owned.fetch_add(1, Relaxed)));
                    assert!(cut.is_err());
                    let cut = timeout(SOON / 100, || unblock_scoped(|| runs.fetch_add(1, Relaxed)));
                    assert!(cut.is_err());
                    // What the closure held is gone with the call.
                    assert_eq!(Arc::strong_count(&runs), 1);
                }
                assert_eq!(stats().queued, 0);
                let queued = go!({ unblock(|| 7) });
                empty();
                assert_eq!(queued.wait(), 7);
                assert_eq!(runs.load(Relaxed), 0);
            });
        }
    });
}

/// A deadline for I/O is not for what is no I/O.
#[test]
fn an_io_deadline_does_not_concern_a_call() {
    on_workers(|_| {
        assert_eq!(io_deadline(Instant::now(), || unblock(|| 7)), 7);
    });
}

#[test]
fn calls_that_wait_for_calls_do_not_fill_the_pool() {
    alone("calls_that_wait_for_calls_do_not_fill_the_pool", "2", || {
        fn nested(depth: usize) -> usize {
            match depth {
                0 => 1,
                // Straight, bounded, and by way of a task.
                _ => [
                    unblock(move || nested(depth - 1)),
                    timeout(NEVER, || unblock(move || nested(depth - 1))).unwrap(),
                    go!({ unblock(move || nested(depth - 1)) }).wait(),
                ]
                .into_iter()
                .sum(),
            }
        }
        for workers in support::WORKERS {
            with_workers(workers).run(|| {
                let calls: Vec<_> = (0..20).map(|_| go!({ unblock(|| nested(3)) })).collect();
                assert_eq!(calls.into_iter().map(task::JoinHandle::wait).sum::<usize>(), 20 * 27);
            });
        }
        // A call may run a runtime, whose only worker it is then.
        let calls: Vec<_> = (0..4)
            .map(|_| {
                thread::spawn(|| {
                    timeout(NEVER, || {
                        unblock(|| LocalRuntime::new().unwrap().run(|| unblock(|| nested(1))))
                    })
                })
            })
            .collect();
        calls.into_iter().for_each(|call| assert_eq!(call.join().unwrap().unwrap(), 3));
        assert_eq!((stats().limit, stats().queued, stats().waiting), (2, 0, 0));
    });
}

/// The limit holds for calls that do not wait.
#[test]
fn no_more_calls_run_at_once_than_the_limit_says() {
    alone("no_more_calls_run_at_once_than_the_limit_says", "3", || {
        static NOW: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        with_workers(2).run(|| {
            let calls: Vec<_> = (0..300)
                .map(|_| {
                    go!({
                        unblock(|| {
                            MOST.fetch_max(NOW.fetch_add(1, Relaxed) + 1, Relaxed);
                            thread::yield_now();
                            NOW.fetch_sub(1, Relaxed);
                        })
                    })
                })
                .collect();
            calls.into_iter().for_each(task::JoinHandle::wait);
        });
        assert!(MOST.load(Relaxed) <= 3);
        assert!(stats().threads <= 3);
    });
}

#[test]
fn a_limit_that_is_no_number_is_told_by_the_runtime() {
    for (limit, message) in [
        ("0", "GOCORO_BLOCKING_THREADS is 0; the blocking pool needs a thread"),
        ("few", "GOCORO_BLOCKING_THREADS is \"few\"; it has to be a whole number"),
    ] {
        let name = "blocking::a_limit_that_is_no_number_is_told_by_the_runtime";
        if scenario().as_deref() == Some(name) {
            println!("{}", gocoro::runtime::Builder::new().build().unwrap_err());
            return;
        }
        let mut command = this_program(&[name, "--exact"], name);
        let seen = command.env("GOCORO_BLOCKING_THREADS", limit).output().unwrap();
        let text = String::from_utf8_lossy(&seen.stdout);
        assert!(text.contains(message), "{text}");
    }
}
