//! Mutual exclusion.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{LockResult, TryLockError, TryLockResult};

use super::poison::{Before, Flag};
use super::raw_mutex::RawMutex;
use crate::loom::const_fn;
use crate::park;

/// Mutual exclusion between tasks and threads; as [`std::sync::Mutex`].
///
/// First come, first served: whoever unlocks it hands it to the one that has waited longest, and
/// nobody comes in between. A guard may be held across waits.
///
/// That it is locked twice is told by who locked it. A guard is not `Send`, but a local task of the same
/// worker can be given one, by `Scope::spawn_local`. Then the task that locked it panics if it locks it
/// again, though the other one would unlock it; and the other one would wait for itself.
///
/// A panic of the task or thread that holds it poisons it, as in std. A task that is cancelled, or
/// whose timeout expires, while it holds it does not: its guard unlocks like any other value drops.
///
/// # Examples
///
/// ```
/// use gocoro::sync::{Arc, Mutex};
/// use gocoro::task;
///
/// let total = Arc::new(Mutex::new(0));
/// let adders: Vec<_> = (1..=10)
///     .map(|n| {
///         let total = total.clone();
///         gocoro::go!({
///             let mut total = total.lock().unwrap();
///             let before = *total;
///             task::yield_now();
///             *total = before + n;
///         })
///     })
///     .collect();
/// adders.into_iter().for_each(|adder| adder.wait());
/// assert_eq!(*total.lock().unwrap(), 55);
/// ```
pub struct Mutex<T: ?Sized> {
    pub(super) raw: RawMutex,
    pub(super) poison: Flag,
    data: UnsafeCell<T>,
}

// SAFETY: the lock lets one task or thread at a time reach the data; it may be another each time, so
// the data has to be `Send`.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}
impl<T: ?Sized> UnwindSafe for Mutex<T> {}
impl<T: ?Sized> RefUnwindSafe for Mutex<T> {}

/// A locked [`Mutex`], which is unlocked when this is dropped; as [`std::sync::MutexGuard`].
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MutexGuard<'a, T: ?Sized> {
    pub(super) lock: &'a Mutex<T>,
    before: Before,
    _not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives out shared references to the data only.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<T> Mutex<T> {
    const_fn! {
        /// An unlocked mutex.
        #[inline]
        pub fn new(t: T) -> Mutex<T> {
            Mutex { raw: RawMutex::new(), poison: Flag::new(), data: UnsafeCell::new(t) }
        }
    }

    /// Takes the value out.
    ///
    /// # Errors
    ///
    /// The value all the same, in a `PoisonError`, if the mutex is poisoned.
    pub fn into_inner(self) -> LockResult<T> {
        let Mutex { poison, data, .. } = self;
        poison.check(data.into_inner())
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks it, waiting as long as another has it locked.
    ///
    /// # Parks
    ///
    /// While it is locked, or others wait for it. On a plain thread it blocks the thread. A cancel
    /// point.
    ///
    /// # Errors
    ///
    /// The guard all the same, in a `PoisonError`, if a holder panicked.
    ///
    /// # Panics
    ///
    /// If the task or thread locked it before and it is still locked, which could never end; the message
    /// names the task.
    ///
    /// # Examples
    ///
    /// ```
    /// let words = gocoro::sync::Mutex::new(vec!["a"]);
    /// words.lock().unwrap().push("b");
    /// assert_eq!(words.into_inner().unwrap(), ["a", "b"]);
    /// ```
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        self.raw.lock();
        self.guard()
    }

    /// Locks it if it is free.
    ///
    /// # Parks
    ///
    /// Never for the lock; only, as every operation that does not wait, to let others run once in a
    /// while.
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if it is locked, and [`TryLockError::Poisoned`] with the guard if a
    /// holder panicked.
    ///
    /// # Examples
    ///
    /// ```
    /// let mutex = gocoro::sync::Mutex::new(());
    /// let guard = mutex.try_lock().unwrap();
    /// assert!(mutex.try_lock().is_err());
    /// # drop(guard);
    /// ```
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        park::spent();
        self.try_now()
    }

    fn try_now(&self) -> TryLockResult<MutexGuard<'_, T>> {
        if self.raw.try_lock() { Ok(self.guard()?) } else { Err(TryLockError::WouldBlock) }
    }

    /// The guard of whoever has just locked it.
    #[inline(always)]
    fn guard(&self) -> LockResult<MutexGuard<'_, T>> {
        self.poison.check(MutexGuard { lock: self, before: Before::now(), _not_send: PhantomData })
    }

    /// Whether a holder panicked.
    #[inline]
    pub fn is_poisoned(&self) -> bool {
        park::looked();
        self.poison.get()
    }

    /// Takes the poison off, once what was damaged has been put right.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::sync::{Arc, Mutex};
    ///
    /// let mutex = Arc::new(Mutex::new(1));
    /// let theirs = mutex.clone();
    /// let _ = gocoro::go!({
    ///     let _guard = theirs.lock().unwrap();
    ///     panic!("while it is locked");
    /// })
    /// .join();
    ///
    /// let mut guard = mutex.lock().unwrap_or_else(|poisoned| {
    ///     mutex.clear_poison();
    ///     poisoned.into_inner()
    /// });
    /// *guard = 2;
    /// drop(guard);
    /// assert!(mutex.lock().is_ok());
    /// ```
    #[inline]
    pub fn clear_poison(&self) {
        self.poison.clear();
    }

    /// The value, which needs no lock, since the mutex is borrowed by nobody else.
    ///
    /// # Errors
    ///
    /// The value all the same, in a `PoisonError`, if the mutex is poisoned.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.poison.check(self.data.get_mut())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(t: T) -> Mutex<T> {
        Mutex::new(t)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Mutex");
        match self.try_now() {
            Ok(guard) => text.field("data", &&*guard),
            Err(TryLockError::Poisoned(poisoned)) => text.field("data", &&**poisoned.get_ref()),
            Err(TryLockError::WouldBlock) => text.field("data", &format_args!("<locked>")),
        };
        text.field("poisoned", &self.poison.get()).finish_non_exhaustive()
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: while the guard lives, the data is its holder's alone.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the guard is borrowed mutably.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.poison.guard_dropped(self.before);
        self.lock.raw.unlock();
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
