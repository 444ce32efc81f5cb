//! A value that is made when it is first asked for.

use std::cell::UnsafeCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};

use super::once::Once;
use crate::loom::const_fn;

/// A value that is made when it is first asked for; as [`std::sync::LazyLock`].
///
/// A task that makes the value is not cut short: a cancel waits until the value is made. (std's own
/// `LazyLock` is poisoned for good by a cancel that unwinds its initialiser.)
///
/// # Examples
///
/// ```
/// use gocoro::sync::LazyLock;
///
/// static TABLE: LazyLock<Vec<u64>> = LazyLock::new(|| (0..5).map(|n| n * n).collect());
///
/// assert_eq!(gocoro::go!({ TABLE[3] }).wait(), 9);
/// ```
pub struct LazyLock<T, F = fn() -> T> {
    once: Once,
    /// The function, then the value, which the run of `once` writes, and others read once `once` is
    /// complete.
    data: UnsafeCell<Data<T, F>>,
}

enum Data<T, F> {
    Function(F),
    Value(T),
    /// The function is running, or has panicked.
    Nothing,
}

// SAFETY: whoever asks first runs the function and makes the value, so both have to be `Send`. All
// share the value, so it has to be `Sync`.
unsafe impl<T: Sync + Send, F: Send> Sync for LazyLock<T, F> {}
// SAFETY: the lock moves with what it holds, which is `Send`, and nothing else in the lock belongs
// to a thread.
unsafe impl<T: Send, F: Send> Send for LazyLock<T, F> {}
impl<T: RefUnwindSafe + UnwindSafe, F: UnwindSafe> RefUnwindSafe for LazyLock<T, F> {}
impl<T: UnwindSafe, F: UnwindSafe> UnwindSafe for LazyLock<T, F> {}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    const_fn! {
        /// Makes a lock whose value `f` will make.
        #[inline]
        pub fn new(f: F) -> LazyLock<T, F> {
            LazyLock { once: Once::new(), data: UnsafeCell::new(Data::Function(f)) }
        }
    }

    /// The value. If it has not been made, it is made now.
    ///
    /// # Parks
    ///
    /// While another makes the value. On a plain thread it blocks the thread. A cancel point only
    /// if it waits.
    ///
    /// # Panics
    ///
    /// If the function does, or did before. Also if the function asks for the same value, for such
    /// a wait could never end.
    #[inline]
    #[track_caller]
    pub fn force(this: &LazyLock<T, F>) -> &T {
        this.once.call_once_of("LazyLock", || {
            // SAFETY: `once` runs one initialisation at a time, and nobody reads the data before
            // `once` is complete.
            let data = || unsafe { &mut *this.data.get() };
            let Data::Function(f) = std::mem::replace(data(), Data::Nothing) else {
                unreachable!("it runs once");
            };
            let value = f();
            *data() = Data::Value(value);
        });
        LazyLock::get(this).expect("a complete once has its value")
    }

    /// An exclusive reference to the value. If it has not been made, it is made now.
    ///
    /// # Panics
    ///
    /// If the function does, or did before.
    #[track_caller]
    pub fn force_mut(this: &mut LazyLock<T, F>) -> &mut T {
        LazyLock::force(this);
        LazyLock::get_mut(this).expect("a complete once has its value")
    }
}

impl<T, F> LazyLock<T, F> {
    /// The value, if it has been made.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::sync::LazyLock;
    ///
    /// let lazy = LazyLock::new(|| 3);
    /// assert_eq!(LazyLock::get(&lazy), None);
    /// assert_eq!(*lazy, 3);
    /// assert_eq!(LazyLock::get(&lazy), Some(&3));
    /// ```
    #[inline]
    pub fn get(this: &LazyLock<T, F>) -> Option<&T> {
        if !this.once.is_completed() {
            return None;
        }
        // SAFETY: once `once` is complete, the data is written only by whoever borrows the lock
        // exclusively.
        match unsafe { &*this.data.get() } {
            Data::Value(value) => Some(value),
            _ => None,
        }
    }

    /// An exclusive reference to the value, if it has been made.
    #[inline]
    pub fn get_mut(this: &mut LazyLock<T, F>) -> Option<&mut T> {
        match this.data.get_mut() {
            Data::Value(value) => Some(value),
            _ => None,
        }
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        LazyLock::force(self)
    }
}

impl<T, F: FnOnce() -> T> DerefMut for LazyLock<T, F> {
    #[inline]
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        LazyLock::force_mut(self)
    }
}

impl<T: Default> Default for LazyLock<T> {
    fn default() -> LazyLock<T> {
        LazyLock::new(T::default)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_tuple("LazyLock");
        match LazyLock::get(self) {
            Some(value) => text.field(value),
            None => text.field(&format_args!("<uninit>")),
        };
        text.finish()
    }
}
