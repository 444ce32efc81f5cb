//! A bounded pool of threads for calls that block their thread: name resolution, and the
//! destructors of closures that a closed runtime refuses.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::current;
use crate::limits::{BLOCKING_IDLE, BLOCKING_THREADS_MAX};
use crate::lock::Lock;
use crate::park;
use crate::task::Reason;
use crate::unwind;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

struct Pool {
    state: Mutex<State>,
    work: Condvar,
}

static POOL: Pool = Pool {
    state: Mutex::new(State { queue: VecDeque::new(), threads: 0, idle: 0 }),
    work: Condvar::new(),
};

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Pool")
            .field("queued", &state.queue.len())
            .field("threads", &state.threads)
            .field("idle", &state.idle)
            .finish()
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, job: Job) {
        let mut state = self.lock();
        state.queue.push_back(job);
        if state.idle >= state.queue.len() {
            self.work.notify_one();
            return;
        }
        if state.threads == BLOCKING_THREADS_MAX {
            return;
        }
        state.threads += 1;
        drop(state);
        let started = thread::Builder::new().name("gocoro-blocking".into()).spawn(work);
        if started.is_ok() {
            return;
        }
        let mut state = self.lock();
        state.threads -= 1;
        if state.threads > 0 {
            // One of the other threads takes the job when it is free.
            return;
        }
        // No thread can be had at all, so the caller runs the jobs, and blocks: late is better than
        // never.
        while let Some(job) = state.queue.pop_front() {
            drop(state);
            job();
            state = self.lock();
        }
    }
}

/// What a thread of the pool does: runs jobs until it has been idle for [`BLOCKING_IDLE`].
fn work() {
    let mut state = POOL.lock();
    loop {
        if let Some(job) = state.queue.pop_front() {
            drop(state);
            unwind::run_quietly(job);
            state = POOL.lock();
            continue;
        }
        state.idle += 1;
        let (back, waited) =
            POOL.work.wait_timeout(state, BLOCKING_IDLE).unwrap_or_else(PoisonError::into_inner);
        state = back;
        state.idle -= 1;
        if waited.timed_out() && state.queue.is_empty() {
            state.threads -= 1;
            return;
        }
    }
}

/// Runs a job on the blocking pool, later. A panic of the job is swallowed there.
pub(crate) fn run(job: Box<dyn FnOnce() + Send>) {
    POOL.run(job);
}

/// Runs `f` on the blocking pool, and suspends the task until `f` has returned. On a plain thread
/// `f` runs right here.
///
/// # Panics
///
/// With the panic of `f`.
pub(crate) fn unblock<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    if current::task().is_none() {
        return f();
    }
    let returned = Arc::new(Lock::new(None));
    let unparker = park::unparker();
    let theirs = returned.clone();
    POOL.run(Box::new(move || {
        let result = unwind::catch(f);
        *theirs.lock() = Some(result);
        drop(theirs);
        unparker.unpark();
    }));
    loop {
        let result = returned.lock().take();
        if let Some(result) = result {
            return result.unwrap_or_else(|payload| std::panic::resume_unwind(payload));
        }
        let _ = park::pause(Reason::Blocking, None);
    }
}
