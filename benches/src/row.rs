//! What a row is, and the context a measurement runs in.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::system::{self, System};

/// What one measurement returns: a number for each figure of its row, or why there is none.
pub(crate) type Outcome = Result<Vec<f64>, Problem>;

/// Why a measurement has no figures.
pub(crate) enum Problem {
    /// The system did not get through.
    Fails(String),
    /// No system would get through, because of a limit of this machine.
    NotHere(String),
}

impl From<String> for Problem {
    fn from(reason: String) -> Self {
        Problem::Fails(reason)
    }
}

/// Measures a row on one system, in a process of its own.
pub(crate) type Run = fn(&Context) -> Outcome;

/// A benchmark. Each of its figures is a line of the table.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) group: Group,
    pub(crate) figures: &'static [Figure],
    /// The row's size, such as a number of tasks or connections, which the implementations are
    /// given.
    pub(crate) size: usize,
    /// The size with `--quick`.
    pub(crate) quick: usize,
    pub(crate) place: Place,
    /// Whether the row is also measured in the section `2 workers`.
    pub(crate) two: bool,
    /// The systems that have the operation, and how each does it.
    pub(crate) on: &'static [(System, Run)],
}

impl Row {
    /// The defaults of fields that most rows leave alone.
    pub(crate) const DEFAULT: Row = Row {
        name: "",
        group: Group::Main,
        figures: &[],
        size: 1,
        quick: 1,
        place: Place::Workers,
        two: false,
        on: &[],
    };
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// A bare switch, without runtime and workers.
    Bare,
    Main,
    /// A row that needs two workers to mean anything.
    TwoOnly,
    /// A row that is shown with `--growth`.
    Growth,
}

/// Where the measuring process runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On as many cores as there are workers.
    Workers,
    /// On the cores that the server leaves, which has the first ones. On all cores if it leaves
    /// none.
    BesideServer,
    /// On all cores.
    All,
}

pub(crate) struct Figure {
    /// Follows the row's name in the table, where a row has several figures.
    pub(crate) label: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) more_is_better: bool,
}

/// A figure that is better if it is less.
pub(crate) const fn cost(label: &'static str, unit: &'static str) -> Figure {
    Figure { label, unit, more_is_better: false }
}

/// A figure that is better if it is more.
pub(crate) const fn rate(label: &'static str, unit: &'static str) -> Figure {
    Figure { label, unit, more_is_better: true }
}

/// What a measurement is told about how it is to measure.
pub(crate) struct Context {
    pub(crate) system: System,
    pub(crate) workers: usize,
    /// The row's size.
    pub(crate) size: usize,
    pub(crate) quick: bool,
    /// The cores on which a server runs: the first ones of the machine.
    pub(crate) server_cores: Vec<usize>,
}

impl Context {
    pub(crate) fn gocoro(&self) -> gocoro::runtime::Runtime {
        system::gocoro(self.workers)
    }

    pub(crate) fn tokio(&self) -> tokio::runtime::Runtime {
        system::tokio(self.system, self.workers)
    }

    pub(crate) fn may(&self) {
        system::may(self.workers);
    }

    pub(crate) fn smol(&self) -> system::SmolExecutor {
        system::smol(self.workers)
    }

    /// Nanoseconds for one operation. `batch` does a number of operations and says how long that
    /// took. The number grows until one batch takes long enough, and this last batch counts. The
    /// earlier batches have warmed the system up.
    pub(crate) fn per_op(&self, mut batch: impl FnMut(u64) -> Duration) -> f64 {
        let enough = Duration::from_millis(if self.quick { 15 } else { 300 });
        let mut ops: u64 = 64;
        loop {
            let took = batch(ops);
            if took >= enough {
                return took.as_nanos() as f64 / ops as f64;
            }
            let factor = 1.25 * enough.as_secs_f64() / took.as_secs_f64().max(1e-6);
            ops = (ops as f64 * factor.clamp(2.0, 64.0)) as u64;
        }
    }
}

/// How many operations each of `parts` tasks does, so that all of them do at least `operations`.
pub(crate) fn share(operations: u64, parts: u64) -> u64 {
    operations.div_ceil(parts)
}

/// How long `operations` would have taken, when `done` operations have taken `took`.
pub(crate) fn scale(took: Duration, operations: u64, done: u64) -> Duration {
    took.mul_f64(operations as f64 / done as f64)
}

/// How long `f` takes.
pub(crate) fn timed(f: impl FnOnce()) -> Duration {
    let start = Instant::now();
    f();
    start.elapsed()
}

/// A common start and end for several tasks: time runs from the last arrival to the last leave.
pub(crate) struct Rally {
    tasks: usize,
    arrived: AtomicUsize,
    left: AtomicUsize,
    began: OnceLock<Instant>,
    ended: OnceLock<Instant>,
}

impl Rally {
    pub(crate) fn new(tasks: usize) -> Self {
        Rally {
            tasks,
            arrived: AtomicUsize::new(0),
            left: AtomicUsize::new(0),
            began: OnceLock::new(),
            ended: OnceLock::new(),
        }
    }

    /// Notes that a task has arrived. Time runs from the last arrival.
    pub(crate) fn arrive(&self) {
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.tasks {
            self.began.set(Instant::now()).expect("one task is last");
        }
    }

    /// Whether all tasks have arrived.
    pub(crate) fn has_begun(&self) -> bool {
        self.arrived.load(Ordering::Acquire) >= self.tasks
    }

    /// Notes that a task has done its part. Time runs until the last one has.
    pub(crate) fn leave(&self) {
        if self.left.fetch_add(1, Ordering::AcqRel) + 1 == self.tasks {
            self.ended.set(Instant::now()).expect("one task is last");
        }
    }

    /// Nanoseconds for one of `ops` operations, once all tasks have left.
    pub(crate) fn per_op(&self, ops: usize) -> f64 {
        let (began, ended) = (self.began.get(), self.ended.get());
        let took = *ended.expect("all left") - *began.expect("all arrived");
        took.as_nanos() as f64 / ops as f64
    }
}
