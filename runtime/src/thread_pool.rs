//! The blocking pool's threads: they are made when jobs come, and end when none come.
//!
//! A thread whose job waits in one of gocoro's own operations does not count against the limit
//! ([`aside`]). What it waits for may be a job that is still queued here, or a task that needs one.
//! If such threads filled the pool, nothing would ever go on.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use crate::environment;
use crate::limits::{BLOCKING_IDLE, BLOCKING_THREADS_MAX};
use crate::unwind;

/// What a thread of the pool runs.
pub(crate) trait Job: Send + Sync {
    /// Runs the job, unless it was withdrawn. A panic out of it is swallowed.
    fn run(&self);

    /// Whether the job was withdrawn, so that there is nothing to run.
    fn is_withdrawn(&self) -> bool;
}

/// Runs foreign code on this thread as if nothing of the thread's own was under way: it is neither
/// in the running task, nor inside what bounds the thread's waits, nor takes the thread's wakes.
pub(crate) type Apart = fn(&mut dyn FnMut());

/// How many threads the pool has, and what they do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) threads: usize,
    /// Threads without a job.
    pub(crate) idle: usize,
    /// Threads whose jobs wait in gocoro's operations, and those that stay though there are too
    /// many.
    pub(crate) aside: usize,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<dyn Job>>,
    /// Jobs of the queue that were withdrawn.
    withdrawn: usize,
    counts: Counts,
}

impl State {
    /// Threads that are idle, or run jobs that do not wait.
    fn at_work(&self) -> usize {
        self.counts.threads - self.counts.aside
    }
}

struct Pool {
    state: Mutex<State>,
    work: Condvar,
    /// Where threads wait that stay though there are too many. Nobody notifies it: they look.
    surplus: Condvar,
}

static POOL: OnceLock<Pool> = OnceLock::new();

thread_local! {
    /// Whether this thread is one of the pool's, and runs a job that does not wait.
    static AT_WORK: Cell<bool> = const { Cell::new(false) };

    /// What each [`Keep`] of this thread has a part in.
    static KEPT: Arc<()> = Arc::default();
}

fn pool() -> &'static Pool {
    POOL.get_or_init(|| Pool {
        state: Mutex::default(),
        work: Condvar::new(),
        surplus: Condvar::new(),
    })
}

/// How many threads may run jobs at once: by the environment, else [`BLOCKING_THREADS_MAX`].
///
/// # Errors
///
/// `InvalidInput` for a variable that is no number above zero.
pub(crate) fn threads_max() -> io::Result<usize> {
    const VARIABLE: &str = "GOCORO_BLOCKING_THREADS";
    match environment::number(VARIABLE)? {
        None => Ok(BLOCKING_THREADS_MAX),
        Some(0) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{VARIABLE} is 0; the blocking pool needs a thread"),
        )),
        Some(number) => Ok(number),
    }
}

/// The limit as of the first use of the pool. A runtime that starts tells of a bad variable.
pub(crate) fn max() -> usize {
    static MAX: OnceLock<usize> = OnceLock::new();
    *MAX.get_or_init(|| threads_max().unwrap_or(BLOCKING_THREADS_MAX))
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that somebody takes what is queued.
    fn serve(&'static self, mut state: MutexGuard<'static, State>, apart: Apart) {
        if state.counts.idle >= state.queue.len() {
            self.work.notify_one();
            return;
        }
        if state.at_work() >= max() {
            return;
        }
        state.counts.threads += 1;
        drop(state);
        let started = thread::Builder::new().name("gocoro-blocking".into()).spawn(|| self.work());
        if started.is_ok() {
            return;
        }
        let mut state = self.lock();
        state.counts.threads -= 1;
        if state.at_work() > 0 {
            // One of the other threads takes the job when it is free.
            return;
        }
        // No thread can be had at all, so this one runs the jobs, and blocks: late is better than
        // never. A job that needs what this thread's caller holds, such as a file's position, may
        // then wait for ever.
        while let Some(job) = state.next() {
            drop(state);
            apart(&mut || job.run());
            drop(job);
            state = self.lock();
        }
    }

    /// What a thread of the pool does: runs jobs until it has been idle for [`BLOCKING_IDLE`].
    fn work(&self) {
        AT_WORK.set(true);
        let mut state = self.lock();
        loop {
            // A job that waited may be at work again although another thread was made in its place.
            if state.at_work() > max() {
                if !is_kept() {
                    break;
                }
                state.counts.aside += 1;
                (state, _) = self
                    .surplus
                    .wait_timeout(state, BLOCKING_IDLE)
                    .unwrap_or_else(PoisonError::into_inner);
                state.counts.aside -= 1;
                continue;
            }
            if let Some(job) = state.next() {
                drop(state);
                job.run();
                drop(job);
                state = self.lock();
                continue;
            }
            state.counts.idle += 1;
            let (back, waited) = self
                .work
                .wait_timeout(state, BLOCKING_IDLE)
                .unwrap_or_else(PoisonError::into_inner);
            state = back;
            state.counts.idle -= 1;
            if waited.timed_out() && state.queue.is_empty() && !is_kept() {
                break;
            }
        }
        // What the destructors of its thread-locals wait for is no matter of the pool's.
        AT_WORK.set(false);
        state.counts.threads -= 1;
    }
}

impl State {
    fn next(&mut self) -> Option<Arc<dyn Job>> {
        let job = self.queue.pop_front()?;
        if job.is_withdrawn() {
            self.withdrawn = self.withdrawn.saturating_sub(1);
        }
        Some(job)
    }
}

/// Queues a job. `apart` is for the case that no thread can be had.
pub(crate) fn run(job: Arc<dyn Job>, apart: Apart) {
    let pool = pool();
    let mut state = pool.lock();
    state.queue.push_back(job);
    pool.serve(state, apart);
}

/// Notes that a queued job was withdrawn. Once most of the queue was, it is swept: where every
/// thread is stuck, the queue would grow with each call whose time is up.
pub(crate) fn note_withdrawn() {
    let mut state = pool().lock();
    state.withdrawn += 1;
    if state.withdrawn * 2 <= state.queue.len() {
        return;
    }
    let (gone, kept): (VecDeque<_>, _) =
        mem::take(&mut state.queue).into_iter().partition(|job| job.is_withdrawn());
    state.queue = kept;
    state.withdrawn = 0;
    drop(state);
    drop(gone);
}

/// While the answer lives, this thread of the pool waits in one of gocoro's operations, and does
/// not count against the limit. `None`: this thread is no thread of the pool, or waits already.
/// `apart` is for the case that no thread can be had to take its place.
pub(crate) fn aside(apart: Apart) -> Option<Aside> {
    if !AT_WORK.replace(false) {
        return None;
    }
    let pool = pool();
    let mut state = pool.lock();
    state.counts.aside += 1;
    if !state.queue.is_empty() {
        pool.serve(state, apart);
    }
    Some(Aside(()))
}

#[derive(Debug)]
pub(crate) struct Aside(());

impl Drop for Aside {
    fn drop(&mut self) {
        pool().lock().counts.aside -= 1;
        AT_WORK.set(true);
    }
}

/// While the answer lives, this thread of the pool does not end, however long it is idle. `None`:
/// this thread is no thread of the pool.
pub(crate) fn keep() -> Option<Keep> {
    if !AT_WORK.get() {
        return None;
    }
    KEPT.try_with(|kept| Keep { _part: kept.clone() }).ok()
}

fn is_kept() -> bool {
    KEPT.with(|kept| Arc::strong_count(kept) > 1)
}

/// Keeps a thread of the pool. See [`keep`].
#[derive(Debug)]
pub(crate) struct Keep {
    _part: Arc<()>,
}

/// How many threads there are, and how many jobs are queued.
pub(crate) fn counts() -> (Counts, usize) {
    let state = pool().lock();
    (state.counts, state.queue.iter().filter(|job| !job.is_withdrawn()).count())
}

/// Runs `f` on the pool, for nobody. A panic out of `f` is swallowed.
pub(crate) fn run_for_nobody(f: impl FnOnce() + Send + 'static, apart: Apart) {
    struct ForNobody<F>(Mutex<Option<F>>);
    impl<F: FnOnce() + Send> Job for ForNobody<F> {
        fn run(&self) {
            let f = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(f) = f {
                unwind::run_quietly(f);
            }
        }

        fn is_withdrawn(&self) -> bool {
            false
        }
    }
    run(Arc::new(ForNobody(Mutex::new(Some(f)))), apart);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Barrier;
    use std::sync::mpsc::{self, Sender, TryRecvError};

    use super::*;

    struct Tells(Sender<()>);

    impl Drop for Tells {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    thread_local! {
        /// Tells of the thread's end.
        static END: Cell<Option<Tells>> = const { Cell::new(None) };
    }

    #[test]
    fn a_thread_that_is_kept_does_not_end() {
        // Both jobs run at once, so that each has a thread of its own.
        let both = Arc::new(Barrier::new(2));
        let job = |keeps: bool| {
            let both = both.clone();
            let (tell, ended) = mpsc::channel();
            let (give, given) = mpsc::channel();
            let job = move || {
                END.set(Some(Tells(tell)));
                let _ = give.send(keeps.then(keep).flatten());
                both.wait();
            };
            run_for_nobody(job, |f| f());
            (given, ended)
        };
        assert!(keep().is_none(), "this is no thread of the pool");
        let (kept, end_of_kept) = job(true);
        let (_, end_of_other) = job(false);
        let kept = kept.recv().unwrap().expect("a thread of the pool");
        end_of_other.recv().unwrap();
        assert_eq!(end_of_kept.try_recv(), Err(TryRecvError::Empty));
        drop(kept);
        end_of_kept.recv().unwrap();
    }
}
