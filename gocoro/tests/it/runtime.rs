//! Runtimes made by hand run, idle and end as they are told, several at once.

mod across;
mod across_files;
mod closed;
mod event_loop;
mod local;

use std::io::ErrorKind;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use gocoro::go;
use gocoro::runtime::{Builder, Runtime};
use gocoro::task::{self, JoinHandle};
use gocoro::time::sleep;

use crate::support::{
    HANG, NEVER, SOON, bounded, on_drop, on_workers, settle, until, with_runtimes, with_workers,
};

fn message(caught: thread::Result<()>) -> String {
    let payload = caught.unwrap_err();
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast_ref::<&str>().unwrap().to_string(),
    }
}

#[test]
fn run_borrows_and_returns() {
    with_runtimes(|runtime| {
        let words = [String::from("a"), String::from("b")];
        let mut count = 0;
        let first = runtime.run(|| {
            task::yield_now();
            count = words.len();
            &words[0]
        });
        assert_eq!((first.as_str(), count), ("a", 2));
        // From several threads at once.
        thread::scope(|s| {
            for n in 0..8 {
                let runtime = &runtime;
                s.spawn(move || assert_eq!(runtime.run(|| go!({ n }).wait()), n));
            }
        });
    });
}

#[test]
fn run_works_in_tasks_of_its_own_and_of_others() {
    with_runtimes(|runtime| {
        let runtime = Arc::new(runtime);
        let inner = runtime.clone();
        assert_eq!(runtime.run(|| inner.run(|| inner.run(|| 3))), 3);
        let other = with_workers(1);
        assert_eq!(other.run(|| runtime.run(|| go!({ 4 }).wait())), 4);
        // The task that waits does not hold its worker.
        let release = Arc::new(AtomicBool::new(false));
        let setter = other.spawn({
            let release = release.clone();
            move || {
                let waiting = go!({
                    task::yield_now();
                    release.store(true, SeqCst);
                });
                waiting.wait();
            }
        });
        let waiting = release.clone();
        other.run(|| runtime.run(move || until(|| waiting.load(SeqCst))));
        setter.wait();
    });
}

#[test]
fn run_cannot_be_cut_short_by_a_cancel() {
    on_workers(|_| {
        let (ended, begun) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let task = go!(clone(ended, begun) => {
            let other = with_workers(1);
            let borrowed = vec![1, 2, 3];
            other.run(|| {
                begun.store(true, SeqCst);
                sleep(SOON * 5);
                assert_eq!(borrowed, [1, 2, 3]);
                ended.store(true, SeqCst);
            });
            sleep(NEVER);
        });
        until(|| begun.load(SeqCst));
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        assert!(ended.load(SeqCst));
    });
}

#[test]
fn tasks_go_on_after_run() {
    with_runtimes(|runtime| {
        let (sender, receiver) = mpsc::channel();
        runtime.run(move || {
            drop(go!({
                sleep(SOON);
                sender.send(1).unwrap();
            }));
        });
        assert_eq!(receiver.recv_timeout(HANG).unwrap(), 1);
    });
}

#[test]
fn wait_idle_waits_for_all_but_daemons() {
    with_runtimes(|runtime| {
        for round in 0..20 {
            let ended = Arc::new(AtomicUsize::new(0));
            let daemon = runtime.run({
                let ended = ended.clone();
                move || {
                    for n in 0..20 {
                        let grandchildren = ended.clone();
                        drop(go!(clone(ended) => {
                            if (n + round) % 3 == 0 {
                                sleep(SOON / 4);
                            }
                            drop(go!({
                                task::yield_now();
                                grandchildren.fetch_add(1, SeqCst);
                            }));
                            ended.fetch_add(1, SeqCst);
                        }));
                    }
                    go!(daemon => sleep(NEVER))
                }
            });
            runtime.wait_idle();
            assert_eq!(ended.load(SeqCst), 40);
            assert!(!daemon.is_finished());
            daemon.cancel();
            assert!(daemon.join().unwrap_err().is_cancelled());
        }
        runtime.wait_idle();
    });
}

#[test]
fn many_wait_for_idleness() {
    with_runtimes(|runtime| {
        let release = Arc::new(AtomicBool::new(false));
        drop(runtime.spawn({
            let release = release.clone();
            move || until(|| release.load(SeqCst))
        }));
        let (runtime, other) = (Arc::new(runtime), with_workers(1));
        thread::scope(|s| {
            for _ in 0..4 {
                let (in_task, on_thread) = (runtime.clone(), runtime.clone());
                let waits = other.spawn(move || in_task.wait_idle());
                s.spawn(move || {
                    on_thread.wait_idle();
                    waits.wait();
                });
            }
            release.store(true, SeqCst);
        });
    });
}

#[test]
fn shutdown_cancels_and_ends() {
    with_runtimes(|runtime| {
        let drops = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                let counter = drops.clone();
                let taken = on_drop(move || {
                    counter.fetch_add(1, SeqCst);
                    // In one that returns by itself, the cancel comes here at the latest.
                    sleep(SOON);
                });
                runtime.spawn(move || {
                    let _taken = taken;
                    match n % 3 {
                        0 => sleep(NEVER),
                        1 => task::park(),
                        // Or refused, if it was spawned late.
                        _ => drop(go!({ sleep(NEVER) }).join()),
                    }
                    if n % 3 < 2 {
                        unreachable!("the wait returned");
                    }
                })
            })
            .collect();
        runtime.shutdown(Duration::MAX).unwrap();
        // All of it has happened when it returns.
        assert_eq!(drops.load(SeqCst), 100);
        for (n, task) in tasks.into_iter().enumerate() {
            assert!(task.is_finished());
            match task.join() {
                Ok(()) => assert_eq!(n % 3, 2),
                Err(error) => assert!(error.is_cancelled() || error.is_refused(), "{error}"),
            }
        }
    });
}

#[test]
fn a_shutdown_that_runs_out_of_time_gives_the_runtime_back() {
    with_runtimes(|runtime| {
        let release = Arc::new(AtomicBool::new(false));
        let (begun, is_begun) = mpsc::channel();
        let stubborn = runtime.spawn({
            let release = release.clone();
            move || {
                let _guard = on_drop(move || {
                    while !release.load(SeqCst) {
                        sleep(SOON);
                    }
                });
                begun.send(()).unwrap();
                sleep(NEVER);
            }
        });
        is_begun.recv_timeout(HANG).unwrap();
        let runtime = runtime.shutdown(Duration::ZERO).unwrap_err();
        let runtime = runtime.shutdown(SOON).unwrap_err();
        assert!(!stubborn.is_finished());
        // It stays closed.
        let late = runtime.spawn(|| unreachable!("the runtime is closed"));
        let _: &JoinHandle<()> = &late;
        assert!(late.join().unwrap_err().is_refused());
        release.store(true, SeqCst);
        runtime.shutdown(Duration::MAX).unwrap();
        assert!(stubborn.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_drop_waits_for_every_task() {
    with_runtimes(|runtime| {
        let ended = Arc::new(AtomicUsize::new(0));
        runtime.run({
            let ended = ended.clone();
            move || {
                for _ in 0..50 {
                    drop(go!(clone(ended) => {
                        let _guard = on_drop(move || {
                            sleep(SOON);
                            ended.fetch_add(1, SeqCst);
                        });
                        sleep(NEVER);
                    }));
                }
                settle();
            }
        });
        let started = ended.clone();
        drop(runtime);
        // Those that never started have no guard yet; whatever there was has ended.
        let now = started.load(SeqCst);
        thread::yield_now();
        assert_eq!(Arc::strong_count(&ended), 2, "a closure is alive");
        assert_eq!(started.load(SeqCst), now);
    });
}

#[test]
fn a_runtime_ends_in_one_of_its_own_tasks() {
    with_runtimes(|runtime| {
        let (sender, receiver) = mpsc::channel();
        let (give, take) = mpsc::channel::<Runtime>();
        let task = runtime.spawn(move || {
            let _guard = on_drop(move || sender.send(()).unwrap());
            let mut own = None;
            until(|| {
                own = take.try_recv().ok();
                own.is_some()
            });
            // It does not wait for itself: it is cancelled at its next wait.
            drop(own);
            sleep(NEVER);
        });
        give.send(runtime).unwrap();
        receiver.recv_timeout(HANG).unwrap();
        assert!(task.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_task_does_not_wait_for_its_own_runtime() {
    with_runtimes(|runtime| {
        let runtime = Arc::new(runtime);
        let own = runtime.clone();
        let text =
            message(runtime.run(|| panic::catch_unwind(AssertUnwindSafe(|| own.wait_idle()))));
        assert!(text.contains("wait_idle"), "{text}");
        let (give, take) = mpsc::channel::<Runtime>();
        drop(own);
        let runtime = Arc::into_inner(runtime).unwrap();
        let task = runtime.spawn(move || {
            let own = take.recv().unwrap();
            message(panic::catch_unwind(AssertUnwindSafe(|| drop(own.shutdown(NEVER)))))
        });
        give.send(runtime).unwrap();
        let text = task.join().unwrap();
        assert!(text.contains("shutdown"), "{text}");
    });
}

#[test]
fn a_runtime_dropped_in_a_task_of_another() {
    on_workers(|workers| {
        let release = Arc::new(AtomicBool::new(false));
        let ended = Arc::new(AtomicBool::new(false));
        let dropper = go!(clone(release, ended) => {
            let inner = with_workers(workers);
            drop(inner.spawn(move || {
                let _guard = on_drop(move || until(|| release.load(SeqCst)));
                sleep(NEVER);
            }));
            drop(inner);
            ended.store(true, SeqCst);
            sleep(NEVER);
        });
        // The drop suspends its task only, and is not cut short.
        settle();
        dropper.cancel();
        settle();
        release.store(true, SeqCst);
        assert!(dropper.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn many_runtimes_one_after_another_and_at_once() {
    bounded(|| {
        for round in 0..100 {
            let runtime = with_workers(1 + round % 3);
            assert_eq!(runtime.run(|| go!({ round }).wait()), round);
        }
        let runtimes: Vec<_> = (0..20).map(|_| with_workers(2)).collect();
        // Each joins a task of the one before.
        let mut last = go!({ 0 });
        for runtime in &runtimes {
            let before = last;
            last = runtime.spawn(move || {
                sleep(SOON / 10);
                before.wait() + 1
            });
        }
        assert_eq!(last.wait(), 20);
    });
}

#[test]
fn workers_end_with_their_runtime() {
    fn threads() -> usize {
        std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
    }
    bounded(|| {
        let most = threads() + 16 * 50;
        for _ in 0..200 {
            drop(with_workers(16));
        }
        // Other tests' threads come and go beside these; 3200 would have stayed.
        assert!(threads() < most);
    });
}

#[test]
fn what_cannot_be_built() {
    for workers in [0, usize::MAX, 1 << 20] {
        let error = Builder::new().workers(workers).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&workers.to_string()), "{error}");
    }
    for bytes in [usize::MAX, 1 << 40] {
        for built in [
            Builder::new().stack_size(bytes).build().map(drop),
            Builder::new().stack_size(bytes).build_local().map(drop),
        ] {
            let error = built.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains(&bytes.to_string()), "{error}");
        }
    }
}

#[test]
fn debug_tells_of_workers_and_closing() {
    with_runtimes(|runtime| {
        let text = format!("{runtime:?} {:?}", Builder::new().workers(3));
        assert!(text.contains("workers") && text.contains("closed: false"), "{text}");
    });
}

/// The token is the one that the caller's `std::thread::park` waits for.
#[test]
#[expect(clippy::disallowed_methods, reason = "it is what this is about")]
fn starting_a_runtime_leaves_the_threads_token() {
    bounded(|| {
        for workers in [1, 2, 4] {
            thread::current().unpark();
            drop(with_workers(workers));
            // Would never return.
            thread::park();
        }
    });
}
