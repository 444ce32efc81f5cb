//! How the numbers have gone: a sample a second, for some minutes. So a page that is opened when
//! something has happened shows what came before.

use std::collections::VecDeque;
use std::fmt::{self, Display};
use std::time::{Duration, Instant};

use crate::clock;
use crate::observe::dump::json::Maybe;
use crate::observe::metrics::{Metrics, RuntimeMetrics, WorkerMetrics, metrics};

/// How often the numbers are read.
pub(super) const SAMPLED_EVERY: Duration = Duration::from_secs(1);

/// How many samples are kept: those of five minutes.
const SAMPLES_KEPT: usize = 300;

/// How many workers are shown each by itself: as many as a page has room for.
const WORKERS_SHOWN_MAX: usize = 64;

/// The samples, oldest first.
#[derive(Debug)]
pub(super) struct History {
    begun: Instant,
    /// The number of the next sample.
    next: u64,
    last: Option<Metrics>,
    samples: VecDeque<Sample>,
}

/// What the numbers were at one time, and how they had changed since the sample before.
#[derive(Debug)]
struct Sample {
    number: u64,
    at: Duration,
    workers: Vec<Worker>,
    /// Tasks by state: unstarted, ready, running, waiting.
    tasks: [u64; 4],
    spawned: u64,
    ended: u64,
    resumed: u64,
    /// Calls that wait for a thread of the blocking pool.
    queued: u64,
    stacks: u64,
    stack_bytes: u64,
    memory: Option<u64>,
}

#[derive(Debug)]
struct Worker {
    runtime: u32,
    worker: usize,
    /// In thousandths of the time.
    busy: u64,
    /// Tasks that could run, those that have not started included.
    queue: u64,
    tasks: u64,
    /// How often it has resumed a task in the time.
    resumed: u64,
    /// How often it has looked around: zero where it was stuck, or slept.
    turned: u64,
    latency: Latency,
}

/// How long tasks had to wait for their worker, as bounds in nanoseconds. `None`: none was timed.
#[derive(Debug, Default)]
struct Latency {
    median: Option<u64>,
    /// The 99th of a hundred.
    high: Option<u64>,
}

impl Latency {
    fn between(earlier: Option<&WorkerMetrics>, now: &WorkerMetrics) -> Latency {
        let before = |at: usize| {
            earlier.and_then(|worker| worker.latency.get(at)).map_or(0, |bucket| bucket.count)
        };
        let counts = now.latency.iter().enumerate();
        let counts: Vec<u64> =
            counts.map(|(at, bucket)| bucket.count.saturating_sub(before(at))).collect();
        let all: u64 = counts.iter().sum();
        let quantile = |share: u64| {
            let wanted = (all * share).div_ceil(100);
            let mut sum = 0;
            let at = counts.iter().position(|count| {
                sum += count;
                sum >= wanted.max(1)
            })?;
            // What has no bound is longer than the last of the others.
            let bounds = now.latency[..=at].iter().rev().find_map(|bucket| bucket.at_most);
            bounds.map(|bound| bound.as_nanos() as u64)
        };
        Latency { median: quantile(50), high: quantile(99) }
    }
}

impl History {
    pub(super) fn new() -> History {
        History { begun: clock::now(), next: 0, last: None, samples: VecDeque::new() }
    }

    /// Reads the numbers. The first time there is nothing to compare them with, and no sample.
    pub(super) fn sample(&mut self) {
        let now = metrics();
        let sample = self.last.is_some().then(|| self.sample_of(&now));
        self.last = Some(now);
        let Some(sample) = sample else { return };
        self.next += 1;
        self.samples.push_back(sample);
        while self.samples.len() > SAMPLES_KEPT {
            self.samples.pop_front();
        }
    }

    fn sample_of(&self, now: &Metrics) -> Sample {
        let runtime_before = |id: u32| {
            let runtimes = self.last.as_ref().map(|metrics| &metrics.runtimes);
            runtimes.and_then(|runtimes| runtimes.iter().find(|runtime| runtime.id == id))
        };
        let sum = |number: fn(&RuntimeMetrics) -> u64| now.runtimes.iter().map(number).sum::<u64>();
        // What has ended meanwhile takes its counts with it, so what has grown is told runtime by
        // runtime.
        let grown = |number: fn(&RuntimeMetrics) -> u64| {
            let grown = now.runtimes.iter().map(|runtime| {
                let before = runtime_before(runtime.id).map_or(0, number);
                number(runtime).saturating_sub(before)
            });
            grown.sum::<u64>()
        };
        let tasks = now.runtimes.iter().map(RuntimeMetrics::tasks).fold([0; 4], |sum, tasks| {
            let states = [tasks.unstarted, tasks.ready, tasks.running, tasks.waiting];
            std::array::from_fn(|at| sum[at] + states[at])
        });
        let workers = now.runtimes.iter().flat_map(|runtime| {
            let before = runtime_before(runtime.id);
            runtime.workers.iter().enumerate().map(move |(at, worker)| {
                let before = before.and_then(|runtime| runtime.workers.get(at));
                Worker::between(runtime.id, at, before, worker)
            })
        });
        Sample {
            number: self.next,
            at: self.begun.elapsed(),
            workers: workers.take(WORKERS_SHOWN_MAX).collect(),
            tasks,
            spawned: grown(RuntimeMetrics::spawned),
            ended: grown(RuntimeMetrics::ended),
            resumed: grown(|runtime| runtime.workers.iter().map(|worker| worker.resumed).sum()),
            queued: now.blocking.queued as u64,
            stacks: sum(|runtime| runtime.workers.iter().map(|worker| worker.stacks).sum()),
            stack_bytes: sum(|runtime| runtime.workers.iter().map(|w| w.stack_bytes).sum()),
            memory: resident_bytes(),
        }
    }

    /// The samples from this number on, as JSON.
    pub(super) fn json(&self, from: u64) -> String {
        let samples = self.samples.iter().filter(|sample| sample.number >= from);
        let samples: Vec<String> = samples.map(ToString::to_string).collect();
        let every = SAMPLED_EVERY.as_millis();
        format!(
            r#"{{"version":1,"next":{},"every_ms":{every},"kept":{SAMPLES_KEPT},"samples":[{}]}}"#,
            self.next,
            samples.join(",")
        )
    }
}

impl Worker {
    fn between(
        runtime: u32,
        worker: usize,
        before: Option<&WorkerMetrics>,
        now: &WorkerMetrics,
    ) -> Worker {
        let tasks = &now.tasks;
        let grown = |number: fn(&WorkerMetrics) -> u64| {
            number(now).saturating_sub(before.map_or(0, number))
        };
        Worker {
            runtime,
            worker,
            busy: before.map_or(0, |before| (now.busy_since(before) * 1000.0).round() as u64),
            queue: tasks.unstarted + tasks.ready,
            tasks: tasks.ready + tasks.running + tasks.waiting,
            resumed: grown(|worker| worker.resumed),
            turned: grown(|worker| worker.turned),
            latency: Latency::between(before, now),
        }
    }
}

impl Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [unstarted, ready, running, waiting] = self.tasks;
        write!(f, r#"{{"n":{},"ms":{},"#, self.number, self.at.as_millis())?;
        write!(f, r#""unstarted":{unstarted},"ready":{ready},"running":{running},"#)?;
        write!(f, r#""waiting":{waiting},"spawned":{},"ended":{},"#, self.spawned, self.ended)?;
        write!(f, r#""resumed":{},"blocking_queue":{},"#, self.resumed, self.queued)?;
        write!(f, r#""stacks":{},"stack_bytes":{},"#, self.stacks, self.stack_bytes)?;
        write!(f, r#""memory_bytes":{},"workers":["#, Maybe(self.memory))?;
        for (at, worker) in self.workers.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{worker}")?;
        }
        f.write_str("]}")
    }
}

impl Display for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Worker { runtime, worker, busy, queue, tasks, resumed, turned, latency } = self;
        write!(
            f,
            r#"{{"runtime":{runtime},"worker":{worker},"busy_permille":{busy},"queue":{queue},"#
        )?;
        write!(f, r#""tasks":{tasks},"resumed":{resumed},"turned":{turned},"#)?;
        let (median, high) = (Maybe(latency.median), Maybe(latency.high));
        write!(f, r#""median_ns":{median},"p99_ns":{high}}}"#)
    }
}

/// How much memory the process has. `None`: the system does not say.
pub(super) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn old_samples_go() {
        let mut history = History::new();
        history.sample();
        assert!(history.samples.is_empty());
        for _ in 0..SAMPLES_KEPT + 2 {
            history.sample();
        }
        assert_eq!(history.samples.len(), SAMPLES_KEPT);
        assert_eq!(history.samples[0].number, 2);
        let json = history.json(SAMPLES_KEPT as u64 + 1);
        assert!(
            json.starts_with(r#"{"version":1,"next":302,"every_ms":1000,"kept":300,"#),
            "{json}"
        );
        assert_eq!(json.matches(r#"{"n":"#).count(), 1, "{json}");
    }
}
