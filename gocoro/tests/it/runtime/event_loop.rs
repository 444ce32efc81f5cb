//! A runtime on one thread does what the event loop of a single-threaded library does: sleeps side
//! by side, timers in their order, wakes from other threads.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use gocoro::channel;
use gocoro::go;
use gocoro::runtime::LocalRuntime;
use gocoro::sync::Event;
use gocoro::task::{self, JoinHandle};
use gocoro::time::sleep;
use gocoro::{blocking, go_test};

use crate::support::{bounded, in_both_colours};

const TEN: Duration = Duration::from_millis(10);

/// Asserts that `f` takes at least this long.
#[track_caller]
fn lasts<T>(least: Duration, f: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let value = f();
    assert!(begun.elapsed() >= least, "{:?}", begun.elapsed());
    value
}

/// Two sleeps, of which the longer one begins first and ends last.
fn sleep_side_by_side() {
    let (steps, seen) = channel::unbounded();
    let sleeper = |length: u32| {
        let steps = steps.clone();
        move || {
            steps.send(format!("{length} begins")).unwrap();
            sleep(TEN * length);
            steps.send(format!("{length} ends")).unwrap();
        }
    };
    lasts(TEN * 20, || {
        // One after the other they would take 30, and would not overlap.
        let (longer, shorter) = (go!(sleeper(20)()), go!(sleeper(10)()));
        shorter.wait();
        longer.wait();
    });
    drop(steps);
    let mut seen: Vec<_> = seen.into_iter().collect();
    // Which one starts first is not promised.
    seen[..2].sort_unstable();
    assert_eq!(seen, ["10 begins", "20 begins", "10 ends", "20 ends"]);
}

#[test]
fn a_sleep_outside_of_tasks_and_inside() {
    bounded(|| {
        lasts(TEN, || sleep(TEN));
        let mut runtime = LocalRuntime::new().unwrap();
        lasts(TEN, || runtime.run(|| sleep(TEN)));
        // Beside a runtime that is there, too.
        lasts(TEN, || sleep(TEN));
        lasts(TEN, || {
            drop(runtime.spawn(|| sleep(TEN)));
            runtime.run_until_idle();
        });
        let task = runtime.spawn(|| sleep(TEN));
        lasts(TEN, || {
            while !task.is_finished() {
                runtime.poll_once(None);
            }
        });
    });
}

#[test]
fn sleeps_overlap_wherever_they_run() {
    bounded(|| LocalRuntime::new().unwrap().run(sleep_side_by_side));
    in_both_colours(sleep_side_by_side);
}

#[go_test(workers = 1)]
fn sleeps_overlap_in_a_test() {
    sleep_side_by_side();
}

/// A loop of ten sleeps of 10 ms beside one of ten of 20 ms: it is through before the other's
/// seventh tick, unless the machine held it up.
#[test]
fn a_fast_timer_is_not_held_back_by_a_slow_one() {
    bounded(|| {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut runtime = LocalRuntime::new().unwrap();
            let (fast, at_seventh) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(None)));
            let late = Rc::new(Cell::new(Duration::ZERO));
            let begun = Instant::now();
            drop(runtime.spawn({
                let (fast, late) = (fast.clone(), late.clone());
                move || {
                    for _ in 0..10 {
                        let slept = Instant::now();
                        sleep(TEN);
                        late.set(late.get() + (slept.elapsed() - TEN));
                        fast.set(fast.get() + 1);
                    }
                }
            }));
            drop(runtime.spawn({
                let (fast, at_seventh) = (fast.clone(), at_seventh.clone());
                move || {
                    for tick in 1..=10_u32 {
                        lasts(TEN * 2, || sleep(TEN * 2));
                        assert!(begun.elapsed() >= TEN * 2 * tick);
                        if tick == 7 {
                            at_seventh.set(Some(fast.get()));
                        }
                    }
                }
            }));
            runtime.run_until_idle();
            assert_eq!(fast.get(), 10);
            if at_seventh.get() == Some(10) {
                return;
            }
            // Ten sleeps had to be late by forty milliseconds in all, or there is no excuse.
            assert!(late.get() >= TEN * 4, "{:?} ticks, {:?} late", at_seventh.get(), late.get());
            assert!(attempt < 1000, "the machine is never on time");
        }
    });
}

#[test]
fn a_task_notifies_another() {
    let mut runtime = LocalRuntime::new().unwrap();
    let steps = Rc::new(RefCell::new(Vec::new()));
    let event = Arc::new(Event::new());
    drop(runtime.spawn({
        let (steps, event) = (steps.clone(), event.clone());
        move || {
            steps.borrow_mut().push("waits");
            event.wait();
            steps.borrow_mut().push("goes on");
        }
    }));
    while runtime.poll_once(Some(Duration::ZERO)) {}
    assert_eq!(*steps.borrow(), ["waits"]);
    drop(runtime.spawn({
        let steps = steps.clone();
        move || {
            steps.borrow_mut().push("notifies");
            event.set();
        }
    }));
    runtime.run_until_idle();
    assert_eq!(*steps.borrow(), ["waits", "notifies", "goes on"]);
}

/// The sender sleeps between its messages, of which the channel could hold all.
#[test]
fn channels_and_sleeps_mix() {
    bounded(|| {
        let mut runtime = LocalRuntime::new().unwrap();
        let (sender, receiver) = channel::bounded(10);
        let sum = Rc::new(Cell::new(0));
        drop(runtime.spawn({
            let sum = sum.clone();
            move || {
                for number in &receiver {
                    // Each message is taken before the next is sent.
                    assert!(receiver.is_empty());
                    sum.set(sum.get() + number);
                }
            }
        }));
        drop(runtime.spawn(move || {
            for number in 0..6 {
                sender.send(number).unwrap();
                sleep(TEN);
            }
        }));
        lasts(TEN * 6, || runtime.run_until_idle());
        assert_eq!(sum.get(), 15);
    });
}

/// While a task waits for a notification from another thread, a child of it ends, whose joiner it
/// is not. That is no reason to go on.
#[test]
fn a_wait_does_not_end_with_what_else_ends_meanwhile() {
    fn waits(notify: fn(Arc<Event>)) {
        bounded(move || {
            let mut runtime = LocalRuntime::new().unwrap();
            runtime.run(|| {
                let (event, notified) = (Arc::new(Event::new()), Arc::new(AtomicBool::new(false)));
                let parent = go!(clone(event, notified) => {
                    let child = go!({ sleep(Duration::from_millis(1)) });
                    let other = go!(clone(event, notified) => {
                        sleep(TEN * 2);
                        notified.store(true, SeqCst);
                        notify(event);
                    });
                    lasts(TEN * 2, || event.wait());
                    assert!(notified.load(SeqCst) && child.is_finished());
                    // A wait inside of a child's wait, while the child before has long ended.
                    let inner = go!({
                        let inner = go!({ sleep(Duration::from_millis(1)) });
                        lasts(TEN, || sleep(TEN));
                        assert!(inner.is_finished());
                    });
                    inner.wait();
                    child.wait();
                    other.wait();
                });
                parent.wait();
            });
        });
    }

    waits(|event| event.set());
    waits(|event| blocking::unblock(move || event.set()));
    waits(|event| drop(thread::spawn(move || event.set())));
}

/// The same from the pool of threads alone, without a task in between.
#[test]
#[expect(clippy::disallowed_methods, reason = "it is to block a thread of the pool")]
fn a_notification_comes_from_the_pool() {
    bounded(|| {
        let mut runtime = LocalRuntime::new().unwrap();
        let event = Arc::new(Event::new());
        let waits: JoinHandle<()> = runtime.spawn({
            let event = event.clone();
            move || {
                let child = task::spawn(|| sleep(Duration::from_millis(1)));
                lasts(TEN * 2, || event.wait());
                assert!(child.is_finished());
            }
        });
        drop(runtime.spawn(move || {
            blocking::unblock(move || {
                thread::sleep(TEN * 2);
                event.set();
            });
        }));
        runtime.run_until_idle();
        waits.join().unwrap();
    });
}
