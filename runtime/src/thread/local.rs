//! Thread-locals of which each task has its own value.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::thread;

use crate::current;
use crate::task_local::{self, AccessError, GONE};

/// A key to a value of which each task has its own, and each plain thread; declared by
/// `gocoro::thread_local!`. As [`std::thread::LocalKey`].
///
/// A task's value is made when the task first asks for it, and destroyed when the task ends, the
/// newest first, on the task's stack. A value's destructor may wait; one that panics ends nothing
/// else, where std aborts. On a plain thread the key is one of std's, and all of std's rules hold.
///
/// An initialiser that asks for the value that it makes recurses without end, as in std; if it ends
/// the recursion, the outer value replaces the inner one.
///
/// # Examples
///
/// ```
/// use gocoro::thread;
/// use std::cell::Cell;
///
/// gocoro::thread_local!(static COUNT: Cell<u32> = const { Cell::new(1) });
///
/// COUNT.set(2);
/// let theirs = thread::spawn(|| COUNT.replace(3));
/// assert_eq!(theirs.join().unwrap(), 1);
/// assert_eq!(COUNT.get(), 2);
/// ```
pub struct LocalKey<T: 'static> {
    /// The values of tasks.
    tasks: task_local::LocalKey<T>,
    /// The values of plain threads.
    threads: &'static thread::LocalKey<T>,
}

#[cold]
#[inline(never)]
#[track_caller]
fn gone(error: AccessError) -> ! {
    panic!("cannot access a thread-local value during or after destruction: {error}")
}

impl<T: 'static> LocalKey<T> {
    /// For the expansion of `thread_local!`.
    #[doc(hidden)]
    pub const fn new(init: fn() -> T, threads: &'static thread::LocalKey<T>) -> LocalKey<T> {
        LocalKey { tasks: task_local::LocalKey::as_in_std(init), threads }
    }

    /// Hands the value to `f`. The value is made first if the task or thread has none yet.
    ///
    /// # Panics
    ///
    /// If the value is being destroyed or was destroyed: see [`LocalKey::try_with`].
    #[track_caller]
    pub fn with<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        match self.try_with(f) {
            Ok(result) => result,
            Err(error) => gone(error),
        }
    }

    /// Hands the value to `f`, as [`LocalKey::with`] does, with an error in place of the panic.
    ///
    /// # Errors
    ///
    /// [`AccessError`] if the value is being destroyed or was destroyed. Only the destructors of
    /// thread-locals can see that.
    #[inline]
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        match current::task() {
            Some(_) => self.tasks.try_with(f),
            None => self.threads.try_with(f).map_err(|_| GONE),
        }
    }

    /// Hands the value of the running task to `f`. If the task has none yet, `init` becomes its
    /// value; else `f` gets `init` back.
    #[track_caller]
    fn initialize_with<R>(&'static self, init: T, f: impl FnOnce(Option<T>, &T) -> R) -> R {
        match self.tasks.try_initialize_with(init, f) {
            Ok(result) => result,
            Err(error) => gone(error),
        }
    }
}

impl<T: 'static> LocalKey<Cell<T>> {
    /// Sets the value, without making the initial one first.
    ///
    /// # Panics
    ///
    /// If the value is being destroyed or was destroyed. So do the other methods.
    #[track_caller]
    pub fn set(&'static self, value: T) {
        if current::task().is_none() {
            return self.threads.set(value);
        }
        self.initialize_with(Cell::new(value), |value, cell| {
            if let Some(value) = value {
                cell.set(value.into_inner());
            }
        });
    }

    /// A copy of the value.
    #[track_caller]
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    /// Takes the value and leaves the type's default.
    #[track_caller]
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(Cell::take)
    }

    /// Takes the value and leaves another.
    #[track_caller]
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> LocalKey<RefCell<T>> {
    /// Hands the value to `f`, borrowed.
    ///
    /// # Panics
    ///
    /// If the value is borrowed mutably, is being destroyed or was destroyed.
    #[track_caller]
    pub fn with_borrow<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        self.with(|cell| f(&cell.borrow()))
    }

    /// Hands the value to `f`, borrowed mutably.
    ///
    /// # Panics
    ///
    /// If the value is borrowed, is being destroyed or was destroyed. So do `set`, `take` and
    /// `replace`.
    #[track_caller]
    pub fn with_borrow_mut<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&mut T) -> R,
    {
        self.with(|cell| f(&mut cell.borrow_mut()))
    }

    /// Sets the value, without making the initial one first.
    #[track_caller]
    pub fn set(&'static self, value: T) {
        if current::task().is_none() {
            return self.threads.set(value);
        }
        self.initialize_with(RefCell::new(value), |value, cell| {
            if let Some(value) = value {
                *cell.borrow_mut() = value.into_inner();
            }
        });
    }

    /// Takes the value and leaves the type's default.
    #[track_caller]
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(RefCell::take)
    }

    /// Takes the value and leaves another.
    #[track_caller]
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}
