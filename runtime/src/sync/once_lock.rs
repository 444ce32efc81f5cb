//! A value that is set once, and read by many.

use std::cell::UnsafeCell;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

use super::once::Once;
use crate::loom::const_fn;

/// A value that is set at most once, and read by many; as [`std::sync::OnceLock`].
///
/// # Examples
///
/// ```
/// use gocoro::sync::OnceLock;
///
/// static NAME: OnceLock<String> = OnceLock::new();
///
/// assert_eq!(NAME.get(), None);
/// let name = gocoro::go!({ NAME.get_or_init(|| "gopher".to_owned()) }).wait();
/// assert_eq!(name, "gopher");
/// assert_eq!(NAME.set("another".to_owned()), Err("another".to_owned()));
/// ```
pub struct OnceLock<T> {
    once: Once,
    /// The value, which the run of `once` writes, and others read once `once` is complete.
    value: UnsafeCell<Option<T>>,
}

// SAFETY: whoever runs the initialisation moves the value in, and whoever owns the lock drops it,
// so it has to be `Send`. All share the value, so it has to be `Sync`.
unsafe impl<T: Sync + Send> Sync for OnceLock<T> {}
// SAFETY: the lock moves with its value, which is `Send`, and nothing else in the lock belongs to a
// thread.
unsafe impl<T: Send> Send for OnceLock<T> {}
impl<T: RefUnwindSafe + UnwindSafe> RefUnwindSafe for OnceLock<T> {}
impl<T: UnwindSafe> UnwindSafe for OnceLock<T> {}

impl<T> OnceLock<T> {
    const_fn! {
        /// Makes a lock without a value.
        #[inline]
        #[must_use]
        pub fn new() -> OnceLock<T> {
            OnceLock { once: Once::new(), value: UnsafeCell::new(None) }
        }
    }

    /// The value, if it has been set.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        if self.once.is_completed() {
            // SAFETY: once `once` is complete, the value is written only by whoever borrows the
            // lock exclusively.
            unsafe { (*self.value.get()).as_ref() }
        } else {
            None
        }
    }

    /// An exclusive reference to the value, if it has been set.
    #[inline]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut().as_mut()
    }

    /// Waits until the value has been set.
    ///
    /// # Parks
    ///
    /// Until the value has been set. On a plain thread it blocks the thread. A cancel point only if
    /// it waits.
    ///
    /// # Panics
    ///
    /// If the caller is initialising the value itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::sync::{Arc, OnceLock};
    ///
    /// let lock = Arc::new(OnceLock::new());
    /// let theirs = lock.clone();
    /// let waiter = gocoro::go!({ *theirs.wait() });
    /// lock.set(7).unwrap();
    /// assert_eq!(waiter.wait(), 7);
    /// ```
    #[track_caller]
    pub fn wait(&self) -> &T {
        self.once.wait_force();
        self.completed()
    }

    /// Sets the value, unless it has been set.
    ///
    /// # Parks
    ///
    /// While another initialises the value. On a plain thread it blocks the thread. A cancel point
    /// only if it waits.
    ///
    /// # Errors
    ///
    /// `value` comes back if there is one already.
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.get_or_init(|| value.take().expect("it runs once"));
        match value {
            None => Ok(()),
            Some(value) => Err(value),
        }
    }

    /// The value. If it has not been set, `f` makes it.
    ///
    /// If many call this at once, one `f` runs. If it panics, the value is not set, and the next
    /// call runs its `f`.
    ///
    /// # Parks
    ///
    /// While another initialises the value. On a plain thread it blocks the thread. A cancel point
    /// only if it waits: `f` is not cut short.
    ///
    /// # Panics
    ///
    /// If `f` does. Also if `f` calls this for the same lock, for such a wait could never end.
    #[inline]
    #[track_caller]
    pub fn get_or_init<F>(&self, f: F) -> &T
    where
        F: FnOnce() -> T,
    {
        if let Some(value) = self.get() {
            return value;
        }
        self.once.call_once_force(|_| {
            let value = f();
            // SAFETY: `once` runs one initialisation at a time, and nobody reads the value before
            // `once` is complete.
            unsafe { *self.value.get() = Some(value) };
        });
        self.completed()
    }

    #[inline(always)]
    fn completed(&self) -> &T {
        self.get().expect("a complete once has its value")
    }

    /// Takes the value out, if it has been set.
    #[inline]
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Takes the value out, if it has been set. It can then be set again.
    #[inline]
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_inner()
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> OnceLock<T> {
        OnceLock::new()
    }
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> OnceLock<T> {
        OnceLock { once: Once::completed(), value: UnsafeCell::new(Some(value)) }
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    fn clone(&self) -> OnceLock<T> {
        self.get().cloned().map_or_else(OnceLock::new, OnceLock::from)
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    fn eq(&self, other: &OnceLock<T>) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceLock<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_tuple("OnceLock");
        match self.get() {
            Some(value) => text.field(value),
            None => text.field(&format_args!("<uninit>")),
        };
        text.finish()
    }
}
