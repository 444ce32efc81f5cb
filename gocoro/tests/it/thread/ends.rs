//! How threads end that are tasks: with their runtime, by a cancel, in a runtime that is closed.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use gocoro::runtime::LocalRuntime;
use gocoro::time::{sleep, timeout};
use gocoro::{go, task, thread};

use super::text;
use crate::support::{HANG, NEVER, SOON, on_drop, on_workers, until, with_runtimes};

#[test]
fn nobody_waits_for_a_thread_that_is_not_joined() {
    with_runtimes(|runtime| {
        let (ended, has_ended) = mpsc::channel();
        let handle = runtime.run(move || {
            let (begun, is_begun) = gocoro::channel::bounded(1);
            let handle = thread::spawn(move || {
                let _tells = on_drop(move || ended.send(()).unwrap());
                begun.send(()).unwrap();
                thread::sleep(NEVER);
            });
            is_begun.recv().unwrap();
            handle
        });
        runtime.wait_idle();
        assert!(!handle.is_finished());
        // The end of the runtime cancels it, and its destructors run.
        drop(runtime);
        has_ended.try_recv().unwrap();
        let text = text(&*handle.join().unwrap_err());
        assert!(text.contains("was cancelled by the end of its runtime"), "{text}");
    });
    let mut local = LocalRuntime::new().unwrap();
    let handle = local.run(|| thread::spawn(thread::park));
    local.run_until_idle();
    assert!(!handle.is_finished());
}

#[test]
fn a_join_of_a_cancelled_thread_says_so() {
    on_workers(|_| {
        let handle = thread::Builder::new().name("reader".into()).spawn(|| {
            task::current().cancel();
            thread::park();
        });
        let payload = handle.unwrap().join().unwrap_err();
        let text = text(&*payload);
        assert!(text.contains("task 'reader'") && text.contains("was cancelled"), "{text}");
    });
}

#[test]
fn a_joiner_can_be_cut_short_and_the_thread_goes_on() {
    on_workers(|_| {
        let done = Arc::new(AtomicBool::new(false));
        let (release, released) = gocoro::channel::bounded::<()>(1);
        let handle = thread::spawn({
            let done = done.clone();
            move || {
                released.recv().unwrap();
                done.store(true, SeqCst);
            }
        });
        assert!(timeout(SOON, || handle.join().unwrap()).is_err());
        release.send(()).unwrap();
        until(|| done.load(SeqCst));
    });
}

/// A thread joins itself in no sensible program; std may hang there.
#[test]
fn a_thread_that_joins_itself_panics() {
    on_workers(|_| {
        let (give, taken) = gocoro::channel::bounded::<thread::JoinHandle<()>>(1);
        let (tell, told) = gocoro::channel::bounded(1);
        let handle = thread::spawn(move || {
            let own = taken.recv().unwrap();
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| own.join()));
            tell.send(text(&*caught.map(|_| ()).unwrap_err())).unwrap();
        });
        give.send(handle).unwrap();
        let text = told.recv().unwrap();
        assert!(text.contains("joins itself"), "{text}");
    });
}

/// Code that spawns threads in a destructor must not panic while its runtime ends.
#[test]
fn a_closed_runtime_refuses_threads() {
    with_runtimes(|runtime| {
        let (tell, told) = mpsc::channel();
        let (begun, is_begun) = mpsc::channel();
        let waits = runtime.spawn(move || {
            let _late = on_drop(move || {
                let late = thread::spawn(|| unreachable!("the runtime is closed"));
                let _: &thread::JoinHandle<()> = &late;
                let builder = thread::Builder::new();
                let built = builder.spawn(|| unreachable!("the runtime is closed"));
                let _: &io::Result<thread::JoinHandle<()>> = &built;
                let refused = [late, built.unwrap()].map(|late| text(&*late.join().unwrap_err()));
                let scoped = thread::scope(|s| {
                    let builder = thread::Builder::new();
                    builder.spawn_scoped(s, || ()).unwrap().join().unwrap_err()
                });
                let [spawned, built] = refused;
                tell.send([spawned, built, text(&*scoped)]).unwrap();
            });
            begun.send(()).unwrap();
            sleep(NEVER);
        });
        is_begun.recv_timeout(HANG).unwrap();
        runtime.shutdown(Duration::MAX).unwrap();
        assert!(waits.join().unwrap_err().is_cancelled());
        let [spawned, built, scoped] = told.try_recv().unwrap();
        for refused in [spawned, built] {
            assert!(refused.contains("was refused"), "{refused}");
        }
        // A scope takes its children in, and cancels them.
        assert!(scoped.contains("was cancelled by the end of its runtime"), "{scoped}");
    });
}

/// A thread's panic is its own, whoever runs beside it.
#[test]
fn a_panic_ends_one_thread() {
    on_workers(|_| {
        let beside = go!({
            for _ in 0..20 {
                task::yield_now();
            }
            1
        });
        drop(thread::spawn(|| panic!("expected, detached")));
        let failed = thread::spawn(|| {
            thread::sleep(SOON);
            panic!("expected");
        });
        assert_eq!(text(&*failed.join().unwrap_err()), "expected");
        assert_eq!(beside.wait(), 1);
    });
}
