//! What once went wrong. Each names what was seen.

mod channels;
mod groups;
mod join;
mod sync;
mod timeouts;

use std::cell::Cell;
use std::io::ErrorKind;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use gocoro::runtime::{LocalRuntime, Runtime};
use gocoro::sync::Event;
use gocoro::task::{self, JoinError, JoinHandle, TaskGroup};
use gocoro::time::{sleep, timeout};
use gocoro::{channel, go, go_test, select};

use crate::support::{
    Colour, NEVER, SOON, WORKERS, bounded, on_drop, on_workers, settle, until, with_workers,
};

/// The destructors of a closure that never ran had the cancel thrown out of them at their first wait.
#[test]
fn destructors_of_a_closure_that_never_ran_may_wait() {
    on_workers(|_| {
        let ended = Arc::new(AtomicBool::new(false));
        let flag = ended.clone();
        let taken = on_drop(move || {
            sleep(SOON);
            go!({ sleep(SOON) }).wait();
            flag.store(true, SeqCst);
        });
        let task = go!({ drop(taken) });
        task.cancel();
        match task.join() {
            // Another worker was faster than the cancel.
            Ok(()) => {}
            Err(error) => assert!(error.is_cancelled(), "{error}"),
        }
    });
    let ended = Arc::new(AtomicBool::new(false));
    let flag = ended.clone();
    with_workers(1).run(move || {
        let taken = on_drop(move || {
            sleep(SOON);
            flag.store(true, SeqCst);
        });
        let task = go!({ drop(taken) });
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
    });
    assert!(ended.load(SeqCst));
}

/// Local tasks that spawn local tasks kept the worker's other unstarted tasks from ever starting.
#[test]
fn local_tasks_leave_room_for_others() {
    fn successor(stop: Arc<AtomicBool>) {
        if !stop.load(SeqCst) {
            drop(go!(local => successor(stop)));
        }
    }
    on_workers(|workers| {
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..2 * workers {
            drop(go!(clone(stop) => { successor(stop) }));
        }
        settle();
        let count = Arc::new(AtomicUsize::new(0));
        for _ in 0..10 {
            drop(go!(clone(count) => {
                count.fetch_add(1, SeqCst);
            }));
        }
        until(|| count.load(SeqCst) == 10);
        stop.store(true, SeqCst);
    });
}

/// A loop of `park`, each with its token there, never let go of its worker.
#[test]
fn a_park_with_its_token_there_uses_up_the_budget() {
    with_workers(1).run(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let other = go!(clone(stop) => stop.store(true, SeqCst));
        while !stop.load(SeqCst) {
            task::current().unpark();
            task::park();
        }
        other.wait();
    });
}

/// With a timer far off, `poll_once` said each time that something had happened.
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

/// A detached task's result was dropped in the task or by the dropped handle, by a race; only the
/// first swallowed a panic.
#[go_test]
fn a_detached_result_that_panics_hurts_nobody() {
    let task = go!({ on_drop(|| panic!("in the result")) });
    until(|| task.is_finished());
    assert!(panic::catch_unwind(|| drop(task)).is_ok());
}

/// `Task` was not `UnwindSafe`, as `std::thread::Thread` is.
#[go_test]
fn a_task_handle_crosses_a_catch() {
    let parked = go!({ task::park() });
    let handle = parked.task().clone();
    panic::catch_unwind(|| handle.unpark()).unwrap();
    parked.wait();
    let _: fn(JoinHandle<()>) = |handle| drop(panic::catch_unwind(|| handle.is_finished()));
}

/// A local runtime that is dropped because its thread panics still cancels its tasks: the thread's
/// panic was taken for theirs, and nothing was ever thrown at them.
/// A scope or race that was cut short while its children ended went on as if it had not been, if another
/// task of the worker waited in a destructor then: to the thread, everybody unwinds.
#[test]
fn a_scope_that_was_cut_short_says_so_beside_a_task_that_unwinds() {
    fn beside<T: Send + 'static>(
        body: impl FnOnce(&Event) -> T + Send + 'static,
        interrupt: impl FnOnce(&JoinHandle<T>),
    ) -> Result<T, JoinError> {
        let (hold, gate) = (Arc::new(Event::new()), Arc::new(Event::new()));
        let task = go!(clone(hold) => { body(&hold) });
        let unwinding = go!(clone(gate) => {
            let _guard = on_drop(|| gate.wait());
            sleep(NEVER);
        });
        settle();
        interrupt(&task);
        settle();
        // Now the children wait in their destructors.
        unwinding.cancel();
        settle();
        hold.set();
        let ended = task.join();
        gate.set();
        assert!(unwinding.join().unwrap_err().is_cancelled());
        ended
    }
    let slow_to_end = |hold: &Event| {
        let _guard = on_drop(|| hold.wait());
        sleep(NEVER);
    };
    Colour::Task.run(1, move || {
        let race = move |hold: &Event| task::race((|| slow_to_end(hold), || sleep(NEVER)));
        assert!(beside(race, JoinHandle::cancel).unwrap_err().is_cancelled());
        let scope = move |hold: &Event| {
            task::scope(|s| {
                s.spawn(|| slow_to_end(hold));
            });
        };
        assert!(beside(scope, JoinHandle::cancel).unwrap_err().is_cancelled());
        let bounded = move |hold: &Event| timeout(SOON, || scope(hold));
        assert!(beside(bounded, |_| sleep(2 * SOON)).unwrap().is_err());
    });
}

#[test]
fn a_local_runtime_ends_while_its_thread_panics() {
    let ended = Rc::new(Cell::new(0));
    let theirs = ended.clone();
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let mut runtime = LocalRuntime::new().unwrap();
        let ends = Ends(theirs.clone());
        runtime.spawn(move || {
            let _ends = ends;
            loop {
                task::yield_now();
            }
        });
        let ends = Ends(theirs);
        runtime.spawn(move || {
            let _ends = ends;
            task::park();
        });
        runtime.poll_once(Some(Duration::ZERO));
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
    assert_eq!(ended.get(), 2);
}

/// Starting a runtime took the token that the caller's `std::thread::park` waits for.
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

/// The end of a runtime did not wait for closures that it had refused: their destructors went on.
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

/// The closure of a local task that a closed runtime refused was dropped inside of the spawn.
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

/// `Builder::spawn` promised an error for a closed runtime, and gave a task that was refused.
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

/// Only the innermost runtime was asked whether it is the one that ends.
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

struct Ends(Rc<Cell<i32>>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// A choice that began to wait while a message came was handed the next one before it.
#[test]
fn a_choice_receives_in_the_order_of_sending() {
    on_workers(|_| {
        let (sender, receiver) = channel::bounded(1);
        let other = channel::never::<()>();
        let sending = go!({ (0..500).for_each(|n| sender.send(n).unwrap()) });
        for expected in 0..500 {
            let got = select! {
                recv(receiver) -> got => got,
                recv(other) -> _ => unreachable!("it never comes"),
            };
            assert_eq!(got, Ok(expected));
        }
        sending.wait();
    });
}
