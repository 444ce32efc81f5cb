//! The numbers of all runtimes as text that monitoring systems read.

use std::fmt::{self, Display, Formatter};

use super::metrics::{Metrics, RuntimeMetrics, WorkerMetrics};

/// [`Metrics`] as text: see [`Metrics::openmetrics`].
#[derive(Clone, Copy, Debug)]
#[must_use = "this is the text, which something has to write"]
pub struct OpenMetrics<'a> {
    metrics: &'a Metrics,
}

impl<'a> OpenMetrics<'a> {
    pub(super) fn new(metrics: &'a Metrics) -> OpenMetrics<'a> {
        OpenMetrics { metrics }
    }

    fn workers(&self) -> impl Iterator<Item = (&RuntimeMetrics, usize, &WorkerMetrics)> {
        self.metrics.runtimes.iter().flat_map(|runtime| {
            let workers = runtime.workers.iter().enumerate();
            workers.map(move |(at, worker)| (runtime, at, worker))
        })
    }

    /// A family with one number for each worker.
    fn counters(
        &self,
        f: &mut Formatter<'_>,
        name: &str,
        help: &str,
        number: impl Fn(&WorkerMetrics) -> u64,
    ) -> fmt::Result {
        head(f, name, "counter", None, help)?;
        for (runtime, at, worker) in self.workers() {
            let id = runtime.id;
            writeln!(f, "{name}_total{{runtime=\"{id}\",worker=\"{at}\"}} {}", number(worker))?;
        }
        Ok(())
    }

    /// A family with a number for each worker and each of some values of a label.
    fn gauges<const N: usize>(
        &self,
        f: &mut Formatter<'_>,
        name: &str,
        unit: Option<&str>,
        help: &str,
        numbers: impl Fn(&WorkerMetrics) -> [(&'static str, u64); N],
    ) -> fmt::Result {
        head(f, name, "gauge", unit, help)?;
        for (runtime, at, worker) in self.workers() {
            let id = runtime.id;
            for (label, number) in numbers(worker) {
                writeln!(f, "{name}{{runtime=\"{id}\",worker=\"{at}\"{label}}} {number}")?;
            }
        }
        Ok(())
    }

    fn times(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const NAME: &str = "gocoro_worker_sleep_time_seconds";
        head(f, NAME, "counter", Some("seconds"), "Time that the worker had nothing to run.")?;
        for (runtime, at, worker) in self.workers() {
            let (id, slept) = (runtime.id, worker.slept.as_secs_f64());
            writeln!(f, "{NAME}_total{{runtime=\"{id}\",worker=\"{at}\"}} {slept}")?;
        }
        Ok(())
    }

    fn latencies(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const NAME: &str = "gocoro_schedule_duration_seconds";
        let help = "How long the last task of the queue waits to be resumed.";
        head(f, NAME, "histogram", Some("seconds"), help)?;
        for (runtime, at, worker) in self.workers() {
            let of = format_args!("runtime=\"{}\",worker=\"{at}\"", runtime.id).to_string();
            let mut count = 0;
            for bucket in &worker.latency {
                count += bucket.count;
                match bucket.at_most {
                    Some(bound) => {
                        let bound = bound.as_secs_f64();
                        writeln!(f, "{NAME}_bucket{{{of},le=\"{bound}\"}} {count}")?;
                    }
                    None => writeln!(f, "{NAME}_bucket{{{of},le=\"+Inf\"}} {count}")?,
                }
            }
            writeln!(f, "{NAME}_sum{{{of}}} {}", worker.latency_sum.as_secs_f64())?;
            writeln!(f, "{NAME}_count{{{of}}} {count}")?;
        }
        Ok(())
    }

    fn elsewhere(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let runtimes = &self.metrics.runtimes;
        const SPAWNED: &str = "gocoro_task_spawned_elsewhere";
        head(f, SPAWNED, "counter", None, "Tasks spawned by threads that are no workers.")?;
        for RuntimeMetrics { id, spawned_elsewhere, .. } in runtimes {
            writeln!(f, "{SPAWNED}_total{{runtime=\"{id}\"}} {spawned_elsewhere}")?;
        }
        const REFUSED: &str = "gocoro_task_refused_elsewhere";
        head(f, REFUSED, "counter", None, "Tasks refused when no worker had them.")?;
        for RuntimeMetrics { id, refused_elsewhere, .. } in runtimes {
            writeln!(f, "{REFUSED}_total{{runtime=\"{id}\"}} {refused_elsewhere}")?;
        }
        Ok(())
    }

    fn blocking(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let pool = &self.metrics.blocking;
        let busy = pool.threads.saturating_sub(pool.idle + pool.waiting);
        const THREADS: &str = "gocoro_blocking_thread_count";
        head(f, THREADS, "gauge", None, "Threads of the blocking pool.")?;
        for (state, threads) in [("busy", busy), ("idle", pool.idle), ("waiting", pool.waiting)] {
            writeln!(f, "{THREADS}{{state=\"{state}\"}} {threads}")?;
        }
        let (limit, queued) = (pool.limit, pool.queued);
        head(f, "gocoro_blocking_thread_limit", "gauge", None, "How many may run calls at once.")?;
        writeln!(f, "gocoro_blocking_thread_limit {limit}")?;
        head(f, "gocoro_blocking_queue_length", "gauge", None, "Calls that wait for a thread.")?;
        writeln!(f, "gocoro_blocking_queue_length {queued}")
    }
}

/// What stands above a family's samples.
fn head(
    f: &mut Formatter<'_>,
    name: &str,
    kind: &str,
    unit: Option<&str>,
    help: &str,
) -> fmt::Result {
    writeln!(f, "# TYPE {name} {kind}")?;
    if let Some(unit) = unit {
        writeln!(f, "# UNIT {name} {unit}")?;
    }
    writeln!(f, "# HELP {name} {help}")
}

impl Display for OpenMetrics<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.gauges(f, "gocoro_task_count", None, "Tasks, by state.", |worker| {
            let tasks = &worker.tasks;
            [
                (",state=\"unstarted\"", tasks.unstarted),
                (",state=\"ready\"", tasks.ready),
                (",state=\"running\"", tasks.running),
                (",state=\"waiting\"", tasks.waiting),
            ]
        })?;
        self.counters(f, "gocoro_task_spawned", "Tasks spawned by the worker.", |w| w.spawned)?;
        self.counters(f, "gocoro_task_ended", "Tasks that have ended.", |w| w.ended)?;
        self.counters(f, "gocoro_task_refused", "Tasks that were refused.", |w| w.refused)?;
        self.elsewhere(f)?;
        self.counters(f, "gocoro_task_resumed", "Resumes of tasks.", |w| w.resumed)?;
        self.counters(f, "gocoro_task_stolen", "Tasks taken from other workers.", |w| w.stolen)?;
        let help = "Wakes of waiting tasks by other threads.";
        self.counters(f, "gocoro_task_woken_from_afar", help, |w| w.woken_from_afar)?;
        self.latencies(f)?;
        self.times(f)?;
        self.counters(f, "gocoro_worker_turns", "Rounds of the worker's loop.", |w| w.turned)?;
        self.counters(f, "gocoro_io_polls", "Questions for events.", |w| w.polled)?;
        let help = "Events of descriptors.";
        self.counters(f, "gocoro_io_events", help, |w| w.events_received)?;
        let help = "Descriptors that are watched.";
        self.gauges(f, "gocoro_io_descriptor_count", None, help, |w| [("", w.descriptors)])?;
        self.gauges(f, "gocoro_timer_count", None, "Timers that are set.", |w| [("", w.timers)])?;
        self.counters(f, "gocoro_timer_fired", "Timers that went off.", |w| w.timers_fired)?;
        self.gauges(f, "gocoro_stack_count", None, "Stacks of tasks, and idle ones.", |w| {
            let used = w.tasks.ready + w.tasks.running + w.tasks.waiting;
            [(",state=\"used\"", used), (",state=\"idle\"", w.stacks.saturating_sub(used))]
        })?;
        const BYTES: &str = "gocoro_stack_address_space_bytes";
        let help = "Address space of these stacks.";
        self.gauges(f, BYTES, Some("bytes"), help, |w| [("", w.stack_bytes)])?;
        self.blocking(f)?;
        writeln!(f, "# EOF")
    }
}
