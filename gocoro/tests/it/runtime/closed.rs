//! A runtime that ends refuses what is new, and waits for what it refused.

use std::cell::Cell;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use gocoro::runtime::{LocalRuntime, Runtime};
use gocoro::task::{self, JoinHandle, TaskGroup};
use gocoro::time::sleep;
use gocoro::{channel, go};

use crate::support::{
    Ends, HANG, NEVER, SOON, WORKERS, bounded, on_drop, with_runtimes, with_workers,
};

#[test]
fn spawns_while_it_closes_are_refused_and_dropped() {
    with_runtimes(|runtime| {
        let results = Arc::new(AtomicUsize::new(0));
        let (begun, is_begun) = mpsc::channel();
        for _ in 0..8 {
            let (begun, results) = (begun.clone(), results.clone());
            drop(runtime.spawn(move || {
                let _guard = on_drop(move || {
                    let dropped = Arc::new(AtomicBool::new(false));
                    let taken = dropped.clone();
                    let taken = on_drop(move || taken.store(true, SeqCst));
                    let refused = go!({
                        drop(taken);
                        unreachable!("the runtime is closed")
                    });
                    let _: &JoinHandle<()> = &refused;
                    assert!(refused.join().unwrap_err().is_refused());
                    assert!(dropped.load(SeqCst));
                    assert!(go!(local => {}).join().unwrap_err().is_refused());
                    results.fetch_add(1, SeqCst);
                });
                begun.send(()).unwrap();
                sleep(NEVER);
            }));
        }
        for _ in 0..8 {
            is_begun.recv_timeout(HANG).unwrap();
        }
        drop(runtime);
        assert_eq!(results.load(SeqCst), 8);
    });
}

/// The destructors of closures that were refused are waited for.
#[test]
fn a_runtime_ends_after_what_it_refused() {
    bounded(|| {
        let runtime = with_workers(1);
        let (let_go, is_let_go) = mpsc::channel::<()>();
        let (begun, has_begun) = mpsc::channel();
        let started = begun.clone();
        let stays = runtime.spawn(move || {
            started.send(()).unwrap();
            is_let_go.recv()
        });
        has_begun.recv().unwrap();
        let runtime = runtime.shutdown(Duration::ZERO).unwrap_err();
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let ended = Arc::new(AtomicBool::new(false));
        let flag = ended.clone();
        let guard = on_drop(move || {
            begun.send(()).unwrap();
            may_go_on.recv().unwrap();
            flag.store(true, SeqCst);
        });
        let refused = runtime.spawn(move || drop(guard));
        has_begun.recv().unwrap();
        let_go.send(()).unwrap();
        stays.wait().unwrap();
        let runtime = runtime.shutdown(SOON * 10).unwrap_err();
        go_on.send(()).unwrap();
        drop(runtime);
        assert!(ended.load(SeqCst));
        assert!(refused.join().unwrap_err().is_refused());
    });
}

/// Runs `f` in a task of a closed runtime, for each number of workers.
fn in_closed_runtimes(f: impl FnOnce() + Copy + Send + 'static) {
    bounded(move || {
        for workers in WORKERS {
            let runtime = with_workers(workers);
            let (begun, has_begun) = mpsc::channel();
            let ended = Arc::new(AtomicBool::new(false));
            let flag = ended.clone();
            drop(runtime.spawn(move || {
                let _guard = on_drop(move || {
                    f();
                    flag.store(true, SeqCst);
                });
                begun.send(()).unwrap();
                sleep(NEVER);
            }));
            has_begun.recv().unwrap();
            drop(runtime);
            assert!(ended.load(SeqCst), "workers: {workers}");
        }
    });
}

/// The closure of a local task is dropped after the spawn returned, since its destructor may wait
/// for the spawner.
#[test]
fn a_spawn_does_not_wait_for_the_destructors_of_what_is_refused() {
    in_closed_runtimes(|| {
        let (tell, told) = channel::unbounded();
        let ended = Rc::new(Cell::new(false));
        let flag = ended.clone();
        let guard = on_drop(move || {
            told.recv().unwrap();
            sleep(SOON);
            flag.set(true);
        });
        let refused: JoinHandle<()> = go!(local => { drop(guard) });
        tell.send(()).unwrap();
        assert!(refused.join().unwrap_err().is_refused());
        assert!(ended.get());
    });
}

/// What can return an error does; what cannot gives a task that is refused.
#[test]
fn builders_tell_that_the_runtime_is_closed() {
    in_closed_runtimes(|| {
        let drops = Rc::new(Cell::new(0));
        let theirs = Ends(drops.clone());
        let error = task::Builder::new().spawn_local(move || drop(theirs)).unwrap_err();
        assert_eq!((error.kind(), drops.get()), (ErrorKind::Other, 1));
        let error = task::Builder::new().spawn(|| ()).unwrap_err();
        assert!(error.kind() == ErrorKind::Other && error.to_string().contains("closed"));
        task::scope(|s| {
            let error = task::Builder::new().spawn_scoped(s, || ()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Other);
        });
        // What has no error to return is refused.
        assert!(go!({}).join().unwrap_err().is_refused());
        assert!(go!(name = "late" => {}).join().unwrap_err().is_refused());
        let group = TaskGroup::new();
        group.spawn(|| ());
        assert!(group.next().unwrap().unwrap_err().is_refused());
    });
}

/// Below two more runtimes that run inside of that task.
#[test]
fn a_runtime_may_be_dropped_below_a_task_of_its_own() {
    let scenarios: [fn(Runtime); 3] = [
        |runtime| drop(runtime),
        |runtime| {
            let refused = catch_unwind(AssertUnwindSafe(|| runtime.shutdown(NEVER)));
            assert!(refused.is_err());
        },
        |runtime| {
            let refused = catch_unwind(AssertUnwindSafe(|| runtime.wait_idle()));
            assert!(refused.is_err());
        },
    ];
    bounded(move || {
        for (workers, scenario) in WORKERS.into_iter().flat_map(|w| scenarios.map(|s| (w, s))) {
            let runtime = with_workers(workers);
            let (give, given) = mpsc::channel();
            let (done, is_done) = mpsc::channel();
            drop(runtime.spawn(move || {
                let runtime = given.recv().unwrap();
                let mut outer = LocalRuntime::new().unwrap();
                outer.run(|| LocalRuntime::new().unwrap().run(|| scenario(runtime)));
                done.send(()).unwrap();
            }));
            give.send(runtime).unwrap();
            is_done.recv().unwrap();
        }
    });
}

/// A child that is refused there is no panic of the destructor that spawned it.
#[test]
fn a_scope_in_a_destructor_does_not_end_a_process_that_shuts_down() {
    let (ran, went_on) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let mut runtime = LocalRuntime::new().unwrap();
    let (theirs, last) = (ran.clone(), went_on.clone());
    let task = runtime.spawn(move || {
        let _last = on_drop(move || last.store(true, SeqCst));
        let _flush = on_drop(move || {
            task::scope(|s| {
                s.spawn(move || theirs.store(true, SeqCst));
            });
        });
        task::park();
    });
    runtime.poll_once(Some(Duration::ZERO));
    drop(runtime);
    assert!(task.is_finished() && went_on.load(SeqCst) && !ran.load(SeqCst));
}
