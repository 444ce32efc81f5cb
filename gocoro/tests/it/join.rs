//! Join handles give the result or the error of their task, once, in time or later, or let it go.

mod limits;

use std::cell::RefCell;
use std::error::Error;
use std::io;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use gocoro::task::{self, JoinError, JoinHandle, wait_all, wait_any};
use gocoro::time::sleep;
use gocoro::{go, go_test};

use crate::support::{
    Colour, NEVER, SOON, WORKERS, bounded, on_drop, on_workers, settle, until, with_workers,
};

/// Runs `scenario` as a task of runtimes of several sizes, and on a plain thread.
fn everywhere(scenario: fn()) {
    for workers in WORKERS {
        Colour::Task.run(workers, scenario);
    }
    Colour::Thread.run(0, scenario);
}

fn message(payload: &(dyn std::any::Any + Send)) -> &str {
    payload
        .downcast_ref::<String>()
        .map_or_else(|| *payload.downcast_ref::<&str>().expect("a panic with text"), String::as_str)
}

#[test]
fn the_value_comes_back() {
    everywhere(|| {
        assert_eq!(go!({ String::from("value") }).join().unwrap(), "value");
        assert_eq!(go!({ String::from("value") }).wait(), "value");
        let slow = go!({
            sleep(SOON);
            vec![1, 2, 3]
        });
        assert_eq!(slow.wait(), [1, 2, 3]);
    });
}

#[test]
fn a_task_that_ended_is_joined_at_once() {
    everywhere(|| {
        let task = go!({ 7 });
        until(|| task.is_finished());
        assert_eq!(task.join_timeout(Duration::ZERO).unwrap().unwrap(), 7);
    });
}

#[test]
fn wait_raises_the_tasks_panic() {
    everywhere(|| {
        let task = go!({ panic::panic_any(42u32) });
        let caught = panic::catch_unwind(AssertUnwindSafe(|| task.wait()));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&42u32));
    });
}

#[test]
fn wait_on_a_cancelled_task_panics_with_its_name() {
    everywhere(|| {
        let task = go!(name = "stopped" => sleep(NEVER));
        task.cancel();
        let caught = panic::catch_unwind(AssertUnwindSafe(|| task.wait())).unwrap_err();
        let text = message(&*caught);
        assert!(text.contains("stopped") && text.contains("cancelled"), "{text}");
    });
}

#[test]
fn errors_tell_what_happened_and_to_whom() {
    fn lucky() -> String {
        String::from("luck")
    }
    everywhere(|| {
        let line = line!() + 1;
        let task = go!(name = "poor" => {
            if true {
                panic!("no {}", lucky());
            }
        });
        let error = task.join().unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled() && !error.is_refused());
        let (display, debug) = (error.to_string(), format!("{error:?}"));
        for part in ["'poor'", "no luck", &format!("join.rs:{line}")] {
            assert!(display.contains(part) && debug.contains(part), "{display} / {debug}");
        }
        assert_eq!(error.downcast_ref::<String>().unwrap(), "no luck");
        assert_eq!(error.downcast_ref::<&str>(), None);
        assert_eq!(message(&*error.into_panic()), "no luck");

        let task = go!(name = "stopped" => sleep(NEVER));
        task.cancel();
        let error = task.join().unwrap_err();
        assert!(error.is_cancelled() && !error.is_panic() && !error.is_refused());
        assert!(error.to_string().contains("'stopped'"));
        assert_eq!(error.downcast_ref::<String>(), None);
        let error: Box<dyn Error + Send + Sync> = error.into();
        assert!(error.source().is_none());
    });
}

#[test]
fn an_io_error_carries_the_join_error() {
    fn joined<T>(handle: JoinHandle<T>) -> io::Result<T> {
        Ok(handle.join()?)
    }
    everywhere(|| {
        assert_eq!(joined(go!({ 1 })).unwrap(), 1);
        let error = joined::<()>(go!(name = "unlucky" => { panic!("oh no") })).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Other);
        let text = error.to_string();
        assert!(text.contains("'unlucky'") && text.contains("panicked: oh no"), "{text}");
        let inner = error.get_ref().unwrap().downcast_ref::<JoinError>().unwrap();
        assert_eq!(inner.downcast_ref(), Some(&"oh no"));
        let inner = error.into_inner().unwrap().downcast::<JoinError>().unwrap();
        assert_eq!(inner.into_panic().downcast_ref(), Some(&"oh no"));

        let sleeper = go!({ sleep(NEVER) });
        sleeper.cancel();
        let error = joined(sleeper).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Other);
        assert!(error.downcast::<JoinError>().unwrap().is_cancelled());
    });
}

#[go_test]
fn into_panic_without_a_panic_says_so() {
    let task = go!(name = "stopped" => sleep(NEVER));
    task.cancel();
    let error = task.join().unwrap_err();
    let caught = panic::catch_unwind(AssertUnwindSafe(|| drop(error.into_panic()))).unwrap_err();
    assert!(message(&*caught).contains("is_panic"));
}

#[test]
fn a_join_that_times_out_gives_the_handle_back() {
    everywhere(|| {
        let release = Arc::new(AtomicBool::new(false));
        let mut task = go!(clone(release) => {
            until(|| release.load(SeqCst));
            5
        });
        for timeout in [Duration::ZERO, SOON] {
            let before = Instant::now();
            task = task.join_timeout(timeout).unwrap_err();
            assert!(before.elapsed() >= timeout);
            assert!(!task.is_finished());
        }
        release.store(true, SeqCst);
        assert_eq!(task.join_timeout(Duration::MAX).unwrap().unwrap(), 5);
    });
}

#[test]
fn ends_and_timeouts_that_meet() {
    everywhere(|| {
        for round in 0..300u32 {
            let task = go!({
                sleep(Duration::from_micros(u64::from(round % 7) * 200));
                round
            });
            let result = match task.join_timeout(Duration::from_micros(600)) {
                Ok(result) => result,
                Err(task) => task.join(),
            };
            assert_eq!(result.unwrap(), round);
        }
    });
}

#[test]
fn a_dropped_handle_detaches() {
    everywhere(|| {
        let (sender, receiver) = mpsc::channel();
        for n in 0..100 {
            let sender = sender.clone();
            drop(go!({
                if n % 2 == 0 {
                    task::yield_now();
                }
                sender.send(n).unwrap();
            }));
        }
        drop(sender);
        let mut seen = Vec::new();
        until(|| {
            seen.extend(receiver.try_iter());
            seen.len() == 100
        });
    });
}

#[test]
fn a_result_that_nobody_takes_is_dropped_once() {
    everywhere(|| {
        const ROUNDS: usize = 2_000;
        let drops = Arc::new(AtomicUsize::new(0));
        for round in 0..ROUNDS {
            let counter = drops.clone();
            let task = go!({
                on_drop(move || {
                    counter.fetch_add(1, SeqCst);
                })
            });
            // At any time of the task's life.
            if round % 3 == 0 {
                until(|| task.is_finished());
            } else if round % 3 == 1 {
                task::yield_now();
            }
            drop(task);
        }
        until(|| drops.load(SeqCst) == ROUNDS);
        settle();
        assert_eq!(drops.load(SeqCst), ROUNDS);
    });
}

#[test]
fn a_task_that_joins_itself_panics() {
    everywhere(|| {
        let (sender, receiver) = mpsc::channel::<JoinHandle<()>>();
        let task = go!(name = "ouroboros" => {
            let mut own = None;
            until(|| {
                own = receiver.try_recv().ok();
                own.is_some()
            });
            let caught = panic::catch_unwind(AssertUnwindSafe(|| own.unwrap().join())).unwrap_err();
            assert!(message(&*caught).contains("ouroboros"));
        });
        let watch = task.task().clone();
        sender.send(task).unwrap();
        // Its handle is gone: this sees the end of the channel instead.
        until(|| sender.send(go!({})).is_err());
        assert_eq!(watch.name(), Some("ouroboros"));
    });
}

#[test]
fn a_handle_travels() {
    on_workers(|_| {
        let other = with_workers(2);
        let release = Arc::new(AtomicBool::new(false));
        let task = go!(clone(release) => {
            until(|| release.load(SeqCst));
            1
        });
        // A task of another runtime joins it, and a thread joins that one.
        let there = other.spawn(move || task.wait() + 1);
        let thread = thread::spawn(move || there.wait() + 1);
        settle();
        release.store(true, SeqCst);
        until(|| thread.is_finished());
        assert_eq!(thread.join().unwrap(), 3);
    });
}

#[test]
fn a_long_chain_of_joins() {
    on_workers(|_| {
        let mut last = go!({ 0 });
        for _ in 0..10_000 {
            let before = last;
            last = go!(stack_size = 32 * 1024 => { before.wait() + 1 });
        }
        assert_eq!(last.wait(), 10_000);
    });
}

#[go_test]
fn a_local_result_need_not_be_send() {
    let shared = Rc::new(RefCell::new(vec![1]));
    let task = go!(local, clone(shared) => {
        task::yield_now();
        shared.borrow_mut().push(2);
        shared
    });
    assert!(Rc::ptr_eq(&task.wait(), &shared));
    assert_eq!(*shared.borrow(), [1, 2]);
}

#[test]
fn thread_local_destructors_join() {
    struct Last(mpsc::Sender<u32>);
    impl Drop for Last {
        fn drop(&mut self) {
            let slow = go!({
                task::park();
                sleep(SOON);
                7
            });
            let slow = slow.join_timeout(SOON).unwrap_err();
            slow.task().unpark();
            self.0.send(slow.wait()).unwrap();
        }
    }
    thread_local!(static LAST: RefCell<Option<Last>> = const { RefCell::new(None) });
    let (sender, receiver) = mpsc::channel();
    // Once with the thread's own parker made before, once after: destructors run in an order that
    // nobody promises.
    for parks_before in [false, true] {
        let sender = sender.clone();
        bounded(move || {
            if parks_before {
                go!({ sleep(SOON) }).wait();
            }
            LAST.set(Some(Last(sender)));
            if !parks_before {
                go!({ sleep(SOON) }).wait();
            }
        });
        assert_eq!(receiver.recv().unwrap(), 7);
    }
}

/// The result is dropped in the task or by its handle, whichever goes last; neither lets a panic
/// out.
#[go_test]
fn a_detached_result_that_panics_hurts_nobody() {
    let task = go!({ on_drop(|| panic!("in the result")) });
    until(|| task.is_finished());
    assert!(panic::catch_unwind(|| drop(task)).is_ok());
}

#[test]
fn every_wait_for_the_own_task_panics() {
    on_workers(|_| {
        let waits: [fn(JoinHandle<()>); 4] = [
            |own| drop(wait_any(vec![own])),
            |own| drop(wait_any(vec![go!({ task::park() }), own])),
            |own| drop(wait_all([go!({}), own])),
            |own| own.wait(),
        ];
        for wait in waits {
            let (give, given) = mpsc::channel::<JoinHandle<()>>();
            let (says, said) = mpsc::channel();
            let task = go!(name = "ouroboros" => {
                let mut own = None;
                until(|| {
                    own = given.try_recv().ok();
                    own.is_some()
                });
                let caught = catch_unwind(AssertUnwindSafe(|| wait(own.unwrap()))).unwrap_err();
                says.send(*caught.downcast::<String>().unwrap()).unwrap();
            });
            give.send(task).unwrap();
            let mut message = String::new();
            until(|| {
                message = said.try_recv().unwrap_or_default();
                !message.is_empty()
            });
            assert!(
                message.contains("'ouroboros'") && message.contains("joins itself"),
                "{message}"
            );
        }
    });
}

/// What other threads ask of a task reaches it whoever joins it, up to its end; and the joiner may
/// leave, and join it elsewhere.
#[test]
fn a_joined_task_hears_other_threads_until_its_end() {
    for workers in WORKERS {
        Colour::Task.run(workers, || {
            let (to, tasks) = mpsc::channel::<task::Task>();
            let (handles_to, handles) = mpsc::channel::<JoinHandle<u32>>();
            let other = thread::spawn(move || {
                for task in tasks {
                    task.unpark();
                    task.unpark();
                }
                handles.into_iter().map(JoinHandle::wait).sum::<u32>()
            });
            for round in 0..2000 {
                let child = go!({ task::park() });
                to.send(child.task().clone()).unwrap();
                child.wait();
                let child = go!({
                    task::yield_now();
                    1
                });
                if round % 50 == 0
                    && let Err(child) = child.join_timeout(Duration::ZERO)
                {
                    handles_to.send(child).unwrap();
                }
            }
            drop((to, handles_to));
            until(|| other.is_finished());
            assert!(other.join().unwrap() <= 40);
        });
    }
}
