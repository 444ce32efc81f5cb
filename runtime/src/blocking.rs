//! A bounded pool of threads for calls that block their thread: name resolution, reads of a file
//! that is standard input, flushes of std's standard output, and the destructors of closures that a
//! closed runtime refuses.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::panic;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use crate::clock;
use crate::current;
use crate::limits::{BLOCKING_IDLE, BLOCKING_THREADS_MAX};
use crate::park;
use crate::task::Reason;
use crate::unwind;
use crate::waiters::Queue;

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

/// Runs `f` on the blocking pool and waits until it has returned, as I/O waits: `None` says that an
/// enclosing `io_deadline` has passed, or that the task unwinds and is cancelled. The pool finishes
/// `f` all the same.
///
/// On a plain thread `f` runs right here, unless an `io_deadline` or a timeout bounds it.
///
/// # Panics
///
/// With the panic of `f`.
pub(crate) fn unblock<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    if may_block() {
        return Some(f());
    }
    if is_over(current::waits().io_deadline()) {
        return None;
    }
    Call::start(f).wait()
}

fn is_over(deadline: Option<Instant>) -> bool {
    park::refuses_io() || deadline.is_some_and(|at| clock::now() >= at)
}

/// Whether the caller may block its thread, which is a plain one, for as long as a call takes:
/// nothing bounds its waits.
pub(crate) fn may_block() -> bool {
    current::task().is_none() && current::thread_waits().are_free()
}

/// A call that the blocking pool makes. Its result is kept for whoever waits for it, so that it is
/// not lost with a wait that is cut short.
pub(crate) struct Call<T>(Arc<Queue<(), Progress<T>>>);

enum Progress<T> {
    Running,
    Returned(thread::Result<T>),
    /// The result was taken.
    Over,
}

impl<T: Send + 'static> Call<T> {
    pub(crate) fn start(f: impl FnOnce() -> T + Send + 'static) -> Call<T> {
        let call = Arc::new(Queue::with(Progress::Running));
        let theirs = call.clone();
        POOL.run(Box::new(move || {
            let result = unwind::catch(f);
            let mut queue = theirs.lock();
            *queue = Progress::Returned(result);
            let wakes = queue.claim_all(|()| ());
            drop(queue);
            wakes.give();
        }));
        Call(call)
    }

    /// Waits as I/O waits until the call has returned, and takes its result, which is there once.
    ///
    /// `None` says that an enclosing `io_deadline` has passed, or that the task unwinds and is
    /// cancelled. Then, and if the wait is unwound, the result can be waited for once more.
    ///
    /// # Panics
    ///
    /// With the panic of the call.
    pub(crate) fn wait(&self) -> Option<T> {
        let deadline = current::waits().io_deadline();
        loop {
            let is_over = is_over(deadline);
            let mut queue = self.0.lock();
            match mem::replace(&mut *queue, Progress::Over) {
                Progress::Returned(result) => {
                    drop(queue);
                    return Some(result.unwrap_or_else(|payload| panic::resume_unwind(payload)));
                }
                before => *queue = before,
            }
            if is_over {
                return None;
            }
            // Why the wait has ended is seen above.
            let _ = self.0.wait(queue, (), Reason::Blocking, deadline);
        }
    }

    /// Waits until the call has returned, for as long as it takes, and leaves its result to others.
    pub(crate) fn wait_for_end(&self) {
        loop {
            let queue = self.0.lock();
            if !matches!(*queue, Progress::Running) {
                return;
            }
            let _ = self.0.wait(queue, (), Reason::Blocking, None);
        }
    }
}

impl<T> Clone for Call<T> {
    fn clone(&self) -> Call<T> {
        Call(self.0.clone())
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::boundary::Boundary;
    use crate::runtime::Builder;

    #[test]
    fn an_io_deadline_ends_the_wait_for_a_call_that_blocks() {
        fn cut_short() {
            let (end, ended) = mpsc::channel::<()>();
            let soon = clock::after(Duration::from_millis(2)).unwrap();
            let result = current::waits()
                .within(&Boundary::io_deadline(soon), || unblock(move || ended.recv()));
            assert!(result.is_none());
            // Until here it has blocked its thread.
            drop(end);
            assert_eq!(unblock(|| 7), Some(7));
        }
        cut_short();
        Builder::new().workers(1).build().unwrap().run(cut_short);
    }

    /// Whoever waits next gets it, be it another task.
    #[test]
    fn the_result_of_a_call_outlives_a_wait_that_is_cut_short() {
        fn cut_short() {
            let (end, ended) = mpsc::channel::<i32>();
            let call = Call::start(move || ended.recv().unwrap());
            let soon = clock::after(Duration::from_millis(2));
            let boundary = Boundary::io_deadline(soon.unwrap());
            assert!(current::waits().within(&boundary, || call.wait()).is_none());
            assert!(park::timeout(soon, false, || call.wait()).is_none());
            end.send(7).unwrap();
            assert_eq!(call.wait(), Some(7));
        }
        cut_short();
        Builder::new().workers(1).build().unwrap().run(cut_short);
    }
}
