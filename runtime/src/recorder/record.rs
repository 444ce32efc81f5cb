//! What all recorders have recorded, read at one time.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Weak;

use super::event::{Event, What};
use super::json::Json;
use super::known::About;
use super::{NOTHING, Recorder, SLEEPS, all};
use crate::clock::Scale;
use crate::limits::OBSERVED_AT_ONCE;

/// What workers did last. Made by [`flight_record`](crate::observe::flight_record).
///
/// [`FlightRecord::json`] is what Perfetto and other viewers of traces read.
#[derive(Clone)]
pub struct FlightRecord {
    pub(super) workers: Vec<Recorded>,
    pub(super) scale: Scale,
}

/// What one worker did last.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) runtime: u32,
    pub(super) worker: usize,
    /// In the order of their writing: by the times when they were over.
    pub(super) events: Vec<Event>,
    pub(super) now: Now,
    /// When this was read.
    pub(super) until: u64,
    pub(super) tasks: HashMap<u64, About>,
}

/// What a worker did when its record was read, and since when.
#[derive(Clone, Copy, Debug)]
pub(super) enum Now {
    /// Something between two tasks.
    Nothing,
    Runs {
        task: u64,
        since: u64,
    },
    Sleeps {
        since: u64,
    },
}

/// Reads what the workers of all runtimes that record did last.
pub(crate) fn record() -> FlightRecord {
    let recorders: Vec<_> = all().iter().filter_map(Weak::upgrade).collect();
    let mut workers: Vec<_> = recorders.iter().map(|recorder| recorder.read()).collect();
    workers.sort_by_key(|worker| (worker.runtime, worker.worker));
    FlightRecord { workers, scale: Scale::now() }
}

impl Recorder {
    fn read(&self) -> Recorded {
        use std::sync::atomic::Ordering::Relaxed;
        let mut events: Vec<_> = self.ring.read().into_iter().filter_map(Event::of).collect();
        let (does, since) = (self.does.load(Relaxed), self.since.load(Relaxed));
        let until = self.now();
        // What was seen to go on has begun after the last run or sleep in the ring was over.
        let is_long = |event: &&Event| event.what.is_run() || event.what == What::Slept;
        let last = events.iter().rev().find(is_long).map_or(0, |event| event.at);
        let since = since.max(last);
        let now = match does {
            _ if since > until => Now::Nothing,
            NOTHING => Now::Nothing,
            SLEEPS => Now::Sleeps { since },
            task => Now::Runs { task, since },
        };
        events.retain(|event| event.at <= until);
        let ids = events.iter().flat_map(|event| [event.task, event.by]);
        let runs = if let Now::Runs { task, .. } = now { Some(task) } else { None };
        let ids = ids.chain(runs).filter(|&id| id != 0);
        let ids: Vec<u64> = ids.collect::<HashSet<_>>().into_iter().collect();
        let mut tasks = HashMap::new();
        for some in ids.chunks(OBSERVED_AT_ONCE) {
            // The worker waits for this lock when a task of its starts or ends.
            let known = self.known();
            tasks.extend(some.iter().filter_map(|&id| Some((id, known.get(id)?.clone()))));
        }
        let (runtime, worker) = (self.runtime, self.worker);
        Recorded { runtime, worker, events, now, until, tasks }
    }
}

impl FlightRecord {
    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.workers.iter().map(|worker| worker.events.len()).sum()
    }

    /// Whether there is no event, as where no runtime records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record in Chrome's trace-event format, which [Perfetto](https://ui.perfetto.dev) and
    /// `chrome://tracing` show.
    ///
    /// Each runtime is a process there, and each of its workers a thread, on which the tasks are
    /// that it has run: by their names, or where they were spawned. What a task waited for after
    /// that, or how it ended, is in the arguments. Arrows lead from whoever woke a task to its next
    /// run, also from one worker to another, and from a spawn to the first run. Sleeps of the
    /// worker are shown, and polls that brought something. A second process for each runtime has a
    /// thread for each task that has a name, up to a thousand, with its runs, its waits, and how
    /// long it was runnable before it ran.
    ///
    /// Times are in microseconds since the first runtime was made that records, to the nanosecond.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::runtime::{Builder, flight_record};
    ///
    /// let runtime = Builder::new().workers(1).flight_recorder(1024).build()?;
    /// runtime.run(|| gocoro::go!(gocoro::task::yield_now()).wait());
    /// let json = flight_record().json().to_string();
    /// assert!(json.starts_with(r#"{"displayTimeUnit":"ns","traceEvents":["#));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn json(&self) -> impl fmt::Display {
        Json(self)
    }
}

impl fmt::Debug for FlightRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlightRecord")
            .field("workers", &self.workers.len())
            .field("events", &self.len())
            .finish_non_exhaustive()
    }
}
