//! A lock of many readers or one writer.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;
use std::sync::{LockResult, TryLockError, TryLockResult};

use super::poison::{Before, Flag};
use super::raw_rwlock::RawRwLock;
use crate::loom::const_fn;
use crate::park;

/// A lock that many tasks and threads may hold for reading, or one for writing; as
/// [`std::sync::RwLock`].
///
/// First come, first served: a reader that comes while a writer waits, waits behind the writer, so
/// that neither readers nor writers starve. As in std, a task that holds the lock for reading must
/// therefore not read-lock it again: with a writer waiting in between, neither could go on. Whether
/// a task locks what it has write-locked is judged by who locked it, as for a
/// [`Mutex`](super::Mutex).
///
/// A writer's panic poisons the lock, as in std. A reader's panic does not, nor does a writer that
/// is cancelled.
///
/// # Examples
///
/// ```
/// use gocoro::sync::RwLock;
///
/// let config = RwLock::new(String::from("fast"));
/// {
///     let one = config.read().unwrap();
///     let another = config.read().unwrap();
///     assert_eq!(*one, *another);
/// }
/// config.write().unwrap().push_str("er");
/// assert_eq!(*config.read().unwrap(), "faster");
/// ```
pub struct RwLock<T: ?Sized> {
    raw: RawRwLock,
    poison: Flag,
    data: UnsafeCell<T>,
}

// SAFETY: the data is reached by whoever holds the lock, which may be another thread each time, so
// the data has to be `Send`.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: through a shared lock the data is reached by a writer on any thread, so it has to be
// `Send`, and by several readers at once, so it has to be `Sync`.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}
impl<T: ?Sized> UnwindSafe for RwLock<T> {}
impl<T: ?Sized> RefUnwindSafe for RwLock<T> {}

/// An [`RwLock`] locked for reading, until this is dropped; as [`std::sync::RwLockReadGuard`].
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    /// The data, not reached by way of the lock: so a guard of a longer-lived type is also one of a
    /// shorter-lived type, as in std.
    data: NonNull<T>,
    raw: &'a RawRwLock,
}

/// An [`RwLock`] locked for writing, until this is dropped; as [`std::sync::RwLockWriteGuard`].
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    before: Before,
    _not_send: PhantomData<*const ()>,
}

impl<T: ?Sized> UnwindSafe for RwLockReadGuard<'_, T> {}
impl<T: ?Sized> RefUnwindSafe for RwLockReadGuard<'_, T> {}

// SAFETY: a shared guard gives out shared references to the data only, which `T: Sync` allows.
unsafe impl<T: ?Sized + Sync> Sync for RwLockReadGuard<'_, T> {}
// SAFETY: a shared guard gives out shared references to the data only, which `T: Sync` allows.
unsafe impl<T: ?Sized + Sync> Sync for RwLockWriteGuard<'_, T> {}

impl<T> RwLock<T> {
    const_fn! {
        /// Makes an unlocked lock.
        #[inline]
        pub fn new(t: T) -> RwLock<T> {
            RwLock { raw: RawRwLock::new(), poison: Flag::new(), data: UnsafeCell::new(t) }
        }
    }

    /// Takes the value out.
    ///
    /// # Errors
    ///
    /// The value all the same, in a `PoisonError`, if the lock is poisoned.
    pub fn into_inner(self) -> LockResult<T> {
        let RwLock { poison, data, .. } = self;
        poison.check(data.into_inner())
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Locks for reading, waiting while a writer holds the lock or waits for it.
    ///
    /// # Parks
    ///
    /// While a writer holds the lock or waits for it. On a plain thread it blocks the thread. A
    /// cancel point.
    ///
    /// # Errors
    ///
    /// The guard all the same, in a `PoisonError`, if a writer panicked.
    ///
    /// # Panics
    ///
    /// If the calling task or thread holds the lock for writing, for such a wait could never end.
    /// The message names the task.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = gocoro::sync::RwLock::new(1);
    /// assert_eq!(*lock.read().unwrap(), 1);
    /// ```
    #[inline]
    #[track_caller]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        self.raw.read();
        self.read_guard()
    }

    /// Locks for reading if that takes no waiting.
    ///
    /// # Parks
    ///
    /// Never for the lock. As every operation that does not wait, it lets others run once in a
    /// while.
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if [`RwLock::read`] would wait, and [`TryLockError::Poisoned`]
    /// with the guard if a writer panicked.
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        park::spent();
        self.try_read_now()
    }

    fn try_read_now(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        if self.raw.try_read() { Ok(self.read_guard()?) } else { Err(TryLockError::WouldBlock) }
    }

    /// Locks for writing, waiting while anybody holds the lock.
    ///
    /// # Parks
    ///
    /// While anybody holds the lock or waits for it. On a plain thread it blocks the thread. A
    /// cancel point.
    ///
    /// # Errors
    ///
    /// The guard all the same, in a `PoisonError`, if a writer panicked.
    ///
    /// # Panics
    ///
    /// If the calling task or thread holds the lock for writing, for such a wait could never end.
    /// The message names the task. A caller that holds the lock for reading is not noticed.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = gocoro::sync::RwLock::new(1);
    /// *lock.write().unwrap() += 1;
    /// assert_eq!(lock.into_inner().unwrap(), 2);
    /// ```
    #[inline]
    #[track_caller]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        self.raw.write();
        self.write_guard()
    }

    /// Locks for writing if that takes no waiting.
    ///
    /// # Parks
    ///
    /// As [`RwLock::try_read`].
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if [`RwLock::write`] would wait, and [`TryLockError::Poisoned`]
    /// with the guard if a writer panicked.
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        park::spent();
        if self.raw.try_write() { Ok(self.write_guard()?) } else { Err(TryLockError::WouldBlock) }
    }

    #[inline(always)]
    fn read_guard(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        self.poison.check(RwLockReadGuard::of(self))
    }

    #[inline(always)]
    fn write_guard(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        let before = Before::now();
        self.poison.check(RwLockWriteGuard { lock: self, before, _not_send: PhantomData })
    }

    /// Whether a writer panicked.
    #[inline]
    pub fn is_poisoned(&self) -> bool {
        park::looked();
        self.poison.get()
    }

    /// Takes the poison off, for a program that has put right what was damaged.
    #[inline]
    pub fn clear_poison(&self) {
        self.poison.clear();
    }

    /// A reference to the value. No locking is needed, since nobody else borrows the lock.
    ///
    /// # Errors
    ///
    /// The value all the same, in a `PoisonError`, if the lock is poisoned.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.poison.check(self.data.get_mut())
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Makes a write guard a read guard. Nobody else writes in between.
    ///
    /// Readers that wait in front of all waiting writers are let in.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::sync::{RwLock, RwLockWriteGuard};
    ///
    /// let lock = RwLock::new(1);
    /// let mut writer = lock.write().unwrap();
    /// *writer = 2;
    /// let reader = RwLockWriteGuard::downgrade(writer);
    /// assert_eq!(*reader, *lock.read().unwrap());
    /// ```
    pub fn downgrade(s: Self) -> RwLockReadGuard<'a, T> {
        let lock = ManuallyDrop::new(s).lock;
        lock.raw.downgrade();
        RwLockReadGuard::of(lock)
    }
}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// The guard of whoever has just locked `lock` for reading.
    #[inline(always)]
    fn of(lock: &'a RwLock<T>) -> RwLockReadGuard<'a, T> {
        let data = NonNull::new(lock.data.get()).expect("a field has an address");
        RwLockReadGuard { data, raw: &lock.raw }
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(t: T) -> RwLock<T> {
        RwLock::new(t)
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> RwLock<T> {
        RwLock::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("RwLock");
        match self.try_read_now() {
            Ok(guard) => text.field("data", &&*guard),
            Err(TryLockError::Poisoned(poisoned)) => text.field("data", &&**poisoned.get_ref()),
            Err(TryLockError::WouldBlock) => text.field("data", &format_args!("<locked>")),
        };
        text.field("poisoned", &self.poison.get()).finish_non_exhaustive()
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: while a read guard lives, nobody writes the data.
        unsafe { self.data.as_ref() }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: while the write guard lives, its holder alone reaches the data.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: while the write guard lives, its holder alone reaches the data, and the holder
        // borrows the guard exclusively.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.raw.read_unlock();
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.poison.guard_dropped(self.before);
        self.lock.raw.write_unlock();
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
