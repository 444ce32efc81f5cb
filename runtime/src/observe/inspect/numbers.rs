//! The numbers of all runtimes as JSON: what `metrics` has, by the names of its fields.

use std::fmt::Write as _;

use crate::observe::dump::json::Maybe;
use crate::observe::metrics::{Metrics, RuntimeMetrics, WorkerMetrics};

/// Writes each item with a comma before all but the first.
pub(super) fn list<T>(
    json: &mut String,
    items: impl IntoIterator<Item = T>,
    mut each: impl FnMut(&mut String, T),
) {
    json.push('[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            json.push(',');
        }
        each(json, item);
    }
    json.push(']');
}

pub(super) fn json(metrics: &Metrics) -> String {
    let mut json = String::from(r#"{"version":1,"runtimes":"#);
    list(&mut json, &metrics.runtimes, runtime);
    let pool = &metrics.blocking;
    // Writing to a string does not fail, here and below.
    let _ = write!(
        json,
        r#","blocking":{{"threads":{},"idle":{},"waiting":{},"queued":{},"limit":{}}}}}"#,
        pool.threads, pool.idle, pool.waiting, pool.queued, pool.limit
    );
    json
}

fn runtime(json: &mut String, runtime: &RuntimeMetrics) {
    let RuntimeMetrics { id, workers, spawned_elsewhere, refused_elsewhere } = runtime;
    let _ = write!(json, r#"{{"id":{id},"spawned_elsewhere":{spawned_elsewhere},"#);
    let _ = write!(json, r#""refused_elsewhere":{refused_elsewhere},"workers":"#);
    list(json, workers, worker);
    json.push('}');
}

fn worker(json: &mut String, worker: &WorkerMetrics) {
    let tasks = &worker.tasks;
    let _ = write!(
        json,
        r#"{{"tasks":{{"unstarted":{},"ready":{},"running":{},"waiting":{}}}"#,
        tasks.unstarted, tasks.ready, tasks.running, tasks.waiting
    );
    for (name, number) in [
        ("spawned", worker.spawned),
        ("ended", worker.ended),
        ("refused", worker.refused),
        ("resumed", worker.resumed),
        ("woken_from_afar", worker.woken_from_afar),
        ("stolen", worker.stolen),
        ("turned", worker.turned),
        ("polled", worker.polled),
        ("events_received", worker.events_received),
        ("timers_fired", worker.timers_fired),
        ("timers", worker.timers),
        ("descriptors", worker.descriptors),
        ("stacks", worker.stacks),
        ("stack_bytes", worker.stack_bytes),
    ] {
        let _ = write!(json, r#","{name}":{number}"#);
    }
    let (slept, sum) = (worker.slept.as_nanos(), worker.latency_sum.as_nanos());
    let _ = write!(json, r#","slept_ns":{slept},"latency_sum_ns":{sum},"latency":"#);
    list(json, &worker.latency, |json, bucket| {
        let bound = Maybe(bucket.at_most.map(|bound| bound.as_nanos()));
        let _ = write!(json, r#"{{"at_most_ns":{bound},"count":{}}}"#, bucket.count);
    });
    json.push('}');
}
