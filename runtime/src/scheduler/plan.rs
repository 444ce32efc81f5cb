//! What a runtime is to be like, by the program and by the environment.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use super::process::{note_process, prepare_process};
use super::start::{Threads, WorkerSeed};
use super::{OnPanic, Shared, Worker};
use crate::limits::{STACK_BYTES_DEFAULT, WORKERS_MAX};
use crate::stack::SizeClass;
use crate::{environment, recorder, thread_pool};

/// The options of a runtime, as the program sets them. `None`: the program does not say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) workers: Option<usize>,
    pub(crate) stack_size: Option<usize>,
    /// The number of stacks that each worker makes before it starts.
    pub(crate) warm_stacks: usize,
    pub(crate) on_panic: OnPanic,
    /// How deadlocks are searched for. `None`: they are not.
    pub(crate) deadlocks: Option<Searches>,
    /// How many events each worker records and keeps.
    pub(crate) recorded: Option<usize>,
    /// Whether the runtime is one of gocoro's own: see [`Shared::is_internal`].
    pub(crate) is_internal: bool,
}

/// How deadlocks are searched for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Searches {
    /// What a worker does that has slept for [`STILL`](crate::limits::STILL) without a timer and
    /// without an event.
    pub(crate) when_still: fn(&Worker),
    /// What a task does whose wait seems to close a cycle of tasks that wait for each other. It is
    /// called with the task's id, between a wait's publication and its park.
    pub(crate) when_cyclic: fn(u64),
}

impl Plan {
    /// Makes a runtime's common part, and a seed for each of its workers, none of which runs yet.
    ///
    /// The environment wins over the program: whoever starts a program has the last word, and need
    /// not build it again.
    pub(crate) fn prepare(self) -> io::Result<(Arc<Shared>, Vec<WorkerSeed>)> {
        let workers = environment::number("GOCORO_WORKERS")?.or(self.workers);
        let all = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.prepare_workers(workers.unwrap_or_else(all))
    }

    /// Makes the seed of a runtime whose one worker is the calling thread. Neither the program nor
    /// the environment can ask for more workers.
    pub(crate) fn prepare_local(self) -> io::Result<WorkerSeed> {
        let (_, mut seeds) = self.prepare_workers(1)?;
        Ok(seeds.pop().expect("one worker has one seed"))
    }

    fn prepare_workers(self, workers: usize) -> io::Result<(Arc<Shared>, Vec<WorkerSeed>)> {
        if workers == 0 || workers > WORKERS_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("a runtime has between 1 and {WORKERS_MAX} workers, not {workers}"),
            ));
        }
        let stack_size = environment::number("GOCORO_STACK_SIZE")?.or(self.stack_size);
        let recorded = if self.is_internal { 0 } else { recorder::wanted(self.recorded)? };
        // The pool takes its limit from there, and has nobody to tell that it is none.
        thread_pool::threads_max()?;
        prepare_process()?;
        note_process();
        let class = SizeClass::holding(stack_size.unwrap_or(STACK_BYTES_DEFAULT))?;
        let (shared, deques) = Shared::new(workers, class, recorded, &self);
        let seeds = deques.into_iter().enumerate();
        let seeds = seeds
            .map(|(index, deque)| WorkerSeed {
                shared: shared.clone(),
                index,
                deque,
                warm_stacks: self.warm_stacks,
            })
            .collect();
        Ok((shared, seeds))
    }

    /// Starts a runtime, each of whose workers has a thread of its own.
    pub(crate) fn start(self) -> io::Result<(Arc<Shared>, Threads)> {
        let (shared, seeds) = self.prepare()?;
        let threads = Threads::start(&shared, seeds)?;
        Ok((shared, threads))
    }
}
