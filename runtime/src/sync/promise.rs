//! A value that is set later, once.

use std::cell::UnsafeCell;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::arm::{Grant, QueueArm, Queued};
use super::future::DeferredFuture;
use crate::loom::AtomicU32;
use crate::park;
use crate::task::{Described, Legible, Plain, Reason, Words};
use crate::waiters::{Locked, Queue, Selectable};

const PENDING: u32 = 0;
const SET: u32 = 1;
const ABANDONED: u32 = 2;

/// The right to set a value, once; from [`promise`].
///
/// A promise that is dropped without setting its value is abandoned, and those who wait are told.
pub struct Promise<T> {
    shared: Arc<Promised<T>>,
}

/// A value that comes later; from [`promise`]. Many tasks and threads may wait for it and read it,
/// through clones or by reference, now and later.
pub struct Deferred<T> {
    shared: Arc<Promised<T>>,
}

struct Promised<T> {
    state: AtomicU32,
    /// The value, which the promise writes, and others read once the state is SET.
    value: UnsafeCell<Option<T>>,
    queue: Queue<Grant>,
}

// SAFETY: the value moves from the promise to whoever reads or drops it, so it has to be `Send`. It
// is shared by those who hold a `Deferred`, and they are on other threads only if `T` is `Sync`.
unsafe impl<T: Send + Sync> Send for Promised<T> {}
// SAFETY: the value may be dropped on another thread, so it has to be `Send`, and is read by
// several at once, so it has to be `Sync`.
unsafe impl<T: Send + Sync> Sync for Promised<T> {}
// SAFETY: a promise gives out no reference to the value. Where `T` is not `Sync`, all who read the
// value are on one thread, and the value moves there, which `T: Send` allows.
unsafe impl<T: Send> Send for Promise<T> {}
// SAFETY: nothing can be done with a shared promise: `set` takes it by value.
unsafe impl<T: Send> Sync for Promise<T> {}

impl<T> UnwindSafe for Promise<T> {}
impl<T> RefUnwindSafe for Promise<T> {}
impl<T: RefUnwindSafe> UnwindSafe for Deferred<T> {}
impl<T: RefUnwindSafe> RefUnwindSafe for Deferred<T> {}

/// The promise was dropped without having been set, so the value will never come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AbandonedPromise;

/// A value that is set once, by the [`Promise`], and read by many, through the [`Deferred`].
///
/// # Examples
///
/// ```
/// use gocoro::sync::{AbandonedPromise, promise};
///
/// let (promise, answer) = promise();
/// let readers: Vec<_> = (0..3)
///     .map(|_| {
///         let answer = answer.clone();
///         gocoro::go!({ *answer.wait().unwrap() })
///     })
///     .collect();
/// assert_eq!(answer.get(), None);
/// promise.set(42);
/// assert!(readers.into_iter().all(|reader| reader.wait() == 42));
/// assert_eq!(answer.get(), Some(&42));
///
/// let (promise, answer) = gocoro::sync::promise::<i32>();
/// drop(promise);
/// assert_eq!(answer.wait(), Err(AbandonedPromise));
/// ```
#[must_use]
pub fn promise<T>() -> (Promise<T>, Deferred<T>) {
    let shared = Arc::new(Promised {
        state: AtomicU32::new(PENDING),
        value: UnsafeCell::new(None),
        queue: Queue::new(),
    });
    (Promise { shared: shared.clone() }, Deferred { shared })
}

impl<T> Promise<T> {
    /// Sets the value, and wakes all who wait for it.
    pub fn set(self, value: T) {
        // SAFETY: there is one promise, which this call uses up, and nobody reads the value before
        // SET.
        unsafe { *self.shared.value.get() = Some(value) };
        self.shared.settle(SET);
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if self.shared.state.load(Relaxed) == PENDING {
            self.shared.settle(ABANDONED);
        }
    }
}

impl<T> Promised<T> {
    fn settle(&self, state: u32) {
        let mut queue = self.queue.lock();
        self.state.store(state, Release);
        let wakes = queue.claim_all(|_| ());
        drop(queue);
        wakes.give();
    }

    /// What has become of the promise. `None`: nothing yet.
    fn settled(&self) -> Option<Result<&T, AbandonedPromise>> {
        match self.state.load(Acquire) {
            PENDING => None,
            // SAFETY: once the state is SET, the value is only read.
            SET => Some(unsafe { (*self.value.get()).as_ref() }.ok_or(AbandonedPromise)),
            _ => Some(Err(AbandonedPromise)),
        }
    }

    #[cold]
    fn wait(&self) {
        let queue = self.queue.lock();
        if self.state.load(Acquire) == PENDING {
            self.queue.wait(queue, Grant::Granted, Reason::Promise.on(self), None);
        }
    }
}

impl<'a, T> Queued<'a, Result<&'a T, AbandonedPromise>> for Promised<T> {
    fn queue(&self) -> &Queue<Grant> {
        &self.queue
    }

    fn attempt(&'a self) -> Option<Result<&'a T, AbandonedPromise>> {
        self.settled()
    }

    fn is_ready(&self, _queue: &Locked<'_, Grant>) -> bool {
        self.state.load(Acquire) != PENDING
    }

    fn announce(&self, queue: &Locked<'_, Grant>) -> bool {
        !self.is_ready(queue)
    }

    fn granted(&'a self, _: Grant) -> Result<&'a T, AbandonedPromise> {
        self.settled().expect("it is settled before those who wait are told")
    }

    fn undo(&self, _: Grant) {}
}

impl<T> crate::waiters::Sealed for &Deferred<T> {}

/// In `select!`, `wait(&deferred)` gives what [`Deferred::wait`] returns.
impl<'a, T> Selectable for &'a Deferred<T> {
    type Output = Result<&'a T, AbandonedPromise>;
    type Arm = QueueArm<'a, Result<&'a T, AbandonedPromise>>;

    fn arm(self) -> QueueArm<'a, Result<&'a T, AbandonedPromise>> {
        QueueArm::new(&*self.shared)
    }
}

impl<T> Deferred<T> {
    /// Waits for the value.
    ///
    /// # Parks
    ///
    /// Until the promise is set or dropped. On a plain thread it blocks the thread. A cancel point.
    ///
    /// # Errors
    ///
    /// [`AbandonedPromise`] if the promise was dropped without having been set.
    pub fn wait(&self) -> Result<&T, AbandonedPromise> {
        park::spent();
        loop {
            if let Some(settled) = self.shared.settled() {
                return settled;
            }
            self.shared.wait();
        }
    }

    /// A future of the value, as [`Deferred::wait`] waits for it, for any executor. `.await` of a
    /// reference is the same: `(&deferred).await`.
    ///
    /// # Errors
    ///
    /// The future's output is an error if the promise was dropped without having been set.
    ///
    /// # Examples
    ///
    /// ```
    /// let (promise, answer) = gocoro::sync::promise();
    /// gocoro::go!({ promise.set(42) });
    /// gocoro::future::wait(async {
    ///     assert_eq!(answer.wait_async().await, Ok(&42));
    ///     assert_eq!((&answer).await, Ok(&42));
    /// });
    /// ```
    pub fn wait_async(&self) -> DeferredFuture<'_, T> {
        DeferredFuture::new(self)
    }

    /// The value, if it has come.
    pub fn get(&self) -> Option<&T> {
        park::looked();
        self.shared.settled()?.ok()
    }

    /// Whether the promise was dropped without having been set.
    pub fn is_abandoned(&self) -> bool {
        park::looked();
        matches!(self.shared.settled(), Some(Err(AbandonedPromise)))
    }
}

impl<T> Clone for Deferred<T> {
    fn clone(&self) -> Deferred<T> {
        Deferred { shared: self.shared.clone() }
    }
}

impl fmt::Display for AbandonedPromise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the promise was dropped before it was set")
    }
}

impl std::error::Error for AbandonedPromise {}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").finish_non_exhaustive()
    }
}

impl<T: fmt::Debug> fmt::Debug for Deferred<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_tuple("Deferred");
        match self.shared.settled() {
            None => text.field(&format_args!("<pending>")),
            Some(Err(AbandonedPromise)) => text.field(&format_args!("<abandoned>")),
            Some(Ok(value)) => text.field(value),
        };
        text.finish()
    }
}

impl<T> Legible for Promised<T> {
    const PLAIN: Plain = Plain::of("promise").address();
}

impl<T> Described for Promised<T> {
    fn in_words(&self, _: Reason, words: &mut Words) {
        words.at("promise", self);
    }
}
