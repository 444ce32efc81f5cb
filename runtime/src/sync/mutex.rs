//! Mutual exclusion.

use std::cell::UnsafeCell;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};

use super::poison::{Before, Flag};
use super::raw_mutex::RawMutex;
use crate::loom::const_fn;
use crate::park;

/// Mutual exclusion between tasks and threads; as [`std::sync::Mutex`].
///
/// First come, first served: whoever unlocks the mutex hands it to the oldest waiter, and nobody
/// comes in between. A guard may be held across waits.
///
/// Whether the mutex is locked twice is judged by who locked it. A guard is not `Send`, but
/// `Scope::spawn_local` can give it to a local task of the same worker. Then the task that locked
/// the mutex panics if it locks it again, though the other task would unlock it. And if the other
/// task locks it, that task waits for itself.
///
/// A panic of the task or thread that holds the mutex poisons it, as in std. A holder that is
/// cancelled, or whose timeout expires, does not poison it: the guard unlocks like any other value
/// drops.
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

// SAFETY: the lock lets one task or thread at a time reach the data. It may be another thread each
// time, so the data has to be `Send`.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: through a shared mutex the data is reached by one thread at a time, so it has to be
// `Send`, and need not be `Sync`.
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

// SAFETY: a shared guard gives out shared references to the data only, which `T: Sync` allows.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<T> Mutex<T> {
    const_fn! {
        /// Makes an unlocked mutex.
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
    /// Locks the mutex, waiting while somebody else holds it.
    ///
    /// # Parks
    ///
    /// While the mutex is locked, or others wait for it. On a plain thread it blocks the thread. A
    /// cancel point.
    ///
    /// # Errors
    ///
    /// The guard all the same, in a `PoisonError`, if a holder panicked.
    ///
    /// # Panics
    ///
    /// If the calling task or thread has locked the mutex and it is still locked, for such a wait
    /// could never end. The message names the task.
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

    /// Locks the mutex as I/O on what it guards does (see [`RawMutex::lock_for_io`]), and whether
    /// it is poisoned or not.
    #[inline]
    #[track_caller]
    pub(crate) fn lock_for_io(&self) -> io::Result<MutexGuard<'_, T>> {
        self.raw.lock_for_io()?;
        Ok(self.guard().unwrap_or_else(PoisonError::into_inner))
    }

    /// Locks the mutex if it is free.
    ///
    /// # Parks
    ///
    /// Never for the lock. As every operation that does not wait, it lets others run once in a
    /// while.
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if the mutex is locked, and [`TryLockError::Poisoned`] with the
    /// guard if a holder panicked.
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

    /// The guard of whoever has just locked the mutex.
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

    /// Takes the poison off, for a program that has put right what was damaged.
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

    /// A reference to the value. No lock is needed, since nobody else borrows the mutex.
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
        // SAFETY: while the guard lives, its holder alone reaches the data.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: while the guard lives, its holder alone reaches the data, and the holder borrows
        // the guard exclusively.
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
