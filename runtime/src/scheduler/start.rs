//! Starting workers and ending them.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError, mpsc};
use std::thread;

use crossbeam_deque::Worker as Deque;

use super::{Shared, Worker};
use crate::task::TaskRef;
use crate::unwind::AbortIfPanic;

/// What a worker is made of, before it is on its thread.
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
pub(crate) struct Threads(Mutex<Vec<thread::JoinHandle<()>>>);

impl Threads {
    /// Starts a thread for each seed; an error if one cannot start, with the others ended.
    pub(crate) fn start(shared: &Arc<Shared>, seeds: Vec<WorkerSeed>) -> io::Result<Threads> {
        let (started, news) = mpsc::channel();
        let mut threads = Vec::new();
        let mut failed = None;
        for seed in seeds {
            let started = started.clone();
            let name = format!("gocoro-{}", seed.index);
            match thread::Builder::new().name(name).spawn(move || main(seed, started)) {
                Ok(thread) => threads.push(thread),
                Err(error) => failed = Some(error),
            }
        }
        drop(started);
        for result in news {
            if let Err(error) = result {
                failed = Some(error);
            }
        }
        let threads = Threads(Mutex::new(threads));
        match failed {
            None => Ok(threads),
            Some(error) => {
                shared.close();
                threads.join();
                Err(error)
            }
        }
    }

    /// Waits for the threads: blocks this thread.
    pub(crate) fn join(&self) {
        let threads = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A worker that panicked has aborted the process.
            let _ = thread.join();
        }
    }
}

fn main(seed: WorkerSeed, started: mpsc::Sender<io::Result<()>>) {
    let abort = AbortIfPanic("a worker");
    let shared = seed.shared.clone();
    let index = seed.index;
    match Worker::new(seed) {
        Ok(worker) => {
            let _ = started.send(Ok(()));
            drop(started);
            let inside = worker.enter();
            worker.run_to_end();
            worker.end();
            drop(inside);
        }
        Err(error) => {
            shared.seats[index].set_ended();
            let _ = started.send(Err(error));
        }
    }
    std::mem::forget(abort);
}

/// Takes numbers for tasks.
pub(crate) fn take_ids(count: u64) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(count, Ordering::Relaxed)
}

static FORKED: AtomicBool = AtomicBool::new(false);

/// Whether this process was forked off one that had workers.
#[inline(always)]
pub(crate) fn is_forked() -> bool {
    FORKED.load(Ordering::Relaxed)
}

/// Remembers that this process has workers, for its forked children.
pub(crate) fn note_process() {
    extern "C" fn in_child() {
        FORKED.store(true, Ordering::Relaxed);
    }
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the function does one atomic store.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
}
