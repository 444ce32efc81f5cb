//! The flight recorder: what is in a record, that it can be read at any time, and when it is
//! written.

mod files;
mod trace;

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use gocoro::runtime::{Builder, LocalRuntime, Runtime, flight_record};
use gocoro::sync::Mutex;
use gocoro::task::{self, JoinHandle};
use gocoro::time::sleep;
use gocoro::{channel, go};

use self::trace::Trace;
use crate::support::{NEVER, SOON, bounded, until};

fn recording(workers: usize, events: usize) -> Runtime {
    Builder::new().workers(workers).flight_recorder(events).build().unwrap()
}

fn recording_here(events: usize) -> LocalRuntime {
    Builder::new().flight_recorder(events).build_local().unwrap()
}

/// Keeps the worker until two have come, so that they are on two workers.
fn meet(both: &AtomicUsize) {
    both.fetch_add(1, SeqCst);
    while both.load(SeqCst) < 2 {
        std::thread::yield_now();
    }
}

#[test]
fn a_record_says_who_ran_what_it_waited_for_and_who_woke_it() {
    bounded(|| {
        let mut runtime = recording_here(4096);
        let (to, from) = channel::bounded(1);
        runtime.run(|| {
            let reader = go!(local, name = "rec-reader" => {
                for n in 0..3 {
                    assert_eq!(from.recv(), Ok(n));
                }
            });
            go!(local, name = "rec-writer" => {
                for n in 0..3 {
                    task::yield_now();
                    to.send(n).unwrap();
                }
                sleep(SOON);
            })
            .wait();
            reader.wait();
        });
        let trace = Trace::now();
        let reader = trace.runs("rec-reader");
        let then: Vec<_> = reader.iter().map(|run| run.then()).collect();
        assert_eq!(then, ["recv", "recv", "recv", "returned"]);
        let spawned_at = reader[0].arg("spawned_at").unwrap();
        assert!(spawned_at.contains("recorder.rs:"), "{spawned_at}");
        let writer = trace.runs("rec-writer");
        let then: Vec<_> = writer.iter().map(|run| run.then()).collect();
        assert_eq!(then, ["gives way", "gives way", "gives way", "sleep", "returned"]);
        // Each further run of the reader is where an arrow ends that begins in a run of the writer.
        for run in &reader[1..] {
            let arrow = trace
                .arrows
                .iter()
                .find(|(_, to)| (to.track, to.begin, &*to.name) == (run.track, run.begin, "wake"));
            let (from, _) = arrow.expect("an arrow to each run");
            assert!(writer.iter().any(|run| run.begin <= from.begin && from.begin <= run.end));
        }
        // And the first, where one ends that begins in the spawner.
        let first = (reader[0].track, reader[0].begin);
        assert!(trace.arrows.iter().any(|(from, to)| {
            (to.track, to.begin) == first && from.name == "spawn" && from.track == to.track
        }));
        let said: Vec<_> = trace.beside("rec-reader").iter().map(|event| &*event.name).collect();
        for expected in ["spawns rec-reader", "wakes rec-reader", "timer wakes rec-writer"] {
            assert!(said.contains(&expected), "{said:?}");
        }
        // The tasks' own tracks.
        let own: Vec<_> = trace.track_of("rec-reader").iter().map(|event| &*event.name).collect();
        assert_eq!(own.iter().filter(|name| **name == "runs").count(), 4, "{own:?}");
        assert_eq!(own.iter().filter(|name| **name == "recv").count(), 3, "{own:?}");
        let own = trace.track_of("rec-writer");
        let slept = own.iter().find(|event| event.name == "sleep").unwrap();
        assert!(slept.end - slept.begin >= SOON.as_nanos() as u64 / 2, "{slept:?}");
    });
}

#[test]
fn ends_cancels_steals_and_sleeps_are_recorded() {
    bounded(|| {
        let runtime = recording(2, 1 << 14);
        runtime.run(|| {
            // A worker knows the names of those that have started on it: others are numbers.
            let (say, begun) = channel::bounded(1);
            let cancelled = go!(local, name = "rec-cancelled" => {
                say.send(()).unwrap();
                sleep(NEVER)
            });
            begun.recv().unwrap();
            cancelled.cancel();
            drop(cancelled.join());
            let fails = go!(name = "rec-fails" => std::panic::panic_any("expected"));
            let _: &JoinHandle<()> = &fails;
            drop(fails.join());
            // A task on each worker at once, so that one was placed or stolen.
            let both = Arc::new(AtomicUsize::new(0));
            let other = go!(name = "rec-other", clone(both) => meet(&both));
            go!(local, name = "rec-own", clone(both) => meet(&both)).wait();
            other.wait();
        });
        // Workers without a task sleep sooner or later.
        until(|| Trace::now().beside("rec-fails").iter().any(|event| event.name == "sleep"));
        let trace = Trace::now();
        assert_eq!(trace.runs("rec-cancelled").last().unwrap().then(), "cancelled");
        assert_eq!(trace.runs("rec-fails").last().unwrap().then(), "panicked");
        let said: Vec<_> = trace.beside("rec-fails").iter().map(|event| &*event.name).collect();
        for expected in ["cancels rec-cancelled", "panics: rec-fails"] {
            assert!(said.contains(&expected), "{said:?}");
        }
        let (own, other) = (trace.runs("rec-own")[0].track, trace.runs("rec-other")[0].track);
        assert_ne!(own, other, "they ran at one time");
        let workers: Vec<_> =
            [own, other].map(|track| trace.threads[&track].clone()).into_iter().collect();
        assert!(workers.contains(&"worker 0".into()) && workers.contains(&"worker 1".into()));
    });
}

#[test]
fn a_wake_across_workers_is_an_arrow_between_them() {
    bounded(|| {
        let runtime = recording(2, 1 << 14);
        runtime.run(|| {
            let met = Arc::new(AtomicUsize::new(0));
            let (tell, told) = channel::bounded(1);
            // The task that waits is local, so it stays on the worker on which `elsewhere` starts.
            let elsewhere = go!(clone(met) => {
                meet(&met);
                let waits = go!(local, name = "rec-afar" => task::park());
                task::yield_now();
                tell.send(waits.task().clone()).unwrap();
                waits.wait();
            });
            go!(local, name = "rec-here", clone(met) => {
                meet(&met);
                let waits = told.recv().unwrap();
                // A loop that looks whether the task has ended would fill this worker's record, so
                // that the wake is forgotten.
                waits.unpark();
            })
            .wait();
            elsewhere.wait();
        });
        let trace = Trace::now();
        let (here, afar) = (trace.runs("rec-here")[0].track, trace.runs("rec-afar")[0].track);
        assert_ne!(here, afar);
        // A task that is unparked before it parks does not wait, so that there is no arrow.
        if let [.., before, last] = &trace.runs("rec-afar")[..]
            && before.then() == "park"
        {
            let arrow = |(from, to): &&(trace::Event, trace::Event)| {
                (from.track, to.track, to.begin) == (here, afar, last.begin)
            };
            assert!(trace.arrows.iter().any(|arrow_of| arrow(&arrow_of)), "{:#?}", trace.arrows);
        }
    });
}

#[test]
fn a_task_that_never_waits_is_seen_to_run_and_a_worker_to_sleep() {
    bounded(|| {
        let runtime = recording(1, 256);
        let (begun, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let stuck = go_on(&runtime, "rec-stuck", {
            let (begun, stop) = (begun.clone(), stop.clone());
            move || {
                begun.store(true, SeqCst);
                while !stop.load(SeqCst) {
                    std::hint::spin_loop();
                }
            }
        });
        until(|| begun.load(SeqCst));
        let trace = Trace::now();
        let run = *trace.runs("rec-stuck").last().unwrap();
        assert_eq!(run.then(), "runs still");
        // Later it has run for longer.
        until(|| {
            let later = Trace::now();
            let later = *later.runs("rec-stuck").last().unwrap();
            later.end - later.begin > run.end - run.begin + 1_000_000
        });
        stop.store(true, SeqCst);
        stuck.wait();
        until(|| {
            let trace = Trace::now();
            let events = trace.beside("rec-stuck");
            events.iter().rfind(|event| event.is_slice()).is_some_and(|last| last.name == "sleep")
        });
        drop(runtime);
    });
}

fn go_on<T: Send + 'static>(
    runtime: &Runtime,
    name: &'static str,
    body: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    runtime.run(move || task::Builder::new().name(name).spawn(body).unwrap())
}

#[test]
fn the_last_events_are_kept_and_names_for_as_long_as_they_are_needed() {
    bounded(|| {
        let mut runtime = recording_here(64);
        runtime.run(|| {
            let ends = Rc::new(Cell::new(false));
            let long = go!(local, name = "rec-long", clone(ends) => until(|| ends.get()));
            for n in 0..500 {
                go!(local, name = format!("rec-short-{n}") => task::yield_now()).wait();
            }
            ends.set(true);
            long.wait();
        });
        let trace = Trace::now();
        let runs = |name: &str| trace.runs(name).len();
        assert!(runs("rec-long") >= 5, "{:#?}", trace.beside("rec-short-499"));
        assert!(runs("rec-short-499") >= 1, "the last is there");
        assert_eq!(runs("rec-short-100"), 0, "and old ones are gone");
        let unnamed = trace.beside("rec-short-499");
        assert!(unnamed.iter().all(|event| !event.name.starts_with("task ")), "{unnamed:#?}");
    });
}

#[test]
fn a_record_is_read_while_all_is_busy() {
    for workers in [1, 4] {
        bounded(move || {
            let runtime = recording(workers, 512);
            let stop = Arc::new(AtomicBool::new(false));
            let busy = {
                let stop = stop.clone();
                runtime.spawn(move || {
                    let mutex = Arc::new(Mutex::new(0));
                    let mut round = 0;
                    while !stop.load(SeqCst) {
                        let tasks: Vec<_> = (0..20)
                            .map(|n| {
                                go!(name = format!("rec-busy-{round}-{n}"), clone(mutex) => {
                                    let (to, from) = channel::bounded(0);
                                    let other = go!({
                                        *mutex.lock().unwrap() += 1;
                                        to.send(n).unwrap();
                                        sleep(Duration::from_micros(n));
                                    });
                                    assert_eq!(from.recv(), Ok(n));
                                    other.wait();
                                })
                            })
                            .collect();
                        tasks.into_iter().for_each(JoinHandle::wait);
                        round += 1;
                    }
                    round
                })
            };
            // Each of them is checked.
            for _ in 0..30 {
                let record = flight_record();
                assert!(record.len() <= 1 << 20);
                drop(Trace::of(&record));
                std::thread::yield_now();
            }
            stop.store(true, SeqCst);
            assert!(busy.wait() > 0);
        });
    }
}

#[test]
fn a_runtime_in_a_task_has_a_track_of_its_own() {
    bounded(|| {
        let mut outer = recording_here(1024);
        outer.run(|| {
            go!(local, name = "rec-outer" => {
                let mut inner = recording_here(1024);
                inner.run(|| go!(local, name = "rec-inner" => task::yield_now()).wait());
                let trace = Trace::now();
                assert_eq!(trace.runs("rec-outer")[0].then(), "runs still");
                let (outer, inner) = (trace.runs("rec-outer")[0], trace.runs("rec-inner")[0]);
                assert_ne!(outer.track.0, inner.track.0);
                assert!(outer.begin <= inner.begin && inner.end <= outer.end);
            })
            .wait();
        });
    });
}

#[test]
fn too_many_events_are_refused() {
    let error = Builder::new().workers(1).flight_recorder(1 << 25).build().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("16777216 events at most"), "{error}");
}
