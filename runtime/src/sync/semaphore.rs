//! Permits that are lent out.

use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::arm::{Grant, QueueArm, Queued};
use super::queue::{Locked, Queue, Wakes};
use crate::loom::{AtomicUsize, const_fn};
use crate::park;
use crate::task::Reason;
use crate::waiters::Selectable;

const CLOSED: usize = 1 << 0;
/// Somebody may be in the queue, and no permit is free.
const WAITERS: usize = 1 << 1;
const PERMIT: usize = 1 << 2;

/// A number of permits, which bounds how many tasks and threads do something at once.
///
/// First come, first served. A [`Permit`] gives itself back when it is dropped.
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
    /// Each carries what it is granted.
    queue: Queue<Grant>,
}

/// A permit of a [`Semaphore`], which is given back when this is dropped.
#[must_use = "if unused the permit is given back at once"]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
}

/// As a [`Permit`], one that keeps its semaphore alive; from [`Semaphore::acquire_owned`].
#[must_use = "if unused the permit is given back at once"]
pub struct OwnedPermit {
    semaphore: Arc<Semaphore>,
    forgotten: bool,
}

/// The semaphore is closed: it lends no more permits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Closed;

/// Why [`Semaphore::try_acquire`] got no permit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TryAcquireError {
    /// None is free now.
    NoPermits,
    /// The semaphore is closed.
    Closed,
}

impl Semaphore {
    /// As many permits as a semaphore can have.
    pub const MAX_PERMITS: usize = usize::MAX / PERMIT;

    const_fn! {
        /// A semaphore with so many permits.
        ///
        /// # Panics
        ///
        /// If they are more than [`Semaphore::MAX_PERMITS`].
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
    /// While none is free, or others wait. On a plain thread it blocks the thread. A cancel point.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the semaphore is closed, or becomes so meanwhile.
    pub fn acquire(&self) -> Result<Permit<'_>, Closed> {
        self.take()?;
        Ok(Permit { semaphore: self })
    }

    /// Takes a permit if one is free.
    ///
    /// # Parks
    ///
    /// Never for the permit; only, as every operation that does not wait, to let others run once in a
    /// while.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError::NoPermits`] if [`Semaphore::acquire`] would wait, [`TryAcquireError::Closed`]
    /// if the semaphore is closed.
    pub fn try_acquire(&self) -> Result<Permit<'_>, TryAcquireError> {
        park::spent();
        self.try_take()?;
        Ok(Permit { semaphore: self })
    }

    /// As [`Semaphore::acquire`], a permit that may outlive the borrow of the semaphore.
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
    pub fn acquire_owned(self: &Arc<Self>) -> Result<OwnedPermit, Closed> {
        self.take()?;
        Ok(OwnedPermit { semaphore: self.clone(), forgotten: false })
    }

    /// As [`Semaphore::try_acquire`], a permit that may outlive the borrow of the semaphore.
    ///
    /// # Parks
    ///
    /// As [`Semaphore::try_acquire`].
    ///
    /// # Errors
    ///
    /// As [`Semaphore::try_acquire`].
    pub fn try_acquire_owned(self: &Arc<Self>) -> Result<OwnedPermit, TryAcquireError> {
        park::spent();
        self.try_take()?;
        Ok(OwnedPermit { semaphore: self.clone(), forgotten: false })
    }

    /// Adds permits, which go to those who wait first.
    ///
    /// # Panics
    ///
    /// If there would be more than [`Semaphore::MAX_PERMITS`].
    pub fn add_permits(&self, n: usize) {
        park::looked();
        if n > 0 {
            self.give(n);
        }
    }

    /// Lends no more permits: those who wait, and who come, get [`Closed`]. Permits that are out stay
    /// good.
    pub fn close(&self) {
        park::looked();
        let mut queue = self.queue.lock();
        self.word.fetch_or(CLOSED, Release);
        let wakes = queue.claim_all(|grant| *grant = Grant::Closed);
        self.word.fetch_and(!WAITERS, Release);
        drop(queue);
        wakes.give();
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        park::looked();
        self.word.load(Acquire) & CLOSED != 0
    }

    /// How many permits are free now.
    pub fn available_permits(&self) -> usize {
        park::looked();
        self.word.load(Acquire) / PERMIT
    }

    #[inline]
    fn take(&self) -> Result<(), Closed> {
        park::spent();
        match self.try_take() {
            Ok(()) => Ok(()),
            Err(TryAcquireError::Closed) => Err(Closed),
            Err(TryAcquireError::NoPermits) => self.wait(),
        }
    }

    #[inline]
    fn try_take(&self) -> Result<(), TryAcquireError> {
        let mut word = self.word.load(Relaxed);
        loop {
            if word & CLOSED != 0 {
                return Err(TryAcquireError::Closed);
            }
            if word & WAITERS != 0 || word < PERMIT {
                return Err(TryAcquireError::NoPermits);
            }
            match self.word.compare_exchange_weak(word, word - PERMIT, Acquire, Relaxed) {
                Ok(_) => return Ok(()),
                Err(seen) => word = seen,
            }
        }
    }

    #[cold]
    fn wait(&self) -> Result<(), Closed> {
        let queue = loop {
            let queue = self.queue.lock();
            if self.announce(&queue) {
                break queue;
            }
            drop(queue);
            match self.try_take() {
                Ok(()) => return Ok(()),
                Err(TryAcquireError::Closed) => return Err(Closed),
                Err(TryAcquireError::NoPermits) => {}
            }
        };
        let granted = self.queue.wait(queue, Grant::Had, Reason::Semaphore, None);
        if granted == Some(Grant::Closed) { Err(Closed) } else { Ok(()) }
    }

    #[inline]
    fn give(&self, n: usize) {
        let mut word = self.word.load(Relaxed);
        while word & WAITERS == 0 {
            let next = word + self.more(word, n);
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
        let mut wakes = Wakes::default();
        let mut left = n;
        while left > 0
            && let Some(wake) = queue.claim_first(|_| ())
        {
            wakes.push(wake);
            left -= 1;
        }
        if queue.is_empty() {
            self.word.fetch_and(!WAITERS, Release);
        }
        drop(queue);
        wakes.give();
        if left > 0 {
            self.give(left);
        }
    }

    fn more(&self, word: usize, n: usize) -> usize {
        assert!(
            n <= Semaphore::MAX_PERMITS - word / PERMIT,
            "add_permits: more permits than a semaphore can have"
        );
        n * PERMIT
    }
}

impl<'a> Queued<'a, Result<Permit<'a>, Closed>> for Semaphore {
    fn queue(&self) -> &Queue<Grant> {
        &self.queue
    }

    fn attempt(&'a self) -> Option<Result<Permit<'a>, Closed>> {
        match self.try_take() {
            Ok(()) => Some(self.granted(Grant::Had)),
            Err(TryAcquireError::Closed) => Some(Err(Closed)),
            Err(TryAcquireError::NoPermits) => None,
        }
    }

    fn is_ready(&self) -> bool {
        let word = self.word.load(Acquire);
        word & CLOSED != 0 || word & WAITERS == 0 && word >= PERMIT
    }

    fn announce(&self, _queue: &Locked<'_, Grant>) -> bool {
        let mut word = self.word.load(Relaxed);
        while word & CLOSED == 0 && (word & WAITERS != 0 || word < PERMIT) {
            match self.word.compare_exchange_weak(word, word | WAITERS, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(seen) => word = seen,
            }
        }
        false
    }

    fn granted(&'a self, grant: Grant) -> Result<Permit<'a>, Closed> {
        match grant {
            Grant::Had => Ok(Permit { semaphore: self }),
            Grant::Closed => Err(Closed),
        }
    }

    fn undo(&self, grant: Grant) {
        if grant == Grant::Had {
            self.give(1);
        }
    }
}

/// In `select!`, `wait(&semaphore)` gives what [`Semaphore::acquire`] returns.
impl<'a> Selectable for &'a Semaphore {
    type Output = Result<Permit<'a>, Closed>;
    type Arm = QueueArm<'a, Result<Permit<'a>, Closed>>;

    fn arm(self) -> QueueArm<'a, Result<Permit<'a>, Closed>> {
        QueueArm::new(self)
    }
}

impl Permit<'_> {
    /// Takes the permit out of its semaphore for good.
    pub fn forget(self) {
        let _ = ManuallyDrop::new(self);
    }
}

impl OwnedPermit {
    /// Takes the permit out of its semaphore for good.
    pub fn forget(mut self) {
        self.forgotten = true;
    }

    /// The semaphore it is from.
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.semaphore.give(1);
    }
}

impl Drop for OwnedPermit {
    fn drop(&mut self) {
        if !self.forgotten {
            self.semaphore.give(1);
        }
    }
}

impl From<Closed> for TryAcquireError {
    fn from(Closed: Closed) -> TryAcquireError {
        TryAcquireError::Closed
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the semaphore is closed")
    }
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryAcquireError::NoPermits => f.write_str("no permit of the semaphore is free"),
            TryAcquireError::Closed => Closed.fmt(f),
        }
    }
}

impl std::error::Error for Closed {}
impl std::error::Error for TryAcquireError {}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available_permits", &self.available_permits())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("semaphore", self.semaphore).finish()
    }
}

impl fmt::Debug for OwnedPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").field("semaphore", &self.semaphore).finish()
    }
}
