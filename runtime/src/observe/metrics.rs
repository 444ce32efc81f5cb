//! The numbers of all runtimes, read at once.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::OpenMetrics;
use crate::blocking::{self, Stats};
use crate::clock;
use crate::counters::{self, Counters, bound};
use crate::scheduler::{Shared, all_runtimes, current_worker};

/// The numbers of all runtimes of this process, as [`metrics`] has read them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Metrics {
    /// The runtimes that are alive, in the order in which they were made.
    pub runtimes: Vec<RuntimeMetrics>,
    /// The blocking pool, which all of them share.
    pub blocking: Stats,
}

/// The numbers of one runtime.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RuntimeMetrics {
    /// The runtime's number in this process, from 1.
    pub id: u32,
    /// Its workers. A [`LocalRuntime`](crate::runtime::LocalRuntime) has one.
    pub workers: Vec<WorkerMetrics>,
    /// Tasks that threads have spawned which are none of its workers.
    pub spawned_elsewhere: u64,
    /// Tasks that were refused when no worker had them, for the runtime was closed.
    pub refused_elsewhere: u64,
}

/// How many tasks are in which state.
///
/// Unstarted tasks that every worker may start are counted exactly, the others as they were when
/// the worker last looked around.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct TaskCounts {
    /// Spawned, and not started yet.
    pub unstarted: u64,
    /// Ready to run, and waiting for the worker.
    pub ready: u64,
    /// Running: one for each worker that does not sleep and has a task.
    pub running: u64,
    /// Waiting for something.
    pub waiting: u64,
}

/// The numbers of one worker. What has a verb in the past tense only grows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WorkerMetrics {
    /// Its tasks.
    pub tasks: TaskCounts,
    /// Tasks that its tasks, or its thread, have spawned.
    pub spawned: u64,
    /// Tasks that have ended on it, of whatever worker's spawning.
    pub ended: u64,
    /// Tasks that got no stack, or came too late.
    pub refused: u64,
    /// How often it has resumed a task, starts included.
    pub resumed: u64,
    /// How often another thread has made one of its waiting tasks ready to run.
    pub woken_from_afar: u64,
    /// Unstarted tasks that it took from other workers.
    pub stolen: u64,
    /// How often it has run a batch of tasks and looked around.
    pub turned: u64,
    /// How often it has asked the system for events.
    pub polled: u64,
    /// Events of descriptors that it got.
    pub events_received: u64,
    /// Timers of its tasks that have gone off.
    pub timers_fired: u64,
    /// Timers of its tasks that are set.
    pub timers: u64,
    /// Descriptors that it watches.
    pub descriptors: u64,
    /// Stacks of its tasks, those that run and those that are kept for later ones.
    pub stacks: u64,
    /// The address space of these stacks. Memory takes what was touched.
    pub stack_bytes: u64,
    /// How long it has slept, for it had nothing to run. Sleep that goes on is included.
    pub slept: Duration,
    /// How long tasks that are ready wait for the worker: counts by length, in the order of the
    /// lengths. In one turn of 64 it is timed until the task is resumed that is last in the queue
    /// when the turn begins, and known when a turn ends. A task that was woken last may go before
    /// the queue, and is not timed.
    pub latency: Vec<LatencyBucket>,
    /// The sum of all latencies that were counted.
    pub latency_sum: Duration,
    /// When this was read.
    pub read_at: Instant,
}

/// How many latencies were about so long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LatencyBucket {
    /// The longest that counts here; those that are shorter than the bucket's before do not.
    /// `None`: there is no bound.
    pub at_most: Option<Duration>,
    /// How many there were.
    pub count: u64,
}

/// Reads the numbers of all runtimes of this process.
///
/// A worker counts with plain stores on memory of its own, so counting costs next to nothing, and
/// reading disturbs nobody: it works from any thread, and also when a worker is stuck. Numbers that
/// are read together need not belong to the same moment.
///
/// # Parks
///
/// Never.
///
/// # Examples
///
/// ```
/// use gocoro::{go, runtime};
///
/// (0..10).map(|n| go!({ n })).collect::<Vec<_>>().into_iter().for_each(|task| drop(task.wait()));
/// let metrics = runtime::metrics();
/// assert!(metrics.runtimes[0].spawned() >= 10);
/// // What Prometheus reads.
/// let text = metrics.openmetrics().to_string();
/// assert!(text.contains("gocoro_task_spawned_total{") && text.ends_with("# EOF\n"));
/// ```
#[must_use]
pub fn metrics() -> Metrics {
    if let Some(worker) = current_worker() {
        worker.show();
    }
    let runtimes = all_runtimes().iter().map(|shared| RuntimeMetrics::of(shared)).collect();
    Metrics { runtimes, blocking: blocking::stats() }
}

impl Metrics {
    /// The numbers as text in the format [OpenMetrics], which Prometheus and others read.
    ///
    /// Names follow OpenTelemetry's conventions for runtimes. Serve it as
    /// `application/openmetrics-text; version=1.0.0; charset=utf-8`.
    ///
    /// [OpenMetrics]: https://prometheus.io/docs/specs/om/open_metrics_spec/
    pub fn openmetrics(&self) -> OpenMetrics<'_> {
        OpenMetrics::new(self)
    }
}

impl RuntimeMetrics {
    pub(crate) fn of(shared: &Shared) -> RuntimeMetrics {
        let workers = shared
            .seats
            .iter()
            .map(|seat| WorkerMetrics::of(&seat.counters, seat.unstarted() as u64));
        RuntimeMetrics {
            id: shared.id,
            workers: workers.collect(),
            spawned_elsewhere: shared.spawned_elsewhere.load(Relaxed),
            refused_elsewhere: shared.refused_elsewhere.load(Relaxed),
        }
    }

    /// All tasks that were spawned, by whomever.
    #[must_use]
    pub fn spawned(&self) -> u64 {
        self.spawned_elsewhere + self.workers.iter().map(|worker| worker.spawned).sum::<u64>()
    }

    /// All tasks that have ended, refused ones included.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.refused_elsewhere + self.workers.iter().map(|worker| worker.ended).sum::<u64>()
    }

    /// The tasks of all workers.
    #[must_use]
    pub fn tasks(&self) -> TaskCounts {
        self.workers.iter().fold(TaskCounts::default(), |sum, WorkerMetrics { tasks, .. }| {
            TaskCounts {
                unstarted: sum.unstarted + tasks.unstarted,
                ready: sum.ready + tasks.ready,
                running: sum.running + tasks.running,
                waiting: sum.waiting + tasks.waiting,
            }
        })
    }
}

impl WorkerMetrics {
    fn of(counters: &Counters, unstarted: u64) -> WorkerMetrics {
        let read_at = clock::now();
        let last = &counters.last;
        let (live, ready) = (last.live.get(), last.ready.get());
        let asleep_since = counters.asleep_since.get();
        let running = u64::from(live > 0 && asleep_since == 0);
        let tasks = TaskCounts {
            unstarted: unstarted + last.unstarted.get(),
            ready,
            running,
            waiting: live.saturating_sub(ready + running),
        };
        let sleeps = match asleep_since {
            0 => 0,
            since => counters::nanos(read_at).saturating_sub(since),
        };
        let (counts, latency_sum) = counters.latency.read();
        let latency = counts.iter().enumerate();
        WorkerMetrics {
            tasks,
            ended: counters.ended.get(),
            spawned: counters.spawned.get(),
            refused: counters.refused.get(),
            resumed: counters.resumed.get(),
            woken_from_afar: counters.woken_from_afar.get(),
            stolen: counters.stolen.get(),
            turned: counters.turns.get(),
            polled: counters.polls.get(),
            events_received: counters.events.get(),
            timers_fired: counters.fired.get(),
            timers: last.timers.get(),
            descriptors: last.descriptors.get(),
            stacks: last.stacks.get(),
            stack_bytes: last.stack_bytes.get(),
            slept: Duration::from_nanos(counters.slept.get() + sleeps),
            latency: latency
                .map(|(at, &count)| LatencyBucket { at_most: bound(at), count })
                .collect(),
            latency_sum,
            read_at,
        }
    }

    /// The share of the time since `earlier`, another reading of the same worker, in which this
    /// worker did not sleep: from 0 to 1.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::runtime;
    /// use gocoro::time::sleep;
    /// use std::time::Duration;
    ///
    /// let runtime = runtime::Builder::new().workers(1).build()?;
    /// let before = runtime.metrics();
    /// runtime.run(|| sleep(Duration::from_millis(5)));
    /// let busy = runtime.metrics().workers[0].busy_since(&before.workers[0]);
    /// assert!((0.0..=1.0).contains(&busy));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn busy_since(&self, earlier: &WorkerMetrics) -> f64 {
        let time = self.read_at.saturating_duration_since(earlier.read_at).as_secs_f64();
        let slept = self.slept.saturating_sub(earlier.slept).as_secs_f64();
        if time > 0.0 { (1.0 - slept / time).clamp(0.0, 1.0) } else { 0.0 }
    }
}
