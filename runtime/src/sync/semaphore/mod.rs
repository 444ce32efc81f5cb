//! Permits that are lent out and come back.

mod error;
mod permit;

use std::fmt;
use std::mem::offset_of;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::arm::{Grant, QueueArm, Queued};
use crate::loom::{AtomicUsize, const_fn};
use crate::park;
use crate::task::{Described, Legible, Plain, Reason, Words};
use crate::waiters::{Locked, Queue, Selectable, Wakes};

pub use self::error::{AcquireError, TryAcquireError};
pub use self::permit::{OwnedPermit, Permit};

const CLOSED: usize = 1 << 0;
/// Set while somebody may be in the queue. Then permits change only under the queue's lock, and the
/// free ones are too few for the oldest waiter.
const WAITERS: usize = 1 << 1;
const PERMIT: usize = 1 << 2;

/// A number of permits, which bounds how many tasks and threads do something at once.
///
/// First come, first served, even for somebody who asks for many permits: they are saved up as they
/// become free, while those who came later wait behind. A [`Permit`] gives itself back when it is
/// dropped.
///
/// # Examples
///
/// ```
/// use gocoro::sync::{Arc, Semaphore};
///
/// let slots = Arc::new(Semaphore::new(2));
/// let jobs: Vec<_> = (0..6)
///     .map(|n| {
///         let slots = slots.clone();
///         gocoro::go!({
///             let _slot = slots.acquire().unwrap();
///             gocoro::task::yield_now(); // two of them at most are here
///             n
///         })
///     })
///     .collect();
/// assert_eq!(jobs.into_iter().map(|job| job.wait()).sum::<i32>(), 15);
/// assert_eq!(slots.available_permits(), 2);
/// ```
pub struct Semaphore {
    word: AtomicUsize,
    /// Those who wait for permits. Each carries how many it asks for, then what it is granted.
    queue: Queue<Grant>,
}

impl Semaphore {
    /// The largest number of permits that a semaphore can have.
    pub const MAX_PERMITS: usize = usize::MAX / PERMIT;

    const_fn! {
        /// Makes a semaphore with `permits` permits.
        ///
        /// # Panics
        ///
        /// If `permits` is more than [`Semaphore::MAX_PERMITS`].
        #[must_use]
        pub fn new(permits: usize) -> Semaphore {
            assert!(permits <= Semaphore::MAX_PERMITS, "more permits than a semaphore can have");
            Semaphore { word: AtomicUsize::new(permits * PERMIT), queue: Queue::new() }
        }
    }

    /// Takes a permit, waiting until one is free.
    ///
    /// # Parks
    ///
    /// While no permit is free, or others wait. On a plain thread it blocks the thread. A cancel
    /// point.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] if the semaphore is closed, or is closed meanwhile.
    pub fn acquire(&self) -> Result<Permit<'_>, AcquireError> {
        self.acquire_many(1)
    }

    /// Takes `n` permits at once, waiting until so many are free.
    ///
    /// # Parks
    ///
    /// As [`Semaphore::acquire`]. Permits that become free meanwhile are saved for the oldest
    /// waiter, so those that ask for one permit do not starve those that ask for many. A wait for
    /// more permits than there are lasts until more are added.
    ///
    /// # Errors
    ///
    /// As [`Semaphore::acquire`].
    ///
    /// # Panics
    ///
    /// If `n` is more than [`Semaphore::MAX_PERMITS`].
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::sync::Semaphore;
    ///
    /// // Readers take one, whoever wants it alone takes all.
    /// let slots = Semaphore::new(3);
    /// let reading = slots.acquire()?;
    /// assert!(slots.try_acquire_many(3).is_err());
    /// drop(reading);
    /// let alone = slots.acquire_many(3)?;
    /// assert_eq!((alone.num_permits(), slots.available_permits()), (3, 0));
    /// # Ok::<(), gocoro::sync::AcquireError>(())
    /// ```
    pub fn acquire_many(&self, n: usize) -> Result<Permit<'_>, AcquireError> {
        self.take(n)?;
        Ok(Permit { semaphore: self, count: n })
    }

    /// Takes a permit if one is free.
    ///
    /// # Parks
    ///
    /// Never for the permit. As every operation that does not wait, it lets others run once in a
    /// while.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError::NoPermits`] if [`Semaphore::acquire`] would wait,
    /// [`TryAcquireError::Closed`] if the semaphore is closed.
    pub fn try_acquire(&self) -> Result<Permit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits at once if so many are free.
    ///
    /// # Parks
    ///
    /// As [`Semaphore::try_acquire`].
    ///
    /// # Errors
    ///
    /// [`TryAcquireError::NoPermits`] if [`Semaphore::acquire_many`] would wait,
    /// [`TryAcquireError::Closed`] if the semaphore is closed.
    ///
    /// # Panics
    ///
    /// If `n` is more than [`Semaphore::MAX_PERMITS`].
    pub fn try_acquire_many(&self, n: usize) -> Result<Permit<'_>, TryAcquireError> {
        park::spent();
        self.try_take(n)?;
        Ok(Permit { semaphore: self, count: n })
    }

    /// Takes a permit as [`Semaphore::acquire`] does. The permit may outlive the borrow of the
    /// semaphore.
    ///
    /// # Parks
    ///
    /// As [`Semaphore::acquire`].
    ///
    /// # Errors
    ///
    /// As [`Semaphore::acquire`].
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::sync::{Arc, Semaphore};
    ///
    /// let slots = Arc::new(Semaphore::new(1));
    /// let slot = slots.acquire_owned().unwrap();
    /// gocoro::go!({ drop(slot) }).wait();
    /// assert_eq!(slots.available_permits(), 1);
    /// ```
    pub fn acquire_owned(self: &Arc<Self>) -> Result<OwnedPermit, AcquireError> {
        self.acquire_many_owned(1)
    }

    /// Takes `n` permits as [`Semaphore::acquire_many`] does. They may outlive the borrow of the
    /// semaphore.
    ///
    /// # Parks
    ///
    /// As [`Semaphore::acquire_many`].
    ///
    /// # Errors
    ///
    /// As [`Semaphore::acquire`].
    ///
    /// # Panics
    ///
    /// If `n` is more than [`Semaphore::MAX_PERMITS`].
    pub fn acquire_many_owned(self: &Arc<Self>, n: usize) -> Result<OwnedPermit, AcquireError> {
        self.take(n)?;
        Ok(OwnedPermit { semaphore: self.clone(), count: n })
    }

    /// Takes a permit as [`Semaphore::try_acquire`] does. The permit may outlive the borrow of the
    /// semaphore.
    ///
    /// # Parks
    ///
    /// As [`Semaphore::try_acquire`].
    ///
    /// # Errors
    ///
    /// As [`Semaphore::try_acquire`].
    pub fn try_acquire_owned(self: &Arc<Self>) -> Result<OwnedPermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// Takes `n` permits as [`Semaphore::try_acquire_many`] does. They may outlive the borrow of
    /// the semaphore.
    ///
    /// # Parks
    ///
    /// As [`Semaphore::try_acquire`].
    ///
    /// # Errors
    ///
    /// As [`Semaphore::try_acquire_many`].
    ///
    /// # Panics
    ///
    /// If `n` is more than [`Semaphore::MAX_PERMITS`].
    pub fn try_acquire_many_owned(
        self: &Arc<Self>,
        n: usize,
    ) -> Result<OwnedPermit, TryAcquireError> {
        park::spent();
        self.try_take(n)?;
        Ok(OwnedPermit { semaphore: self.clone(), count: n })
    }

    /// Adds `n` permits, which first go to those who wait.
    ///
    /// # Panics
    ///
    /// If the semaphore would have more than [`Semaphore::MAX_PERMITS`].
    pub fn add_permits(&self, n: usize) {
        self.give(n);
    }

    /// Closes the semaphore: those who wait, and those who come later, get [`AcquireError`].
    /// Permits that are lent out stay good.
    pub fn close(&self) {
        let mut queue = self.queue.lock();
        self.word.fetch_or(CLOSED, Release);
        let wakes = queue.claim_all(|grant| *grant = Grant::Closed);
        self.word.fetch_and(!WAITERS, Release);
        drop(queue);
        wakes.give();
    }

    /// Whether the semaphore is closed.
    pub fn is_closed(&self) -> bool {
        park::looked();
        self.word.load(Acquire) & CLOSED != 0
    }

    /// How many permits are free now, with those being saved for somebody who waits for many.
    pub fn available_permits(&self) -> usize {
        park::looked();
        self.word.load(Acquire) / PERMIT
    }

    #[inline]
    fn take(&self, n: usize) -> Result<(), AcquireError> {
        park::spent();
        match self.try_take(n) {
            Ok(()) => Ok(()),
            Err(TryAcquireError::Closed) => Err(AcquireError),
            Err(TryAcquireError::NoPermits) => self.wait(n),
        }
    }

    /// Takes `n` permits at once. If anybody waits, only `n == 0` is had at once.
    #[inline]
    fn try_take(&self, n: usize) -> Result<(), TryAcquireError> {
        assert!(n <= Semaphore::MAX_PERMITS, "more permits than a semaphore can have");
        let mut word = self.word.load(Relaxed);
        loop {
            if word & CLOSED != 0 {
                return Err(TryAcquireError::Closed);
            }
            if !has(word, n) {
                return Err(TryAcquireError::NoPermits);
            }
            match self.word.compare_exchange_weak(word, word - n * PERMIT, Acquire, Relaxed) {
                Ok(_) => return Ok(()),
                Err(seen) => word = seen,
            }
        }
    }

    #[cold]
    fn wait(&self, n: usize) -> Result<(), AcquireError> {
        let queue = loop {
            let queue = self.queue.lock();
            if self.announce_wait(n) {
                break queue;
            }
            drop(queue);
            match self.try_take(n) {
                Ok(()) => return Ok(()),
                Err(TryAcquireError::Closed) => return Err(AcquireError),
                Err(TryAcquireError::NoPermits) => {}
            }
        };
        let asked = if n == 1 { Grant::Granted } else { Grant::Many(n) };
        // Permits that were saved for a waiter who leaves may be enough for those behind it.
        let leave = |mut queue: Locked<'_, Grant>| {
            let wakes = self.serve(&mut queue);
            drop(queue);
            wakes.give();
        };
        let wait = Wait { semaphore: self, wanted: n };
        let wanted = Reason::Semaphore.on(&wait);
        let granted = self.queue.wait_with(queue, asked, wanted, None, || (), leave);
        if granted == Some(Grant::Closed) { Err(AcquireError) } else { Ok(()) }
    }

    /// Notes, with the queue locked, that somebody is going to wait for `n` permits. `false`: they
    /// can be had at once, or the semaphore is closed.
    fn announce_wait(&self, n: usize) -> bool {
        let mut word = self.word.load(Relaxed);
        while word & CLOSED == 0 && !has(word, n) {
            match self.word.compare_exchange_weak(word, word | WAITERS, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(seen) => word = seen,
            }
        }
        false
    }

    #[inline]
    fn give(&self, n: usize) {
        if n == 0 {
            return;
        }
        let mut word = self.word.load(Relaxed);
        while word & WAITERS == 0 {
            let Some(next) = with_more(word, n) else { too_many() };
            match self.word.compare_exchange_weak(word, next, Release, Relaxed) {
                Ok(_) => return,
                Err(seen) => word = seen,
            }
        }
        self.hand_over(n);
    }

    #[cold]
    fn hand_over(&self, n: usize) {
        let mut queue = self.queue.lock();
        // The last waiter may have left meanwhile. Then others change the word without the lock, so
        // a compare-exchange is needed.
        let mut word = self.word.load(Relaxed);
        loop {
            let Some(next) = with_more(word, n) else {
                // The panic hook is the program's code, which does not run under the lock.
                drop(queue);
                too_many();
            };
            match self.word.compare_exchange_weak(word, next, AcqRel, Relaxed) {
                Ok(_) => break,
                Err(seen) => word = seen,
            }
        }
        let wakes = self.serve(&mut queue);
        drop(queue);
        wakes.give();
    }

    /// Grants free permits to the waiters, oldest first, until they are too few for the first one.
    fn serve(&self, queue: &mut Locked<'_, Grant>) -> Wakes {
        let mut wakes = Wakes::default();
        let mut word = self.word.load(Acquire);
        while word & WAITERS != 0 {
            let mut asked = 0;
            let wake = queue.claim_first_if(|grant| {
                asked = grant.count();
                asked <= word / PERMIT
            });
            let Some(wake) = wake else { break };
            wakes.push(wake);
            word = self.word.fetch_sub(asked * PERMIT, AcqRel) - asked * PERMIT;
        }
        if queue.is_empty() {
            self.word.fetch_and(!WAITERS, Release);
        }
        wakes
    }
}

/// The word with `n` more free permits; `None`: more than a semaphore can have.
fn with_more(word: usize, n: usize) -> Option<usize> {
    (n <= Semaphore::MAX_PERMITS - word / PERMIT).then(|| word + n * PERMIT)
}

#[cold]
fn too_many() -> ! {
    panic!("add_permits: more permits than a semaphore can have");
}

impl<'a> Queued<'a, Result<Permit<'a>, AcquireError>> for Semaphore {
    fn queue(&self) -> &Queue<Grant> {
        &self.queue
    }

    fn attempt(&'a self) -> Option<Result<Permit<'a>, AcquireError>> {
        match self.try_take(1) {
            Ok(()) => Some(self.granted(Grant::Granted)),
            Err(TryAcquireError::Closed) => Some(Err(AcquireError)),
            Err(TryAcquireError::NoPermits) => None,
        }
    }

    fn is_ready(&self, _queue: &Locked<'_, Grant>) -> bool {
        let word = self.word.load(Acquire);
        word & CLOSED != 0 || has(word, 1)
    }

    fn announce(&self, _queue: &Locked<'_, Grant>) -> bool {
        self.announce_wait(1)
    }

    fn granted(&'a self, grant: Grant) -> Result<Permit<'a>, AcquireError> {
        match grant {
            Grant::Closed => Err(AcquireError),
            _ => Ok(Permit { semaphore: self, count: grant.count() }),
        }
    }

    fn undo(&self, grant: Grant) {
        self.give(grant.count());
    }
}

/// Whether `n` permits can be had at once.
#[inline]
fn has(word: usize, n: usize) -> bool {
    n == 0 || word & WAITERS == 0 && word >= n * PERMIT
}

impl crate::waiters::Sealed for &Semaphore {}

/// In `select!`, `wait(&semaphore)` gives what [`Semaphore::acquire`] returns.
impl<'a> Selectable for &'a Semaphore {
    type Output = Result<Permit<'a>, AcquireError>;
    type Arm = QueueArm<'a, Result<Permit<'a>, AcquireError>>;

    fn arm(self) -> QueueArm<'a, Result<Permit<'a>, AcquireError>> {
        QueueArm::new(self)
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available_permits", &(self.word.load(Relaxed) / PERMIT))
            .field("closed", &(self.word.load(Relaxed) & CLOSED != 0))
            .finish_non_exhaustive()
    }
}

/// A wait for permits, as what a task waits for.
struct Wait<'a> {
    semaphore: &'a Semaphore,
    wanted: usize,
}

impl Legible for Wait<'_> {
    const PLAIN: Plain = Plain::of("semaphore").through(offset_of!(Wait<'_>, semaphore)).address();
}

impl Described for Wait<'_> {
    fn in_words(&self, _: Reason, words: &mut Words) {
        let there = self.semaphore.word.load(Relaxed) / PERMIT;
        words.at("semaphore", self.semaphore);
        words.say(format_args!(" ({} wanted, {there} there)", self.wanted));
    }
}

impl Legible for Semaphore {
    const PLAIN: Plain = Plain::of("semaphore").address();
}

impl Described for Semaphore {
    fn in_words(&self, reason: Reason, words: &mut Words) {
        Wait { semaphore: self, wanted: 1 }.in_words(reason, words);
    }
}
