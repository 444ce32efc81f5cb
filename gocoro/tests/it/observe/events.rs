//! Events that the runtime tells a `tracing` subscriber.

mod listener;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use gocoro::sync::{Mutex, RwLock};
use gocoro::task::{self, JoinHandle};
use gocoro::time::sleep;
use gocoro::{channel, go};
use tracing::{Level, info_span};

use self::listener::{Told, listen, meanwhile};
use crate::support::{
    NEVER, bounded, module_passes_alone, on_workers, scenario, until, with_workers,
};

/// A subscriber is the process's, and would take every other test off the path without one.
const SCENARIO: &str = "events";

#[test]
fn in_a_process_of_its_own() {
    module_passes_alone(module_path!(), SCENARIO);
}

fn is_child() -> bool {
    scenario().as_deref() == Some(SCENARIO)
}

/// The events with this message that concern the task with this id.
fn of(events: &[Told], message: &str, id: u64) -> Vec<Told> {
    let id = id.to_string();
    let such = events.iter().filter(|told| told.message == message && told.fields["id"] == id);
    such.cloned().collect()
}

fn id<T>(task: &JoinHandle<T>) -> u64 {
    task.id().to_string().parse().unwrap()
}

#[test]
fn a_task_is_told_of_from_its_spawn_to_its_end() {
    if !is_child() {
        return;
    }
    on_workers(|_| {
        let (ids, events) = listen(|| {
            let outer = info_span!("outer").entered();
            let line = line!() + 1;
            let named = go!(name = "named" => { 1 });
            drop(outer);
            let plain = go!({ task::yield_now() });
            let ids = [id(&named), id(&plain)];
            named.wait();
            plain.wait();
            (ids, line)
        });
        let ([named, plain], line) = ids;
        let [spawned] = &of(&events, "spawned", named)[..] else { panic!("{events:#?}") };
        assert_eq!((spawned.target, spawned.level), ("gocoro::task", Level::TRACE));
        assert_eq!(spawned.fields["name"], "named");
        assert!(spawned.fields["spawned_at"].contains(&format!("events.rs:{line}")), "{spawned:?}");
        assert_eq!(spawned.spans.last().unwrap(), "outer", "in the span of the spawner");
        let [ended] = &of(&events, "ended", named)[..] else { panic!("{events:#?}") };
        assert_eq!((ended.target, ended.level), ("gocoro::task", Level::TRACE));
        assert_eq!(ended.fields["outcome"], "returned");
        assert!(ended.spans.ends_with(&["outer".into(), "task".into()]), "{ended:?}");
        let [ended] = &of(&events, "ended", plain)[..] else { panic!("{events:#?}") };
        assert_eq!(ended.fields["outcome"], "returned");
        assert!(!ended.fields.contains_key("name"), "{ended:?}");
    });
}

#[test]
fn panics_and_cancels_are_told() {
    if !is_child() {
        return;
    }
    on_workers(|_| {
        let (ids, events) = listen(|| {
            let fails = go!(name = "fails" => panic!("expected {}", 1));
            let waits = go!({ sleep(NEVER) });
            let ids = [id(&fails), id(&waits)];
            let _: &JoinHandle<()> = &fails;
            assert!(fails.join().is_err_and(|error| error.is_panic()));
            waits.cancel();
            waits.cancel();
            assert!(waits.join().is_err_and(|error| error.is_cancelled()));
            ids
        });
        let [fails, waits] = ids;
        let [panicked] = &of(&events, "panicked", fails)[..] else { panic!("{events:#?}") };
        assert_eq!((panicked.target, panicked.level), ("gocoro::task", Level::ERROR));
        assert_eq!(panicked.fields["panic"], "expected 1");
        assert_eq!(panicked.fields["name"], "fails");
        assert_eq!(panicked.spans.last().unwrap(), "task");
        assert_eq!(of(&events, "ended", fails)[0].fields["outcome"], "panicked");
        let [cancelled] = &of(&events, "cancelled", waits)[..] else { panic!("{events:#?}") };
        assert_eq!((cancelled.target, cancelled.level), ("gocoro::task", Level::DEBUG));
        assert!(cancelled.fields["cause"].contains("events.rs"), "{cancelled:?}");
        assert_eq!(of(&events, "ended", waits)[0].fields["outcome"], "cancelled");
    });
}

#[test]
fn refused_and_unstarted_tasks_end_as_well() {
    if !is_child() {
        return;
    }
    bounded(|| {
        let runtime = with_workers(1);
        let (ids, events) = listen(|| {
            let ids = runtime.run(|| {
                let early = go!({});
                early.cancel();
                let ids = id(&early);
                assert!(early.join().is_err_and(|error| error.is_cancelled()));
                ids
            });
            drop(runtime);
            ids
        });
        assert_eq!(of(&events, "ended", ids)[0].fields["outcome"], "cancelled");
    });
}

#[test]
fn a_lock_that_is_taken_is_told_of() {
    if !is_child() {
        return;
    }
    on_workers(|_| {
        let (holder, events) = listen(|| {
            let (mutex, rwlock) = (Arc::new(Mutex::new(0)), Arc::new(RwLock::new(0)));
            let guards = (mutex.lock().unwrap(), rwlock.read().unwrap());
            let waits = go!(clone(mutex, rwlock) => {
                *mutex.lock().unwrap() += 1;
                *rwlock.write().unwrap() += 1;
            });
            until(|| meanwhile().iter().any(|told| told.message == "contended"));
            drop(guards);
            waits.wait();
            task::current().id().to_string()
        });
        let contended: Vec<_> = events.iter().filter(|told| told.message == "contended").collect();
        let first = contended[0];
        assert_eq!((first.target, first.level), ("gocoro::sync", Level::TRACE));
        assert_eq!(first.fields["lock"], "mutex");
        assert!(first.fields["address"].starts_with("0x"), "{first:?}");
        assert_eq!(first.fields["holder"], format!("task {holder}"));
        assert!(first.fields["at"].contains("events.rs"), "{first:?}");
        assert_eq!(first.spans.last().unwrap(), "task");
    });
}

#[test]
fn whoever_keeps_others_waiting_is_named() {
    if !is_child() {
        return;
    }
    bounded(|| {
        let runtime = with_workers(1);
        let (_, events) = listen(|| {
            runtime.run(|| {
                let waits = go!({ (0..3).for_each(|_| task::yield_now()) });
                go!(name = "computes" => {
                    task::yield_now();
                    let begun = Instant::now();
                    while begun.elapsed() < Duration::from_millis(150) {
                        std::hint::spin_loop();
                    }
                })
                .wait();
                waits.wait();
            });
        });
        let late: Vec<_> = events
            .iter()
            .filter(|told| {
                told.message == "resumed late" && told.fields["behind.name"] == "computes"
            })
            .collect();
        let [late] = late[..] else { panic!("{events:#?}") };
        assert_eq!((late.target, late.level), ("gocoro::runtime", Level::WARN));
        assert!(late.fields["waited_ms"].parse::<u64>().unwrap() >= 100, "{late:?}");
        assert!(late.fields["tasks"].parse::<u64>().unwrap() >= 1, "{late:?}");
    });
}

#[test]
fn a_program_that_runs_well_says_nothing_above_debug() {
    if !is_child() {
        return;
    }
    on_workers(|_| {
        let (_, events) = listen(|| {
            let mutex = Arc::new(Mutex::new(0));
            let tasks: Vec<_> = (0..20)
                .map(|_| {
                    go!(clone(mutex) => {
                        let mut guard = mutex.lock().unwrap();
                        task::yield_now();
                        *guard += 1;
                    })
                })
                .collect();
            tasks.into_iter().for_each(JoinHandle::wait);
            let cancelled = go!({ task::park() });
            cancelled.cancel();
            drop(cancelled.join());
        });
        // A machine that stood still for a tenth of a second is told of, and rightly so.
        let loud = |told: &&Told| told.level <= Level::INFO && told.target != "gocoro::runtime";
        assert_eq!(events.iter().filter(loud).collect::<Vec<_>>(), [].iter().collect::<Vec<_>>());
        assert!(events.len() >= 40, "{events:#?}");
    });
}

/// What a subscriber does while it is told of an event leads to no further event, and its panic
/// goes no further.
#[test]
fn a_subscriber_that_does_all_that_is_told_of() {
    if !is_child() {
        return;
    }
    on_workers(|_| {
        let done = Arc::new(AtomicBool::new(false));
        let ended = done.clone();
        listener::with_reaction(
            || {
                // What it spawns here ends later, and leads to an event then.
                static REACTIONS: AtomicUsize = AtomicUsize::new(0);
                if REACTIONS.fetch_add(1, SeqCst) >= 100 {
                    return;
                }
                let mutex = Mutex::new(0);
                *mutex.lock().unwrap() += 1;
                drop(go!({ task::current().cancel() }));
                let (sender, receiver) = channel::bounded(1);
                sender.send(1).unwrap();
                assert_eq!(receiver.recv(), Ok(1));
                sleep(Duration::from_micros(10));
                panic!("in a subscriber");
            },
            move || {
                let mutex = Arc::new(Mutex::new(0));
                let tasks: Vec<_> = (0..5)
                    .map(|_| {
                        go!(clone(mutex) => {
                            let _guard = mutex.lock().unwrap();
                            task::yield_now();
                        })
                    })
                    .collect();
                tasks.into_iter().for_each(JoinHandle::wait);
                ended.store(true, SeqCst);
            },
        );
        assert!(done.load(SeqCst));
    });
}
