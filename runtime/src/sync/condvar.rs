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
use crate::task::{Described, Legible, Plain, Reason, Words};
use crate::waiters::Queue;

/// Waits until a condition holds for what a [`Mutex`](super::Mutex) guards; as
/// [`std::sync::Condvar`].
///
/// Waiters are woken in the order in which they came, and never for no reason. All the same,
/// somebody else may be first to lock the mutex. So look at the condition again, or use
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
    /// Not zero while anybody may be in the queue. It is set under the mutex, so whoever changes
    /// the condition under the mutex sees all who waited for it before.
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

/// Locks the mutex again when a wait ends, even by an unwinding.
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
        /// Makes a condvar that nobody waits for.
        #[must_use]
        pub fn new() -> Condvar {
            Condvar { waited_for: AtomicU32::new(0), queue: Queue::new() }
        }
    }

    /// Unlocks the mutex and waits for a notification, then locks the mutex again.
    ///
    /// No notification that comes after the mutex was unlocked is lost.
    ///
    /// # Parks
    ///
    /// Always. On a plain thread it blocks the thread. Waiting for the notification is a cancel
    /// point: the mutex is locked again, with a wait for it if need be, before the unwinding drops
    /// the guard. The wait for the mutex after a notification cannot be cut short.
    ///
    /// # Errors
    ///
    /// The guard all the same, in a `PoisonError`, if the mutex was poisoned when it was locked
    /// again.
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

    /// Waits until `condition` is false, and looks at it after each notification.
    ///
    /// # Parks
    ///
    /// As [`Condvar::wait`], unless `condition` is false at once.
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

    /// Unlocks the mutex and waits for a notification, but not longer than `dur`, then locks the
    /// mutex again.
    ///
    /// # Parks
    ///
    /// As [`Condvar::wait`]. Locking the mutex again may take longer than `dur`.
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

    /// Waits as [`wait_timeout`](Self::wait_timeout), for so many milliseconds, and says whether it
    /// was notified.
    ///
    /// # Parks
    ///
    /// As [`Condvar::wait_timeout`].
    ///
    /// # Errors
    ///
    /// As [`Condvar::wait`].
    #[deprecated(note = "replaced by `Condvar::wait_timeout`")]
    pub fn wait_timeout_ms<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        ms: u32,
    ) -> LockResult<(MutexGuard<'a, T>, bool)> {
        let notified = self.wait_until(&guard, clock::after(Duration::from_millis(ms.into())));
        guard.lock.poison.check((guard, notified))
    }

    /// Waits until `condition` is false, but not longer than `dur`.
    ///
    /// The result says that the time was up only if `condition` is still true.
    ///
    /// # Parks
    ///
    /// As [`Condvar::wait_timeout`], unless `condition` is false at once.
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

    /// Waits for a notification, with the guard's mutex unlocked meanwhile. `false`: the deadline
    /// came first.
    fn wait_until<T: ?Sized>(&self, guard: &MutexGuard<'_, T>, deadline: Option<Instant>) -> bool {
        let raw = &guard.lock.raw;
        let queue = self.queue.lock();
        self.waited_for.store(1, Relaxed);
        let relock = Relock { raw, unlocked: Cell::new(false) };
        let unlock = || {
            relock.unlocked.set(true);
            raw.unlock();
        };
        let notified =
            self.queue.wait_with(queue, (), Reason::Condvar.on(self), deadline, unlock, |_| ());
        notified.is_some()
    }

    /// Wakes the waiter that has waited longest.
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

    /// Wakes all waiters.
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

impl Legible for Condvar {
    const PLAIN: Plain = Plain::of("condvar").address();
}

impl Described for Condvar {
    fn in_words(&self, _: Reason, words: &mut Words) {
        words.at("condvar", self);
    }
}
