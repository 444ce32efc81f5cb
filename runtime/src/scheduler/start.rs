//! Starting workers and ending them.

use std::fmt;
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_deque::Worker as Deque;

use super::reports::Reports;
use super::{Shared, Worker, stay};
use crate::task::TaskRef;
use crate::unwind::AbortIfPanic;

/// What a worker is made of, once it is on its thread.
pub(crate) struct WorkerSeed {
    pub(crate) shared: Arc<Shared>,
    pub(crate) index: usize,
    pub(crate) deque: Deque<TaskRef>,
    pub(crate) warm_stacks: usize,
}

impl fmt::Debug for WorkerSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerSeed").field("index", &self.index).finish_non_exhaustive()
    }
}

/// The threads of a runtime.
#[derive(Debug, Default)]
pub(crate) struct Threads(Vec<thread::JoinHandle<()>>);

// The threads are joined whatever has unwound. std's handles, of which this is made, do not promise
// it.
impl UnwindSafe for Threads {}
impl RefUnwindSafe for Threads {}

impl Threads {
    /// Starts a thread for each seed. If one cannot start, the others are ended, and the error is
    /// returned.
    pub(crate) fn start(shared: &Arc<Shared>, seeds: Vec<WorkerSeed>) -> io::Result<Threads> {
        let reports = Arc::new(Reports::default());
        let mut threads = Vec::new();
        let mut failed = None;
        for seed in seeds {
            let theirs = reports.clone();
            let name = format!("gocoro-{}", seed.index);
            match thread::Builder::new().name(name).spawn(move || main(seed, &theirs)) {
                Ok(thread) => threads.push(thread),
                Err(error) => failed = Some(error),
            }
        }
        for result in reports.of(threads.len(), Duration::MAX) {
            if let Err(error) = result {
                failed = Some(error);
            }
        }
        let mut threads = Threads(threads);
        match failed {
            None => Ok(threads),
            Some(error) => {
                shared.close();
                threads.join();
                Err(error)
            }
        }
    }

    /// Waits for the threads to end, and blocks this thread meanwhile. Left out are threads that
    /// will never end, and this thread itself: a thread that destroys its thread-locals may drop a
    /// runtime that is kept there.
    pub(crate) fn join(&mut self) {
        let own = thread::current().id();
        let ends = |id| id != own && !stay::will_stay(id);
        for thread in self.0.drain(..).filter(|thread| ends(thread.thread().id())) {
            // A join cannot fail: a worker that panics aborts the process.
            let _ = thread.join();
        }
    }
}

fn main(seed: WorkerSeed, reports: &Reports) {
    let abort = AbortIfPanic("a worker");
    let shared = seed.shared.clone();
    let index = seed.index;
    match Worker::new(seed) {
        Ok(worker) => {
            reports.say(Ok(()));
            let inside = worker.enter();
            worker.run_to_end();
            worker.end();
            drop(inside);
        }
        Err(error) => {
            shared.seats[index].set_ended();
            reports.say(Err(error));
        }
    }
    std::mem::forget(abort);
}
