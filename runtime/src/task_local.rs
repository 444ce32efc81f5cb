//! Task-locals: variables of which each task has its own. They stand where a thread would use
//! `thread_local!`, whose values all tasks of a worker share.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::rc::Rc;

use crate::boundary::Boundary;
use crate::current;
use crate::task::{Locals, Lookup};

/// A key to a value of which each task has its own; declared by `task_local!`.
///
/// It is to tasks what [`std::thread::LocalKey`] is to threads. A task's value is made when the
/// task first asks for it, and dropped at the task's end, on the task's stack, so that its
/// destructor may wait. A plain thread has its own value too, which is dropped when the thread
/// ends. Tasks do not inherit values from the task that spawned them: see [`LocalKey::inherit`].
///
/// # Examples
///
/// ```
/// use std::cell::Cell;
///
/// gocoro::task_local! {
///     static COUNT: Cell<u32> = Cell::new(0);
/// }
///
/// COUNT.set(7);
/// let theirs = gocoro::go!({
///     COUNT.set(COUNT.get() + 1);
///     COUNT.get()
/// });
/// assert_eq!(theirs.wait(), 1);
/// assert_eq!(COUNT.get(), 7);
/// ```
pub struct LocalKey<T: 'static> {
    /// Makes a task's first value.
    init: fn() -> T,
    /// The value goes after all those that do not last.
    lasts: bool,
}

/// The error of a task-local or thread-local whose value was dropped already, since its task or
/// thread is ending.
///
/// # Examples
///
/// ```
/// gocoro::task_local! {
///     static NAME: String = String::from("nobody");
/// }
///
/// let length: Result<usize, gocoro::task::AccessError> = NAME.try_with(String::len);
/// assert_eq!(length, Ok(6));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AccessError {
    _private: (),
}

impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessError")
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value was destroyed already, for its task or thread is ending")
    }
}

impl Error for AccessError {}

pub(crate) const GONE: AccessError = AccessError { _private: () };

/// Hands the task-locals of the running task or thread to `f`.
fn locals<R>(f: impl FnOnce(&Locals) -> R) -> Result<R, AccessError> {
    match current::task() {
        Some((_, task)) => Ok(f(task.locals())),
        None => current::thread_locals(f).ok_or(GONE),
    }
}

impl<T: 'static> LocalKey<T> {
    /// For the expansion of `task_local!`.
    #[doc(hidden)]
    pub const fn new(init: fn() -> T) -> LocalKey<T> {
        LocalKey { init, lasts: false }
    }

    /// A key whose values can be used until the last destructor of a task's values has run, as
    /// those of std's thread-locals, if they have no destructors of their own.
    pub(crate) const fn as_in_std(init: fn() -> T) -> LocalKey<T> {
        LocalKey { init, lasts: !std::mem::needs_drop::<T>() }
    }

    /// What tells this key from all others: its address.
    fn key(&'static self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// The value under this key, made by `init` if there is none.
    fn value(&'static self, init: impl FnOnce() -> T) -> Result<Rc<dyn Any>, AccessError> {
        match locals(|locals| locals.get(self.key()))? {
            Lookup::Value(value) => Ok(value),
            Lookup::Dropped => Err(GONE),
            Lookup::Nothing => {
                let made: Rc<dyn Any> = Rc::new(init());
                // `init` itself may have used this key, and so made a value. That one is replaced.
                let before = self.put(made.clone())?;
                drop(before);
                Ok(made)
            }
        }
    }

    /// Puts a value under this key, and returns what was there before.
    fn put(&'static self, value: Rc<dyn Any>) -> Result<Lookup, AccessError> {
        locals(|locals| locals.replace(self.key(), value, self.lasts))
    }

    /// Hands the task's value to `f`. The value is made first if the task has none yet.
    ///
    /// # Panics
    ///
    /// If the value was dropped already: see [`LocalKey::try_with`].
    ///
    /// # Examples
    ///
    /// ```
    /// gocoro::task_local! {
    ///     static GREETING: String = String::from("hello");
    /// }
    ///
    /// assert_eq!(GREETING.with(|text| text.len()), 5);
    /// ```
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        match self.try_with(f) {
            Ok(result) => result,
            Err(error) => panic!("{error}"),
        }
    }

    /// Hands the task's value to `f`, as [`LocalKey::with`] does, with an error in place of the
    /// panic.
    ///
    /// # Errors
    ///
    /// [`AccessError`] if the value was dropped already. Only the destructors of other task-locals
    /// can see that, and those of a plain thread's thread-locals.
    pub fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        let value = self.value(self.init)?;
        Ok(f(self.typed(&value)))
    }

    fn typed<'a>(&'static self, value: &'a Rc<dyn Any>) -> &'a T {
        value.downcast_ref().expect("a key's values have its type")
    }

    /// Hands the value to `f`. If the task has none yet, `init` becomes its value; else `f` gets
    /// `init` back.
    fn initialize_with<R>(&'static self, init: T, f: impl FnOnce(Option<T>, &T) -> R) -> R {
        match self.try_initialize_with(init, f) {
            Ok(result) => result,
            Err(error) => panic!("{error}"),
        }
    }

    /// Does what [`LocalKey::initialize_with`] does, with an error in place of the panic.
    pub(crate) fn try_initialize_with<R>(
        &'static self,
        init: T,
        f: impl FnOnce(Option<T>, &T) -> R,
    ) -> Result<R, AccessError> {
        let mut init = Some(init);
        let value = self.value(|| init.take().expect("called once"))?;
        Ok(f(init, self.typed(&value)))
    }

    /// Runs `f` with another value under this key, and puts the value before back in the end, also
    /// if `f` unwinds.
    ///
    /// Whatever `f` calls sees the new value, at any depth. Tasks that `f` spawns do not, unless
    /// they [`inherit`](LocalKey::inherit) it.
    ///
    /// # Panics
    ///
    /// If the value was dropped already: see [`LocalKey::try_with`].
    ///
    /// # Examples
    ///
    /// ```
    /// gocoro::task_local! {
    ///     static USER: String = String::from("nobody");
    /// }
    ///
    /// fn greet() -> String {
    ///     USER.with(|user| format!("hello {user}"))
    /// }
    ///
    /// assert_eq!(USER.scope("ada".to_owned(), greet), "hello ada");
    /// assert_eq!(greet(), "hello nobody");
    /// ```
    pub fn scope<R>(&'static self, value: T, f: impl FnOnce() -> R) -> R {
        let before = match self.put(Rc::new(value)) {
            Ok(Lookup::Value(before)) => Some(before),
            Ok(Lookup::Nothing) => None,
            Ok(Lookup::Dropped) | Err(_) => panic!("{GONE}"),
        };
        let _restore = Restore { key: self, before };
        current::waits().within(&Boundary::fixed(), f)
    }

    /// Makes a closure that runs `f` with a clone of the value that this task has now. Spawn the
    /// closure, and the new task has that value from the start.
    ///
    /// Several keys nest: `USER.inherit(TRACE.inherit(move || serve(stream)))`.
    ///
    /// # Panics
    ///
    /// If the value was dropped already: see [`LocalKey::try_with`].
    ///
    /// # Examples
    ///
    /// ```
    /// gocoro::task_local! {
    ///     static USER: String = String::from("nobody");
    /// }
    ///
    /// let child = USER.scope("ada".to_owned(), || {
    ///     gocoro::task::spawn(USER.inherit(|| USER.with(String::clone)))
    /// });
    /// assert_eq!(child.wait(), "ada");
    /// ```
    pub fn inherit<R, F: FnOnce() -> R>(&'static self, f: F) -> impl FnOnce() -> R + use<R, F, T>
    where
        T: Clone,
    {
        let value = self.with(T::clone);
        move || self.scope(value, f)
    }
}

impl<T: 'static> LocalKey<Cell<T>> {
    /// Sets the value, without making the initial one first. As [`std::thread::LocalKey::set`].
    ///
    /// # Panics
    ///
    /// If the value was dropped already, as its task or thread is ending. So do the other methods.
    pub fn set(&'static self, value: T) {
        self.initialize_with(Cell::new(value), |value, cell| {
            if let Some(value) = value {
                cell.set(value.into_inner());
            }
        });
    }

    /// A copy of the value.
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    /// Takes the value and leaves the type's default.
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(Cell::take)
    }

    /// Takes the value and leaves another.
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> LocalKey<RefCell<T>> {
    /// Hands the value to `f`, borrowed. As [`std::thread::LocalKey::with_borrow`].
    ///
    /// # Panics
    ///
    /// If the value is borrowed mutably, or was dropped already.
    pub fn with_borrow<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        self.with(|cell| f(&cell.borrow()))
    }

    /// Hands the value to `f`, borrowed mutably. As [`std::thread::LocalKey::with_borrow_mut`].
    ///
    /// # Panics
    ///
    /// If the value is borrowed, or was dropped already. So do `set`, `take` and `replace`.
    pub fn with_borrow_mut<R>(&'static self, f: impl FnOnce(&mut T) -> R) -> R {
        self.with(|cell| f(&mut cell.borrow_mut()))
    }

    /// Sets the value, without making the initial one first.
    pub fn set(&'static self, value: T) {
        self.initialize_with(RefCell::new(value), |value, cell| {
            if let Some(value) = value {
                *cell.borrow_mut() = value.into_inner();
            }
        });
    }

    /// Takes the value and leaves the type's default.
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(RefCell::take)
    }

    /// Takes the value and leaves another.
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

/// Puts back, when it is dropped, the value that a key had before [`LocalKey::scope`].
struct Restore<T: 'static> {
    key: &'static LocalKey<T>,
    before: Option<Rc<dyn Any>>,
}

impl<T> Drop for Restore<T> {
    fn drop(&mut self) {
        let before = self.before.take();
        let after = match before {
            Some(before) => self.key.put(before),
            None => locals(|locals| {
                locals.remove(self.key.key()).map_or(Lookup::Nothing, Lookup::Value)
            }),
        };
        drop(after);
    }
}
