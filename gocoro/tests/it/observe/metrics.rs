//! What runtimes count, and its text form.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use gocoro::go;
use gocoro::net::UdpSocket;
use gocoro::runtime::{self, Builder, LocalRuntime, Metrics, RuntimeMetrics};
use gocoro::task::{self, JoinHandle};
use gocoro::time::sleep;

use crate::support::{NEVER, bounded as within_bounds, until, with_workers};

#[test]
fn spawns_ends_and_resumes_add_up() {
    within_bounds(|| {
        for workers in [1, 4] {
            let runtime = with_workers(workers);
            runtime.run(|| {
                let tasks: Vec<_> = (0..100).map(|_| go!({ task::yield_now() })).collect();
                tasks.into_iter().for_each(JoinHandle::wait);
                go!(daemon => task::yield_now()).wait();
            });
            (0..10)
                .map(|_| runtime.spawn(|| ()))
                .collect::<Vec<_>>()
                .into_iter()
                .for_each(|t| t.wait());
            // A task counts as ended once its worker has let go of it.
            until(|| runtime.metrics().ended() == 112);
            let metrics = runtime.metrics();
            assert_eq!((metrics.spawned(), metrics.spawned_elsewhere), (112, 11), "{metrics:?}");
            let resumed: u64 = metrics.workers.iter().map(|worker| worker.resumed).sum();
            assert!(resumed >= 213, "{metrics:?}");
            assert_eq!(metrics.workers.len(), workers);
            assert_eq!(metrics.refused_elsewhere, 0);
        }
    });
}

/// The tasks of a runtime that is looked at from one of its tasks.
fn looked_at(runtime: &impl Fn() -> RuntimeMetrics) -> [u64; 4] {
    let tasks = runtime().tasks();
    [tasks.unstarted, tasks.ready, tasks.running, tasks.waiting]
}

#[test]
fn tasks_are_counted_by_their_states() {
    within_bounds(|| {
        let runtime = Arc::new(with_workers(1));
        let (stop, begun) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let parked: Vec<_> = (0..7)
            .map(|_| {
                let begun = begun.clone();
                runtime.spawn(move || {
                    begun.fetch_add(1, SeqCst);
                    task::park()
                })
            })
            .collect();
        until(|| begun.load(SeqCst) == 7);
        until(|| looked_at(&|| runtime.metrics()) == [0, 0, 0, 7]);
        // One that keeps the worker busy, and is seen to. Others cannot start meanwhile.
        let busy = runtime.spawn({
            let (stop, begun) = (stop.clone(), begun.clone());
            move || {
                begun.fetch_add(1, SeqCst);
                while !stop.load(SeqCst) {
                    std::thread::yield_now();
                }
            }
        });
        until(|| begun.load(SeqCst) == 8);
        let late: Vec<_> = (0..3).map(|_| runtime.spawn(|| ())).collect();
        let tasks = runtime.metrics().tasks();
        assert_eq!((tasks.unstarted, tasks.running), (3, 1), "{tasks:?}");
        stop.store(true, SeqCst);
        busy.wait();
        late.into_iter().for_each(JoinHandle::wait);
        parked.iter().for_each(|task| task.task().unpark());
        parked.into_iter().for_each(JoinHandle::wait);
        until(|| looked_at(&|| runtime.metrics()) == [0, 0, 0, 0]);
    });
}

#[test]
fn the_queue_is_timed_now_and_then() {
    within_bounds(|| {
        let mut runtime = LocalRuntime::new().unwrap();
        runtime.run(|| {
            let yields = || (0..20_000).for_each(|_| task::yield_now());
            let tasks: Vec<_> = (0..10).map(|_| go!(local => yields())).collect();
            tasks.into_iter().for_each(JoinHandle::wait);
        });
        let worker = &runtime.metrics().workers[0];
        let timed: u64 = worker.latency.iter().map(|bucket| bucket.count).sum();
        assert!(timed > 0 && timed <= worker.turned / 64 + 1, "{worker:?}");
        assert!(worker.latency_sum > Duration::ZERO);
        assert_eq!(worker.woken_from_afar, 0);
        assert!(
            worker
                .latency
                .windows(2)
                .all(|two| { two[1].at_most.is_none_or(|bound| two[0].at_most.unwrap() < bound) })
        );
    });
}

#[test]
fn timers_descriptors_sleep_and_stacks_are_seen() {
    within_bounds(|| {
        let runtime = Builder::new().workers(1).stack_size(64 * 1024).build().unwrap();
        let before = runtime.metrics();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let reader = runtime.spawn(move || socket.recv(&mut [0; 1]).unwrap());
        let sleeper = runtime.spawn(|| sleep(NEVER));
        until(|| {
            let worker = &runtime.metrics().workers[0];
            (worker.timers, worker.descriptors, worker.tasks.waiting) == (1, 1, 2)
        });
        let metrics = runtime.metrics();
        let worker = &metrics.workers[0];
        assert!(
            worker.stacks >= 2 && worker.stack_bytes == worker.stacks * 64 * 1024,
            "{worker:?}"
        );
        // While nothing runs, the worker's sleep grows.
        until(|| runtime.metrics().workers[0].slept > worker.slept);
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[1], address).unwrap();
        assert_eq!(reader.wait(), 1);
        sleeper.cancel();
        assert!(sleeper.join().unwrap_err().is_cancelled());
        runtime.spawn(|| sleep(Duration::from_millis(1))).wait();
        // Shown when the worker's turn ends, which may be after the task's.
        until(|| {
            let worker = &runtime.metrics().workers[0];
            (worker.timers, worker.tasks.waiting) == (0, 0)
        });
        let worker = &runtime.metrics().workers[0];
        assert_eq!(worker.timers_fired, 1, "{worker:?}");
        assert!(worker.events_received >= 1 && worker.polled > before.workers[0].polled);
        assert!(worker.woken_from_afar >= 1, "the cancel came from another thread");
        let busy = worker.busy_since(&before.workers[0]);
        assert!((0.0..1.0).contains(&busy), "{busy}");
    });
}

#[test]
fn refused_tasks_are_counted() {
    within_bounds(|| {
        let runtime = with_workers(1);
        let huge = runtime
            .run(|| task::Builder::new().stack_size(1 << 36).spawn(|| ()).map(|task| task.join()));
        // A machine whose address space holds it has nothing to refuse.
        if huge.is_ok_and(|joined| joined.is_err_and(|error| error.is_refused())) {
            until(|| runtime.metrics().ended() == 2);
            assert_eq!(runtime.metrics().workers[0].refused, 1);
        }
    });
}

/// A family of samples, as a reader of the text sees it.
#[derive(Default)]
struct Family {
    kind: String,
    samples: Vec<(String, f64)>,
}

/// Reads the text as the format's specification wants it, and panics where it is not so.
fn read(text: &str) -> HashMap<String, Family> {
    let mut families: HashMap<String, Family> = HashMap::new();
    let mut seen = HashSet::new();
    let mut name = String::new();
    let body = text.strip_suffix("# EOF\n").expect("an end");
    for line in body.lines() {
        if let Some(line) = line.strip_prefix("# TYPE ") {
            let (family, kind) = line.split_once(' ').unwrap();
            name = family.to_owned();
            let new = Family { kind: kind.to_owned(), samples: Vec::new() };
            assert!(families.insert(name.clone(), new).is_none(), "{family} comes twice");
        } else if let Some(line) = line.strip_prefix("# UNIT ") {
            let (family, unit) = line.split_once(' ').unwrap();
            assert!(family == name && name.ends_with(&format!("_{unit}")), "{line}");
        } else if let Some(line) = line.strip_prefix("# HELP ") {
            assert!(line.starts_with(&name) && line.ends_with('.'), "{line}");
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            assert!(seen.insert(sample.to_owned()), "{sample} comes twice");
            let family = families.get_mut(&name).unwrap();
            let of = sample.split('{').next().unwrap().strip_prefix(&*name).unwrap();
            let suffixes: &[&str] = match &*family.kind {
                "counter" => &["_total"],
                "gauge" => &[""],
                "histogram" => &["_bucket", "_sum", "_count"],
                kind => panic!("{kind}"),
            };
            assert!(suffixes.contains(&of), "{sample} in a {}", family.kind);
            family.samples.push((sample.to_owned(), value.parse().unwrap()));
        }
    }
    families
}

#[test]
fn the_text_is_what_the_format_asks_for() {
    within_bounds(|| {
        let runtime = with_workers(2);
        runtime.run(|| {
            let tasks: Vec<_> = (0..20).map(|_| go!({ task::yield_now() })).collect();
            tasks.into_iter().for_each(JoinHandle::wait);
        });
        until(|| runtime.metrics().ended() == 21);
        let own = runtime.metrics();
        let metrics: Metrics = runtime::metrics();
        let text = metrics.openmetrics().to_string();
        let families = read(&text);
        let of_own = format!("runtime=\"{}\"", own.id);
        let sum = |family: &str| -> f64 {
            let samples = &families[family].samples;
            samples.iter().filter(|(name, _)| name.contains(&of_own)).map(|(_, value)| value).sum()
        };
        assert_eq!(sum("gocoro_task_spawned") + sum("gocoro_task_spawned_elsewhere"), 21.0);
        assert_eq!(sum("gocoro_task_ended"), 21.0);
        assert_eq!(sum("gocoro_task_count"), 0.0);
        for (name, family) in &families {
            assert!(name.starts_with("gocoro_"), "{name}");
            assert!(!family.samples.is_empty(), "{name} has no sample");
        }
        // A histogram's buckets grow up to its count.
        let latency = &families["gocoro_schedule_duration_seconds"].samples;
        let worker: Vec<_> = latency
            .iter()
            .filter(|(name, _)| name.contains(&of_own) && name.contains("worker=\"0\""))
            .collect();
        let buckets: Vec<_> =
            worker.iter().filter(|(name, _)| name.contains("_bucket")).map(|(_, n)| *n).collect();
        assert!(buckets.is_sorted() && worker.iter().any(|(name, _)| name.contains("+Inf")));
        let count = worker.iter().find(|(name, _)| name.contains("_count")).unwrap().1;
        assert_eq!(buckets.last(), Some(&count));
    });
}

#[test]
fn all_runtimes_that_are_alive_are_seen() {
    within_bounds(|| {
        let ids = || runtime::metrics().runtimes.iter().map(|one| one.id).collect::<Vec<_>>();
        let (first, second) = (with_workers(1), LocalRuntime::new().unwrap());
        let (a, b) = (first.metrics().id, second.metrics().id);
        let seen = ids();
        assert!(a < b && seen.is_sorted() && [a, b].iter().all(|id| seen.contains(id)), "{seen:?}");
        drop(first);
        until(|| !ids().contains(&a));
        assert!(ids().contains(&b));
    });
}
