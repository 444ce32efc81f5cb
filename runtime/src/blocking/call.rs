//! Calls whose results outlive the waits for them.

use std::fmt;
use std::mem;
use std::panic;
use std::sync::Arc;
use std::thread;

use super::errand::Cut;
use super::is_over;
use crate::current;
use crate::task::Reason;
use crate::thread_pool;
use crate::unwind;
use crate::waiters::Queue;

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
        let job = move || {
            let result = unwind::catch(f);
            let mut queue = theirs.lock();
            *queue = Progress::Returned(result);
            let wakes = queue.claim_all(|()| ());
            drop(queue);
            wakes.give();
        };
        thread_pool::run_for_nobody(job, current::apart);
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
            let is_over = is_over(deadline, Cut::Refuses);
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
    use crate::clock;
    use crate::park;
    use crate::runtime::Builder;

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
