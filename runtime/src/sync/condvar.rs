//! Waiting until a condition holds that a mutex guards.

use std::cell::Cell;
use std::fmt;
use std::sync::LockResult;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::mutex::MutexGuard;
use super::raw_mutex::RawMutex;
use crate::clock;
use crate::loom::{AtomicU32, const_fn};
use crate::task::Reason;
use crate::waiters::Queue;

/// Waits for what a [`Mutex`](super::Mutex) guards to become as it should; as [`std::sync::Condvar`].
///
/// Those who wait are woken in the order in which they came. Nobody is woken for no reason; all the
/// same, another may be first to lock the mutex, so look at the condition again, or use
/// [`Condvar::wait_while`].
///
/// # Examples
///
/// ```
/// use gocoro::sync::{Arc, Condvar, Mutex};
///
/// let ready = Arc::new((Mutex::new(false), Condvar::new()));
/// let theirs = ready.clone();
/// let worker = gocoro::go!({
///     let (lock, changed) = &*theirs;
///     *lock.lock().unwrap() = true;
///     changed.notify_one();
/// });
///
/// let (lock, changed) = &*ready;
/// let guard = changed.wait_while(lock.lock().unwrap(), |ready| !*ready).unwrap();
/// assert!(*guard);
/// # drop(guard);
/// worker.wait();
/// ```
pub struct Condvar {
    /// Not zero while anybody may be in the queue. Whoever changed the condition under the mutex
    /// sees those who waited for it before.
    waited_for: AtomicU32,
    queue: Queue<()>,
}

/// Whether a wait ended because its time was up; as [`std::sync::WaitTimeoutResult`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether the time was up before a notification came.
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

/// Locks the mutex again when the wait ends, however it ends.
struct Relock<'a> {
    raw: &'a RawMutex,
    unlocked: Cell<bool>,
}

impl Drop for Relock<'_> {
    fn drop(&mut self) {
        if self.unlocked.get() {
            self.raw.lock_again();
        }
    }
}

impl Condvar {
    const_fn! {
        /// A condition that nobody waits for.
        #[must_use]
        pub fn new() -> Condvar {
            Condvar { waited_for: AtomicU32::new(0), queue: Queue::new() }
        }
    }

    /// Unlocks the mutex and waits for a notification, then locks it again.
    ///
    /// Nothing can come between the unlocking and the waiting: a notification after the mutex was
    /// unlocked is not lost.
    ///
    /// # Parks
    ///
    /// Always. On a plain thread it blocks the thread. A cancel point while it waits to be notified: the
    /// mutex is locked again, waiting for it if need be, before the guard is dropped by the unwinding.
    /// Once notified, it waits for the mutex without being cut short.
    ///
    /// # Errors
    ///
    /// The guard all the same, in a `PoisonError`, if the mutex was poisoned when it was locked again.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::sync::{Arc, Condvar, Mutex};
    ///
    /// let shared = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
    /// let theirs = shared.clone();
    /// let consumer = gocoro::go!({
    ///     let (jobs, more) = &*theirs;
    ///     let mut jobs = jobs.lock().unwrap();
    ///     loop {
    ///         match jobs.pop() {
    ///             Some(job) => return job,
    ///             None => jobs = more.wait(jobs).unwrap(),
    ///         }
    ///     }
    /// });
    /// shared.0.lock().unwrap().push("paint");
    /// shared.1.notify_one();
    /// assert_eq!(consumer.wait(), "paint");
    /// ```
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.wait_until(&guard, None);
        guard.lock.poison.check(guard)
    }

    /// Waits until `condition` is false, looking at it whenever it is notified.
    ///
    /// # Parks
    ///
    /// As [`Condvar::wait`], unless the condition is false at once.
    ///
    /// # Errors
    ///
    /// As [`Condvar::wait`].
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::sync::{Arc, Condvar, Mutex};
    ///
    /// let left = Arc::new((Mutex::new(3), Condvar::new()));
    /// for _ in 0..3 {
    ///     let left = left.clone();
    ///     gocoro::go!({
    ///         *left.0.lock().unwrap() -= 1;
    ///         left.1.notify_one();
    ///     });
    /// }
    /// let none = left.1.wait_while(left.0.lock().unwrap(), |left| *left > 0).unwrap();
    /// assert_eq!(*none, 0);
    /// # drop(none);
    /// ```
    pub fn wait_while<'a, T, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: F,
    ) -> LockResult<MutexGuard<'a, T>>
    where
        F: FnMut(&mut T) -> bool,
    {
        while condition(&mut *guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// Unlocks the mutex and waits for a notification, but not longer than `dur`, then locks it again.
    ///
    /// # Parks
    ///
    /// As [`Condvar::wait`]. Locking again may take longer than `dur`.
    ///
    /// # Errors
    ///
    /// As [`Condvar::wait`].
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::sync::{Condvar, Mutex};
    /// use std::time::Duration;
    ///
    /// let (lock, changed) = (Mutex::new(()), Condvar::new());
    /// let (guard, result) =
    ///     changed.wait_timeout(lock.lock().unwrap(), Duration::from_millis(1)).unwrap();
    /// assert!(result.timed_out());
    /// # drop(guard);
    /// ```
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        dur: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let notified = self.wait_until(&guard, clock::after(dur));
        guard.lock.poison.check((guard, WaitTimeoutResult(!notified)))
    }

    /// Waits until `condition` is false, but not longer than `dur`.
    ///
    /// The time counts as up only if the condition is still true.
    ///
    /// # Parks
    ///
    /// As [`Condvar::wait_timeout`], unless the condition is false at once.
    ///
    /// # Errors
    ///
    /// As [`Condvar::wait`].
    pub fn wait_timeout_while<'a, T, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        dur: Duration,
        mut condition: F,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)>
    where
        F: FnMut(&mut T) -> bool,
    {
        let deadline = clock::after(dur);
        loop {
            if !condition(&mut *guard) {
                return Ok((guard, WaitTimeoutResult(false)));
            }
            if deadline.is_some_and(|at| clock::now() >= at) {
                return Ok((guard, WaitTimeoutResult(true)));
            }
            let notified = self.wait_until(&guard, deadline);
            if guard.lock.poison.get() {
                return guard.lock.poison.check((guard, WaitTimeoutResult(!notified)));
            }
        }
    }

    /// `false` if the deadline came first. The guard's mutex is unlocked meanwhile.
    fn wait_until<T: ?Sized>(&self, guard: &MutexGuard<'_, T>, deadline: Option<Instant>) -> bool {
        let raw = &guard.lock.raw;
        let queue = self.queue.lock();
        self.waited_for.store(1, Relaxed);
        let relock = Relock { raw, unlocked: Cell::new(false) };
        let unlock = || {
            relock.unlocked.set(true);
            raw.unlock();
        };
        let notified = self.queue.wait_with(queue, (), Reason::Condvar, deadline, unlock, |_| ());
        notified.is_some()
    }

    /// Wakes the one that has waited longest.
    ///
    /// Nothing happens if nobody waits. The mutex may be locked or not.
    #[inline]
    pub fn notify_one(&self) {
        if self.waited_for.load(Relaxed) != 0 {
            self.wake_one();
        }
    }

    #[cold]
    fn wake_one(&self) {
        let mut queue = self.queue.lock();
        let wake = queue.claim_first(|()| ());
        if queue.is_empty() {
            self.waited_for.store(0, Relaxed);
        }
        drop(queue);
        if let Some(wake) = wake {
            wake.give();
        }
    }

    /// Wakes all that wait.
    #[inline]
    pub fn notify_all(&self) {
        if self.waited_for.load(Relaxed) != 0 {
            self.wake_all();
        }
    }

    #[cold]
    fn wake_all(&self) {
        let mut queue = self.queue.lock();
        let wakes = queue.claim_all(|()| ());
        self.waited_for.store(0, Relaxed);
        drop(queue);
        wakes.give();
    }
}

impl Default for Condvar {
    fn default() -> Condvar {
        Condvar::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}
