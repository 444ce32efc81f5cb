//! Many readers or one writer.

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
/// First come, first served: a reader that comes while a writer waits, waits behind it, so that
/// neither readers nor writers starve. As in std, this means that a task that holds it for reading
/// must not read-lock it again: with a writer waiting in between, neither could go on. That it locks what
/// it has write-locked is told by who locked it, as for a [`Mutex`](super::Mutex).
///
/// A panic of a writer poisons it, as in std; a reader's does not, and neither does a writer's being
/// cancelled.
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

// SAFETY: the data is reached by whoever holds the lock, which may be another each time.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: as above, and readers reach it several at once.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}
impl<T: ?Sized> UnwindSafe for RwLock<T> {}
impl<T: ?Sized> RefUnwindSafe for RwLock<T> {}

/// An [`RwLock`] locked for reading, until this is dropped; as [`std::sync::RwLockReadGuard`].
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    /// Not by way of the lock, so that a guard of a longer-lived type is one of a shorter-lived,
    /// as in std.
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

// SAFETY: a shared guard gives out shared references to the data only.
unsafe impl<T: ?Sized + Sync> Sync for RwLockReadGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Sync> Sync for RwLockWriteGuard<'_, T> {}

impl<T> RwLock<T> {
    const_fn! {
        /// An unlocked lock.
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
    /// Locks it for reading, waiting while a writer has it locked or waits for it.
    ///
    /// # Parks
    ///
    /// While it cannot be had. On a plain thread it blocks the thread. A cancel point.
    ///
    /// # Errors
    ///
    /// The guard all the same, in a `PoisonError`, if a writer panicked.
    ///
    /// # Panics
    ///
    /// If the task or thread holds it for writing, which could never end; the message names the task.
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

    /// Locks it for reading if that takes no waiting.
    ///
    /// # Parks
    ///
    /// Never for the lock; only, as every operation that does not wait, to let others run once in a
    /// while.
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if [`RwLock::read`] would wait, and [`TryLockError::Poisoned`] with
    /// the guard if a writer panicked.
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        park::spent();
        self.try_read_now()
    }

    fn try_read_now(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        if self.raw.try_read() { Ok(self.read_guard()?) } else { Err(TryLockError::WouldBlock) }
    }

    /// Locks it for writing, waiting while anybody has it locked.
    ///
    /// # Parks
    ///
    /// While it cannot be had. On a plain thread it blocks the thread. A cancel point.
    ///
    /// # Errors
    ///
    /// The guard all the same, in a `PoisonError`, if a writer panicked.
    ///
    /// # Panics
    ///
    /// As [`RwLock::read`]. That the caller holds it for reading is not seen.
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

    /// Locks it for writing if that takes no waiting.
    ///
    /// # Parks
    ///
    /// As [`RwLock::try_read`].
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if [`RwLock::write`] would wait, and [`TryLockError::Poisoned`] with
    /// the guard if a writer panicked.
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

    /// Takes the poison off, once what was damaged has been put right.
    #[inline]
    pub fn clear_poison(&self) {
        self.poison.clear();
    }

    /// The value, which needs no lock, since the lock is borrowed by nobody else.
    ///
    /// # Errors
    ///
    /// The value all the same, in a `PoisonError`, if the lock is poisoned.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.poison.check(self.data.get_mut())
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Makes a write guard a read guard, without anybody else writing in between.
    ///
    /// Readers that wait in front of all writers are let in.
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
    /// The guard of whoever has just locked it.
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
        // SAFETY: while a read guard lives, nobody writes.
        unsafe { self.data.as_ref() }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: while the write guard lives, the data is its holder's alone.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the guard is borrowed mutably.
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
