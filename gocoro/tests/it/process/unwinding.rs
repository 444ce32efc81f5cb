//! Where std's count of panics cannot travel with its task: a worker runs no other task while one
//! waits in the middle of its unwinding.

use std::panic;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread;

use gocoro::go;
use gocoro::runtime::LocalRuntime;
use gocoro::task;
use gocoro::time::{sleep, timeout};

use super::{IntoCode, run, run_with, scenarios};
use crate::support::{NEVER, SOON, on_drop, settle, until, with_workers};

scenarios! {
    alone,
    told_from_another_thread,
    cancelled_io,
}

const ALONE: &[(&str, &str)] = &[("GOCORO_UNWINDING", "alone")];
const SAID: &str = "gocoro: std's count of panics is not found here";

/// Tasks that wait while they unwind, beside others that work.
fn alone() {
    let mut runtime = LocalRuntime::new().unwrap();
    runtime.run(|| {
        let steps = Arc::new(AtomicUsize::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let works = go!(local, clone(steps, stop) => {
            while !stop.load(SeqCst) {
                // Not taken for unwinding, ever.
                assert!(!thread::panicking());
                steps.fetch_add(1, SeqCst);
                task::yield_now();
            }
        });
        settle();
        let unwinds = go!(local, clone(steps) => {
            let _guard = on_drop(|| {
                let before = steps.load(SeqCst);
                sleep(SOON);
                task::park_timeout(SOON);
                task::yield_now();
                assert!(task::current().name().is_none());
                assert!(timeout(SOON, || ()).is_ok());
                if cfg!(not(gocoro_asan)) && is_alone() {
                    assert_eq!(steps.load(SeqCst), before, "another task ran");
                }
            });
            panic::resume_unwind(Box::new(5));
        });
        assert_eq!(unwinds.join().unwrap_err().downcast_ref(), Some(&5));
        let before = steps.load(SeqCst);
        until(|| steps.load(SeqCst) > before + 10);
        stop.store(true, SeqCst);
        works.wait();
        // Cancels are thrown as ever.
        let waits = go!(local => {
            let _guard = on_drop(|| sleep(SOON));
            sleep(NEVER);
        });
        settle();
        waits.cancel();
        assert!(waits.join().unwrap_err().is_cancelled());
    });
    println!("ended");
}

fn is_alone() -> bool {
    std::env::var("GOCORO_UNWINDING").is_ok()
}

#[test]
fn no_other_task_runs_beside_one_that_unwinds() {
    run_with("alone", ALONE).code(0).printed("ended").says(1, &[SAID]).says(0, &["panicked"]);
    // Where the count travels, nothing is said.
    run("alone").code(0).printed("ended").says(0, &[SAID, "panicked"]);
}

/// Wakes, tokens and events of others reach the task that waits alone.
fn told_from_another_thread() {
    let runtime = with_workers(1);
    runtime.run(|| {
        let (begun, has_begun) = mpsc::channel();
        let (reply, replied) = gocoro::channel::bounded(1);
        let waits = go!({
            let _guard = on_drop(move || {
                begun.send(task::current()).unwrap();
                task::park();
                assert_eq!(replied.recv(), Ok(6));
                let echoed = gocoro::net::TcpListener::bind("127.0.0.1:0").unwrap();
                let addr = echoed.local_addr().unwrap();
                let client = thread::spawn(move || std::net::TcpStream::connect(addr).unwrap());
                drop(echoed.accept().unwrap());
                drop(client.join());
            });
            panic::resume_unwind(Box::new(()));
        });
        let wakes = thread::spawn(move || {
            let task: task::Task = has_begun.recv().unwrap();
            task.unpark();
            reply.send(6).unwrap();
        });
        assert!(waits.join().unwrap_err().is_panic());
        wakes.join().unwrap();
    });
    println!("ended");
}

#[test]
fn what_others_leave_for_it_arrives() {
    run_with("told_from_another_thread", ALONE).code(0).printed("ended").says(1, &[SAID]);
}

/// I/O in the destructor of a cancelled task does not wait, there as elsewhere.
fn cancelled_io() {
    let mut runtime = LocalRuntime::new().unwrap();
    runtime.run(|| {
        let listener = gocoro::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let refused = Arc::new(AtomicBool::new(false));
        let accepts = go!(local, clone(refused) => {
            let _guard = on_drop(move || {
                let error = listener.accept().map(|_| ()).unwrap_err();
                refused.store(error.get_ref().unwrap().is::<task::Cancelled>(), SeqCst);
            });
            sleep(NEVER);
        });
        settle();
        accepts.cancel();
        assert!(accepts.join().unwrap_err().is_cancelled());
        assert!(refused.load(SeqCst));
    });
    println!("ended");
}

#[test]
fn io_of_a_cancelled_task_does_not_wait() {
    run_with("cancelled_io", ALONE).code(0).printed("ended").says(1, &[SAID]);
    run("cancelled_io").code(0).printed("ended");
}
