//! What other threads, and signal handlers, may see of what a worker runs: for whoever looks for
//! tasks that keep their worker from others.

use std::fmt;
use std::ops::Range;
use std::panic::Location;

use super::Worker;
use crate::counters::Counter;
use crate::current::{self, Core};
use crate::lock::Lock;

/// Whether a worker goes on, and where it runs. A worker that is gone has none.
pub(crate) struct Pulse(Lock<Option<Beats>>);

struct Beats {
    /// The worker's thread, as the system numbers it.
    thread: i32,
    /// The count of the worker's picks, in its core.
    picked: *const Counter,
}

// SAFETY: a `Beats` is looked at under its lock alone, and is gone from there before what it points
// to. The count itself any thread may read.
unsafe impl Send for Beats {}

/// A worker as it is now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beat {
    pub(crate) thread: i32,
    /// How often the worker has picked a task.
    pub(crate) picked: u64,
    /// What to tell the worker by from others.
    pub(crate) mark: usize,
}

impl Pulse {
    /// The pulse of a worker that has not begun.
    pub(super) fn new() -> Pulse {
        Pulse(Lock::new(None))
    }

    /// By the thread of a worker that has this core, which stays where it is until the pulse is
    /// [stopped](Pulse::stop).
    pub(super) fn start(&self, core: &Core) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        // SAFETY: the call has no preconditions.
        let thread = unsafe { libc::gettid() };
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let thread = 0;
        *self.0.lock() = Some(Beats { thread, picked: &raw const core.picked });
    }

    pub(super) fn stop(&self) {
        *self.0.lock() = None;
    }

    /// `None`: the worker has not begun, or is gone.
    pub(crate) fn beat(&self) -> Option<Beat> {
        let beats = self.0.lock();
        let Beats { thread, picked } = beats.as_ref()?;
        // SAFETY: the core lasts until the pulse is stopped, which needs the lock.
        let count = unsafe { &**picked }.get();
        Some(Beat { thread: *thread, picked: count, mark: picked.addr() })
    }
}

impl fmt::Debug for Pulse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pulse").finish_non_exhaustive()
    }
}

/// What a worker runs, as a signal handler on the worker's thread finds it.
#[derive(Debug)]
pub(crate) struct Busy<'a> {
    pub(crate) id: u64,
    pub(crate) name: Option<&'a str>,
    pub(crate) spawned_at: &'static Location<'static>,
    /// The memory of the stack that the code runs on. `None`: it is none of gocoro's.
    pub(crate) stack: Option<Range<usize>>,
}

/// Tells `f` what the worker with this mark runs, at an address on the running stack. Called by a
/// signal handler, on any thread. `None`: this is no thread of that worker, which has picked so
/// many tasks, or it runs none.
pub(crate) fn busy<T>(mark: usize, here: usize, f: impl FnOnce(Busy<'_>) -> T) -> Option<T> {
    let core = current::cores().find(|core| (&raw const core.picked).addr() == mark)?;
    let task = core.task.get();
    // SAFETY: a worker holds a reference to the task that it runs, and this is the worker's thread,
    // which does nothing else before the handler has returned.
    let task = unsafe { task.as_ref() }?;
    let mut stacks = current::coroutines().map(|nested| nested.usable());
    let stack = stacks.find(|stack| stack.contains(&here)).or_else(|| {
        current::tasks().find_map(|task| {
            // SAFETY: this is the thread of all these tasks, each of which runs, or runs a worker.
            let stack = unsafe { task.stack() }?;
            Some(stack.usable(task.class.get())).filter(|stack| stack.contains(&here))
        })
    });
    let (id, name, spawned_at) = (task.id, task.name(), task.spawned_at);
    Some(f(Busy { id, name, spawned_at, stack }))
}

impl Worker {
    /// Shows to other threads that this worker goes on.
    pub(super) fn start_pulse(&self) {
        self.seat().pulse.start(self.core());
    }
}
