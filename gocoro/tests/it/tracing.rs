//! Spans follow their task: across waits, beside other tasks, and no further.

mod recorder;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use gocoro::runtime::LocalRuntime;
use gocoro::task::{self, JoinHandle};
use gocoro::time::sleep;
use gocoro::{go, go_test};
use tracing::{Span, info, info_span, instrument};

use crate::support::{
    NEVER, SOON, module_passes_alone, on_drop, on_workers, scenario, settle, until, with_workers,
};
use recorder::{failing_at_ends, hold_at_end, recorder};

/// The names of the spans around this point, outermost first, without the test's own task and what
/// is around it.
fn path() -> Vec<String> {
    recorder().path_below("test")
}

/// A subscriber is the process's, and would take every other test off the path without one.
const SCENARIO: &str = "tracing";

#[test]
fn in_a_process_of_its_own() {
    module_passes_alone(module_path!(), SCENARIO);
}

/// Runs `f` with a subscriber, in the process for that, and marks where `path` begins.
fn below(f: impl FnOnce()) {
    if scenario().as_deref() == Some(SCENARIO) {
        let _recorder = recorder();
        info_span!("test").in_scope(f);
    }
}

#[go_test]
fn each_task_runs_in_its_span() {
    below(|| {
        let line = line!() + 1;
        let named = go!(name = "first" => { (path(), Span::current().id().unwrap()) });
        let (id, (seen, span)) = (named.id(), named.wait());
        assert_eq!(seen, ["task"]);
        let fields = recorder().fields(&span);
        assert_eq!(fields["id"], id.to_string());
        assert_eq!(fields["name"], "first");
        assert!(fields["spawned_at"].contains(&format!("tracing.rs:{line}")), "{fields:?}");
        let nameless = go!({ Span::current().id().unwrap() }).wait();
        assert!(!recorder().fields(&nameless).contains_key("name"));
        assert!(path().is_empty());
    });
}

#[test]
fn a_tasks_span_is_a_child_of_its_spawners() {
    on_workers(|_| {
        below(|| {
            let outer = info_span!("outer").entered();
            let child = go!({
                let inner = info_span!("inner").entered();
                let grandchild = go!({ path() });
                drop(inner);
                let sibling = go!({ path() });
                (path(), grandchild.wait(), sibling.wait())
            });
            drop(outer);
            let (own, grandchild, sibling) = child.wait();
            assert_eq!(own, ["outer", "task"]);
            assert_eq!(grandchild, ["outer", "task", "inner", "task"]);
            assert_eq!(sibling, ["outer", "task", "task"]);
        });
    });
}

#[test]
fn spans_are_off_while_others_run_and_back_on_resume() {
    on_workers(|_| {
        below(|| {
            let tasks: Vec<_> = (0..50u64)
                .map(|n| {
                    go!({
                        let span = info_span!("own", n);
                        let id = span.id().unwrap();
                        let _entered = span.entered();
                        for round in 0..10 {
                            match (n + round) % 4 {
                                0 => task::yield_now(),
                                1 => sleep(Duration::from_micros(200)),
                                2 => assert_eq!(go!({ path() }).wait(), ["task", "own", "task"]),
                                _ => task::park_timeout(Duration::from_micros(200)),
                            }
                            assert_eq!(Span::current().id(), Some(id.clone()));
                            assert_eq!(path(), ["task", "own"]);
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.wait();
                assert!(path().is_empty());
            }
        });
    });
}

#[test]
fn events_are_told_in_the_right_span() {
    on_workers(|_| {
        below(|| {
            let tasks: Vec<_> = (0..20u64)
                .map(|n| {
                    go!({
                        let _entered = info_span!("speaker", n).entered();
                        let me = Span::current().id().unwrap();
                        for _ in 0..5 {
                            info!(n, "before");
                            task::yield_now();
                            info!(n, "after");
                        }
                        me
                    })
                })
                .collect();
            for task in tasks {
                let span = task.wait();
                assert_eq!(recorder().events(&span), 10);
            }
        });
    });
}

#[instrument]
fn fetch(depth: u64) -> Vec<String> {
    sleep(Duration::from_micros(depth * 100));
    if depth == 0 {
        return path();
    }
    let below =
        if depth.is_multiple_of(2) { go!(fetch(depth - 1)).wait() } else { fetch(depth - 1) };
    sleep(Duration::from_micros(depth * 50));
    below
}

#[test]
fn instrumented_functions_that_suspend() {
    on_workers(|_| {
        below(|| {
            let tasks: Vec<_> = (0..20).map(|_| go!({ fetch(4) })).collect();
            for task in tasks {
                assert_eq!(
                    task.wait(),
                    ["task", "fetch", "task", "fetch", "fetch", "task", "fetch", "fetch"]
                );
            }
            assert_eq!(fetch(1), ["fetch", "fetch"]);
            assert!(path().is_empty());
        });
    });
}

#[go_test]
fn nested_and_repeated_spans() {
    below(|| {
        let beside = go!(local => loop {
            assert_eq!(path(), ["task"]);
            task::yield_now();
        });
        let (a, b) = (info_span!("a"), info_span!("b"));
        let names = |expected: &[&str]| {
            assert_eq!(path(), expected);
            task::yield_now();
            assert_eq!(path(), expected);
        };
        let first = a.enter();
        names(&["a"]);
        let second = a.enter();
        names(&["a"]);
        let third = b.enter();
        names(&["b"]);
        // Entered for the second time it is not current again.
        let fourth = a.enter();
        names(&["b"]);
        let fifth = b.enter();
        names(&["b"]);
        // Not in the order of their entering.
        drop(first);
        task::yield_now();
        drop(fifth);
        task::yield_now();
        drop(third);
        task::yield_now();
        drop(fourth);
        task::yield_now();
        drop(second);
        names(&[]);
        for _ in 0..100 {
            let _many: Vec<_> = (0..50).map(|n| info_span!("many", n).entered()).collect();
            task::yield_now();
        }
        names(&[]);
        beside.cancel();
        let _: &JoinHandle<()> = &beside;
        drop(beside.join());
    });
}

#[test]
fn a_task_leaves_nothing_entered_however_it_ends() {
    on_workers(|_| {
        below(|| {
            for how in 0..4 {
                let task = go!({
                    let _held = info_span!("held").entered();
                    std::mem::forget(info_span!("forgotten").entered());
                    match how {
                        0 => {}
                        1 => std::panic::panic_any("expected"),
                        2 => {
                            let _guard = on_drop(|| {
                                sleep(SOON);
                                assert_eq!(path(), ["task", "held", "forgotten"]);
                            });
                            std::panic::panic_any("expected")
                        }
                        _ => sleep(NEVER),
                    }
                });
                settle();
                if how == 3 {
                    task.cancel();
                }
                drop(task.join());
                assert!(path().is_empty());
                // Whichever worker it was.
                let others: Vec<_> = (0..20).map(|_| go!({ path() })).collect();
                for other in others {
                    assert_eq!(other.wait(), ["task"]);
                }
            }
        });
    });
}

#[test]
fn a_span_around_a_local_runtime() {
    below(|| {
        let outer = info_span!("outer");
        let _outer = outer.enter();
        let mut runtime = LocalRuntime::new().unwrap();
        let early = runtime.spawn(|| {
            task::yield_now();
            path()
        });
        let (own, inner) = runtime.run(|| {
            let _inside = info_span!("inside").entered();
            let child = go!({
                sleep(SOON);
                path()
            });
            (path(), child.wait())
        });
        // The thread's own span is a parent, and is not entered by tasks.
        assert_eq!(own, ["outer", "task", "inside"]);
        assert_eq!(inner, ["outer", "task", "inside", "task"]);
        assert_eq!(path(), ["outer"]);
        runtime.run_until_idle();
        assert_eq!(early.join().unwrap(), ["outer", "task"]);
        assert_eq!(path(), ["outer"]);
        while runtime.poll_once(Some(Duration::ZERO)) {}
        assert_eq!(Span::current().id(), outer.id());
    });
}

#[test]
fn a_span_closes_after_its_last_use() {
    on_workers(|_| {
        below(|| {
            let closed = recorder().closed();
            let count = Arc::new(AtomicUsize::new(0));
            let tasks: Vec<_> = (0..20)
                .map(|_| {
                    go!(clone(count) => {
                        let _held = info_span!("held").entered();
                        task::yield_now();
                        count.fetch_add(1, SeqCst);
                        Span::current().id().unwrap()
                    })
                })
                .collect();
            for task in tasks {
                let span = task.wait();
                assert!(recorder().is_closed(&span), "a span is held");
            }
            assert!(recorder().closed() >= closed + 20);
        });
    });
}

/// The span was closed between the task's end and its joiner's wake: a joiner whose time was up
/// then waited for the subscriber, in a loop.
#[test]
fn a_joiner_need_not_wait_for_a_subscriber() {
    below(|| {
        let runtime = with_workers(1);
        let (begun, has_begun) = mpsc::channel();
        let task = runtime.spawn(move || begun.send(hold_at_end()).unwrap());
        let (ends, go_on) = has_begun.recv().unwrap();
        ends.recv().unwrap();
        assert!(!task.is_finished());
        let task = task.join_timeout(SOON).unwrap_err();
        let closed = recorder().closed();
        go_on.send(()).unwrap();
        task.wait();
        assert!(recorder().closed() > closed, "who joins a task finds its span closed");
    });
}

/// It came out of whoever held the last reference to the task: a worker, which aborted.
#[test]
fn a_subscriber_that_panics_at_the_end_of_a_span() {
    on_workers(|_| {
        below(|| {
            let closed = recorder().closed();
            let ended = Arc::new(AtomicUsize::new(0));
            failing_at_ends(|| {
                for _ in 0..20 {
                    go!({}).wait();
                    drop(go!(clone(ended) => {
                        sleep(SOON);
                        ended.fetch_add(1, SeqCst);
                    }));
                    let cancelled = go!({});
                    cancelled.cancel();
                    drop(cancelled.join());
                }
                until(|| recorder().closed() >= closed + 60);
            });
            assert_eq!(ended.load(SeqCst), 20);
            assert!(path().is_empty());
        });
    });
}

#[test]
fn the_recorder_balances() {
    below(|| {
        let span = info_span!("plain");
        let entered = span.enter();
        assert_eq!(path(), ["plain"]);
        drop(entered);
        assert!(path().is_empty());
    });
}
