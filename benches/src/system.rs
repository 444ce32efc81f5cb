//! The columns: the systems under measurement, and how the runtime of each is started.

use std::{fmt, future::Future, str::FromStr, thread};

/// A column of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum System {
    Gocoro,
    /// gocoro with the engine `corosensei`, in the program that `--beside` names.
    GocoroCs,
    /// tokio with `new_current_thread`.
    TokioCt,
    /// tokio with `new_multi_thread`, and as many worker threads as the row has workers.
    TokioMt,
    May,
    Smol,
    /// Plain threads of the operating system, with std's and crossbeam's primitives.
    Threads,
    /// The bare crate `generator`, with which gocoro switches.
    Generator,
    /// The bare crate `corosensei`.
    Corosensei,
}

use System::*;

impl System {
    pub(crate) const ALL: [System; 9] =
        [Gocoro, GocoroCs, TokioCt, TokioMt, May, Smol, Threads, Generator, Corosensei];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Gocoro => "gocoro",
            GocoroCs => "gocoro-cs",
            TokioCt => "tokio-ct",
            TokioMt => "tokio-mt",
            May => "may",
            Smol => "smol",
            Threads => "threads",
            Generator => "generator",
            Corosensei => "corosensei",
        }
    }

    /// As what the system appears in the rows, and in the program that measures it.
    pub(crate) fn in_rows(self) -> System {
        if self == GocoroCs { Gocoro } else { self }
    }

    /// Whether the system can have more than one worker.
    pub(crate) fn is_parallel(self) -> bool {
        self != TokioCt
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for System {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|system| system.name() == name);
        found.ok_or_else(|| format!("no system is called {name}"))
    }
}

pub(crate) fn gocoro(workers: usize) -> gocoro::runtime::Runtime {
    gocoro::runtime::Builder::new().workers(workers).build().expect("start gocoro")
}

pub(crate) fn tokio(system: System, workers: usize) -> tokio::runtime::Runtime {
    let mut builder = match system {
        TokioCt => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.worker_threads(workers).enable_all().build().expect("start tokio")
}

/// Runs `future` as a task. `block_on` alone would poll it outside of the workers.
pub(crate) fn on_tokio<F>(runtime: &tokio::runtime::Runtime, future: F) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    runtime.block_on(async { tokio::spawn(future).await.expect("the root task") })
}

/// Sets the number of may's workers, before may starts them at its first spawn.
pub(crate) fn may(workers: usize) {
    may::config().set_workers(workers);
}

/// Runs `f` as a coroutine of may.
pub(crate) fn on_may<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    may::go!(f).join().expect("the root coroutine")
}

pub(crate) type SmolExecutor = &'static smol::Executor<'static>;

/// A smol executor with `workers` threads, of which the caller of [`on_smol`] is one.
pub(crate) fn smol(workers: usize) -> SmolExecutor {
    let executor: SmolExecutor = Box::leak(Box::default());
    for _ in 1..workers {
        thread::spawn(|| smol::block_on(executor.run(smol::future::pending::<()>())));
    }
    executor
}

/// Runs `future` as a task of `executor`.
pub(crate) fn on_smol<F>(executor: SmolExecutor, future: F) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    smol::block_on(executor.run(executor.spawn(future)))
}
