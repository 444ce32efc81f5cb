//! Runtimes that start in vain, or are dropped in a bad moment, do not end the process.

use std::cell::RefCell;
use std::env;
use std::sync::mpsc;
use std::time::Duration;

use gocoro::runtime::{Builder, LocalRuntime, Runtime};
use gocoro::task;
use gocoro::time::sleep;

use super::limits::limit_memory;
use super::{IntoCode, run, scenarios};
use crate::support::{HANG, SOON, WORKERS, on_drop, with_workers};

scenarios! {
    dropped_beside_its_own_unwinding,
    started_at_the_second_try,
    kept_by_its_own_worker,
}

fn dropped_beside_its_own_unwinding() {
    let (ended, has_ended) = mpsc::channel();
    let mut runtime = LocalRuntime::new().unwrap();
    runtime.spawn(move || {
        let _slow = on_drop(move || {
            sleep(SOON);
            sleep(SOON);
            ended.send(()).unwrap();
        });
        panic!("on purpose");
    });
    runtime.poll_once(Some(Duration::ZERO));
    drop(runtime);
    has_ended.try_recv().unwrap();
}

/// The cancel is not thrown into the unwinding of the task, which waits beside that of the thread.
#[test]
fn a_local_runtime_is_dropped_beside_its_own_tasks_unwinding() {
    run("dropped_beside_its_own_unwinding").code(0);
}

fn started_at_the_second_try() {
    const STACK: usize = 256 * 1024;
    limit_memory(1000 * STACK as u64);
    let with = |stacks| Builder::new().stack_size(STACK).warm_stacks(stacks);
    assert!(with(2000).build_local().is_err());
    drop(with(500).build_local().unwrap());
    // In a task too, whose own stack is not to be taken for one of them.
    LocalRuntime::new().unwrap().run(|| {
        assert!(with(2000).build_local().is_err());
        drop(with(500).build_local().unwrap());
    });
}

/// A runtime that is to warm more stacks than there is memory for frees those it has made.
#[test]
fn a_runtime_that_cannot_start_gives_its_stacks_back() {
    if env::var_os("GOCORO_SANITIZER").is_some() {
        println!("skipped: a sanitizer needs more memory than this leaves it");
        return;
    }
    run("started_at_the_second_try").code(0);
}

/// Says so when its runtime is gone.
struct Kept(Option<Runtime>, mpsc::Sender<()>);

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.0.take());
        self.1.send(()).unwrap();
    }
}

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

fn kept_by_its_own_worker() {
    for workers in WORKERS {
        let runtime = with_workers(workers);
        let (began, has_begun) = mpsc::channel();
        let (dropped, is_dropped) = mpsc::channel();
        let (give, taken) = gocoro::channel::bounded(1);
        let keeper = runtime.spawn(move || {
            task::shield(|| {
                began.send(()).unwrap();
                let runtime = taken.recv().unwrap();
                KEPT.with(|kept| *kept.borrow_mut() = Some(Kept(Some(runtime), dropped)));
            });
        });
        has_begun.recv_timeout(HANG).unwrap();
        let runtime = runtime.shutdown(Duration::ZERO).unwrap_err();
        give.send(runtime).unwrap();
        keeper.join().unwrap();
        is_dropped.recv_timeout(HANG).unwrap();
    }
}

/// A thread that ends does not wait for itself to end.
#[test]
fn a_thread_local_of_a_worker_drops_the_workers_runtime() {
    run("kept_by_its_own_worker").code(0);
}
