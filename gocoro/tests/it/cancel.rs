//! Cancellation unwinds a task from where it waits, lets its destructors wait, and leaves
//! everything else as it was. A file for each thing that is cancelled, or waited for by what is.

mod channel;
mod group;
mod join;
mod net;
mod once;
mod scope;
mod select;
mod shield;
mod sync;
mod unstarted;

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use gocoro::net::TcpListener;
use gocoro::sync::{Deferred, promise};
use gocoro::task::{self, JoinHandle, Task};
use gocoro::time::sleep;
use gocoro::{go, go_test};

use crate::support::{
    Colour, NEVER, SOON, assert_cancelled, on_drop, on_workers, settle, until, with_workers,
};

#[test]
fn every_wait_can_be_cancelled() {
    on_workers(|_| {
        let waits: [fn(); 6] = [
            || task::park(),
            || task::park_timeout(NEVER),
            || sleep(NEVER),
            || loop {
                task::yield_now();
            },
            || go!({ sleep(NEVER) }).wait(),
            || drop(TcpListener::bind("127.0.0.1:0").unwrap().accept()),
        ];
        for wait in waits {
            for settled in [false, true] {
                let dropped = Arc::new(AtomicUsize::new(0));
                let begun = Arc::new(AtomicBool::new(false));
                let task = go!(clone(dropped, begun) => {
                    let outer = dropped.clone();
                    let _outer = on_drop(move || assert_eq!(outer.fetch_add(1, SeqCst), 1));
                    let _inner = on_drop(move || assert_eq!(dropped.fetch_add(1, SeqCst), 0));
                    begun.store(true, SeqCst);
                    wait();
                    unreachable!("the wait returned");
                });
                until(|| begun.load(SeqCst));
                if settled {
                    settle();
                }
                task.cancel();
                assert_cancelled(task);
                assert_eq!(dropped.load(SeqCst), 2);
            }
        }
    });
}

#[test]
fn a_swallowed_cancel_is_thrown_again_at_every_wait() {
    on_workers(|_| {
        let thrown = Arc::new(AtomicUsize::new(0));
        let begun = Arc::new(AtomicBool::new(false));
        let task = go!(clone(thrown, begun) => {
            begun.store(true, SeqCst);
            let waits: [fn(); 4] = [
                || sleep(NEVER),
                || task::park(),
                task::yield_now,
                || go!({ sleep(NEVER) }).wait(),
            ];
            for round in 0..20 {
                let caught = panic::catch_unwind(waits[round % 4]);
                assert!(caught.is_err(), "a wait of a cancelled task returned");
                assert!(!thread::panicking());
                thrown.fetch_add(1, SeqCst);
            }
            "ended by itself"
        });
        until(|| begun.load(SeqCst));
        settle();
        task.cancel();
        assert_eq!(task.join().unwrap(), "ended by itself");
        assert_eq!(thrown.load(SeqCst), 20);
    });
}

#[test]
fn a_rethrown_cancel_is_still_one() {
    on_workers(|_| {
        let task = go!({
            let payload = panic::catch_unwind(|| sleep(NEVER)).unwrap_err();
            panic::resume_unwind(payload)
        });
        let _: &JoinHandle<()> = &task;
        settle();
        task.cancel();
        assert_cancelled(task);
        // But a panic of its own is a panic.
        let started = Arc::new(AtomicBool::new(false));
        let task = go!(clone(started) => {
            started.store(true, SeqCst);
            let _payload = panic::catch_unwind(|| sleep(NEVER)).unwrap_err();
            panic!("of its own")
        });
        let _: &JoinHandle<()> = &task;
        until(|| started.load(SeqCst));
        task.cancel();
        assert!(task.join().unwrap_err().is_panic());
    });
}

#[test]
fn a_cancels_payload_that_outlives_its_task_is_a_panic() {
    on_workers(|_| {
        let task = go!({ AssertUnwindSafe(panic::catch_unwind(|| sleep(NEVER)).unwrap_err()) });
        settle();
        task.cancel();
        let Ok(kept) = task.join() else { return };
        // In a task that nobody cancelled: it does not look as if.
        let payload = kept.0;
        let other = go!({ panic::resume_unwind(payload) });
        let _: &JoinHandle<()> = &other;
        let error = other.join().unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled(), "{error}");
    });
}

#[test]
fn a_body_that_returns_ends_well() {
    on_workers(|_| {
        let (sender, receiver) = mpsc::channel::<()>();
        let task = go!({
            task::current().cancel();
            // No wait of gocoro's, so no end.
            let _ = receiver.recv();
            5
        });
        drop(sender);
        assert_eq!(task.join().unwrap(), 5);
        let own = go!({
            task::current().cancel();
            sleep(NEVER)
        });
        assert_cancelled(own);
    });
}

#[test]
fn a_task_that_ended_is_beyond_cancelling() {
    on_workers(|_| {
        let task = go!({ 5 });
        until(|| task.is_finished());
        task.cancel();
        assert_eq!(task.join().unwrap(), 5);
    });
}

#[test]
fn cancels_at_any_time_from_anywhere() {
    on_workers(|_| {
        let other = with_workers(1);
        for round in 0..200u64 {
            let task = go!({
                for n in 0..5 {
                    match (round + n) % 4 {
                        0 => task::yield_now(),
                        1 => sleep(Duration::from_micros(50)),
                        2 => go!({ task::yield_now() }).wait(),
                        _ => task::park_timeout(Duration::from_micros(50)),
                    }
                }
                round
            });
            let handle = task.task().clone();
            let delay = Duration::from_micros(round * 7 % 500);
            let canceller = other.spawn(move || {
                sleep(delay);
                handle.cancel();
                handle.cancel();
                handle.unpark();
            });
            match task.join() {
                Ok(value) => assert_eq!(value, round),
                Err(error) => assert!(error.is_cancelled(), "{error}"),
            }
            canceller.wait();
        }
    });
}

#[test]
fn destructors_wait_normally() {
    on_workers(|_| {
        let steps = Arc::new(AtomicUsize::new(0));
        let begun = Arc::new(AtomicBool::new(false));
        let task = go!(clone(steps, begun) => {
            let _guard = on_drop(move || {
                let before = Instant::now();
                sleep(SOON);
                assert!(before.elapsed() >= SOON);
                steps.fetch_add(1, SeqCst);
                task::park_timeout(SOON);
                assert!(before.elapsed() >= SOON * 2);
                steps.fetch_add(1, SeqCst);
                let other = go!({
                    sleep(SOON);
                    7
                });
                assert_eq!(other.wait(), 7);
                steps.fetch_add(1, SeqCst);
                let own = task::current();
                let waker = go!({ own.unpark() });
                task::park();
                waker.wait();
                steps.fetch_add(1, SeqCst);
                task::yield_now();
                steps.fetch_add(1, SeqCst);
            });
            begun.store(true, SeqCst);
            sleep(NEVER);
        });
        until(|| begun.load(SeqCst));
        task.cancel();
        task.cancel();
        assert_cancelled(task);
        assert_eq!(steps.load(SeqCst), 5);
    });
}

#[test]
fn a_second_cancel_does_not_disturb_the_unwinding() {
    on_workers(|_| {
        let (unwinds, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let task = go!(clone(unwinds, ended) => {
            let _guard = on_drop(move || {
                unwinds.store(true, SeqCst);
                sleep(SOON);
                ended.store(true, SeqCst);
            });
            sleep(NEVER);
        });
        settle();
        task.cancel();
        while !task.is_finished() {
            if unwinds.load(SeqCst) {
                task.cancel();
            }
            task::yield_now();
        }
        // Cancelled before its start, it never set out.
        assert_eq!(unwinds.load(SeqCst), ended.load(SeqCst));
        assert_cancelled(task);
    });
}

#[go_test]
fn a_cancelled_task_that_never_has_to_wait_is_stopped() {
    use std::io::{Read, Write};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let flood = go!({
        let mut stream = gocoro::net::TcpStream::connect(addr).unwrap();
        while stream.write_all(&[0; 4096]).is_ok() {}
    });
    let (mut stream, _) = listener.accept().unwrap();
    stream.read_exact(&mut [0; 4096]).unwrap();
    let reader = go!({ while stream.read(&mut [0; 1]).unwrap() > 0 {} });
    settle();
    reader.cancel();
    assert_cancelled(reader);
    flood.wait();
}

#[test]
fn ten_thousand_at_once() {
    on_workers(|_| {
        let (begun, drops) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..10_000)
            .map(|n| {
                go!(stack_size = 16 * 1024, clone(begun, drops) => {
                    begun.fetch_add(1, SeqCst);
                    let _guard = on_drop(move || {
                        drops.fetch_add(1, SeqCst);
                    });
                    if n % 2 == 0 { sleep(NEVER) } else { task::park() }
                })
            })
            .collect();
        settle();
        tasks.iter().for_each(JoinHandle::cancel);
        tasks.into_iter().for_each(assert_cancelled);
        assert_eq!(drops.load(SeqCst), begun.load(SeqCst));
    });
}

#[test]
fn the_first_to_come_so_far_cancels_all() {
    Colour::Task.run(1, || {
        for futures in 0..10 {
            for tasks in 1..10 {
                for cancel_on in 0..=futures {
                    cancels_all(futures, tasks, cancel_on);
                }
            }
        }
    });
}

/// So many tasks await so many futures in order.
fn cancels_all(futures: usize, tasks: usize, cancel_on: usize) {
    let (promises, deferred): (Vec<_>, Vec<Deferred<usize>>) =
        (0..futures).map(|_| promise()).unzip();
    let all: Arc<Mutex<Vec<Task>>> = Arc::default();
    let handles: Vec<_> = (0..tasks)
        .map(|_| {
            go!(clone(all, deferred) => {
                let mut count = 0;
                for (at, future) in deferred.iter().enumerate() {
                    assert_eq!(future.wait(), Ok(&at));
                    count += 1;
                    if at == cancel_on {
                        all.lock().unwrap().iter().for_each(Task::cancel);
                        break;
                    }
                }
                count
            })
        })
        .collect();
    all.lock().unwrap().extend(handles.iter().map(|handle| handle.task().clone()));
    settle();
    for (at, promise) in promises.into_iter().enumerate() {
        promise.set(at);
    }
    let counts: Vec<_> = handles.into_iter().map(JoinHandle::join).collect();
    let expected = futures.min(cancel_on + 1);
    let ended_well = counts.iter().filter(|count| count.is_ok()).count();
    assert!(ended_well > 0 && (cancel_on < futures || ended_well == tasks));
    for count in counts {
        match count {
            Ok(count) => assert_eq!(count, expected),
            Err(error) => assert!(error.is_cancelled(), "{error}"),
        }
    }
}

#[test]
fn a_cancel_ends_a_sequence_in_its_middle() {
    on_workers(|_| {
        let done = Arc::new(Mutex::new(Vec::new()));
        let task = go!(clone(done) => {
            for n in 0..10 {
                if n == 5 {
                    task::current().cancel();
                }
                task::yield_now();
                done.lock().unwrap().push(n);
            }
        });
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!(*done.lock().unwrap(), [0, 1, 2, 3, 4]);
    });
}
