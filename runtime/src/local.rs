//! Task-locals: the answer to `thread_local!`, whose values all tasks of a worker share.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::rc::Rc;

use crate::current;
use crate::task::{Locals, Lookup};

/// A key to a value that each task has its own of; declared by `task_local!`.
///
/// As [`std::thread::LocalKey`], by the task. A task's value is made when the task first asks for
/// it and dropped at the task's end, on its stack, so that its destructor may wait. A plain thread
/// has its own value too, dropped when the thread ends. Children don't inherit: see
/// [`LocalKey::inherit`].
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
    /// Its address also tells keys apart.
    init: fn() -> T,
}

/// Why a task-local has no value to show: it has been dropped, since its task or thread is ending.
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
        f.write_str("the task-local was dropped already; don't use it in its own task's end")
    }
}

impl Error for AccessError {}

const GONE: AccessError = AccessError { _private: () };

/// Hands the values of the running task or thread to `f`.
fn locals<R>(f: impl FnOnce(&Locals) -> R) -> Result<R, AccessError> {
    match current::task() {
        Some((_, task)) => Ok(f(task.locals())),
        None => current::thread_locals(f).ok_or(GONE),
    }
}

impl<T: 'static> LocalKey<T> {
    /// For `task_local!`.
    #[doc(hidden)]
    pub const fn new(init: fn() -> T) -> LocalKey<T> {
        LocalKey { init }
    }

    fn key(&'static self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// The value, made by `init` if there is none.
    fn value(&'static self, init: impl FnOnce() -> T) -> Result<Rc<dyn Any>, AccessError> {
        match locals(|locals| locals.get(self.key()))? {
            Lookup::Value(value) => Ok(value),
            Lookup::Dropped => Err(GONE),
            Lookup::Nothing => {
                let made: Rc<dyn Any> = Rc::new(init());
                // What the initialiser itself put there goes; whoever has it keeps it.
                let before = locals(|locals| locals.replace(self.key(), made.clone()))?;
                drop(before);
                Ok(made)
            }
        }
    }

    /// Hands the value to `f`; made first if the task has none yet.
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

    /// As [`LocalKey::with`], with an error in place of the panic.
    ///
    /// # Errors
    ///
    /// [`AccessError`] if the value was dropped already, which the destructors of other task-locals
    /// can see, and those of a plain thread's thread-locals.
    pub fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        let value = self.value(self.init)?;
        Ok(f(self.typed(&value)))
    }

    fn typed<'a>(&'static self, value: &'a Rc<dyn Any>) -> &'a T {
        value.downcast_ref().expect("a key's values have its type")
    }

    /// As [`LocalKey::with`], for a value that is to be something else if it is not there yet.
    fn initialize_with<R>(&'static self, init: T, f: impl FnOnce(Option<T>, &T) -> R) -> R {
        let mut init = Some(init);
        let value = self.value(|| init.take().expect("called once"));
        match value {
            Ok(value) => f(init, self.typed(&value)),
            Err(error) => panic!("{error}"),
        }
    }

    /// Runs `f` with another value under this key, and puts the one before back in the end, also if
    /// `f` unwinds.
    ///
    /// What `f` calls sees the value at any depth; tasks that it spawns do not, unless they
    /// [`inherit`](LocalKey::inherit) it.
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
        let before = match locals(|locals| locals.replace(self.key(), Rc::new(value))) {
            Ok(Lookup::Value(before)) => Some(before),
            Ok(Lookup::Nothing) => None,
            Ok(Lookup::Dropped) | Err(_) => panic!("{GONE}"),
        };
        let _restore = Restore { key: self.key(), before };
        f()
    }

    /// Makes a closure that runs `f` with a clone of the value that this task has now: to be
    /// spawned, so that the new task has it from the start.
    ///
    /// Several keys nest: `USER.inherit(TRACE.inherit(move || serve(stream)))`.
    ///
    /// # Panics
    ///
    /// As [`LocalKey::with`].
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
    /// If the value was dropped already, as its task or thread is ending; the other methods do too.
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
    /// If it is borrowed mutably, or was dropped already.
    pub fn with_borrow<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        self.with(|cell| f(&cell.borrow()))
    }

    /// Hands the value to `f`, borrowed mutably.
    ///
    /// # Panics
    ///
    /// If it is borrowed, or was dropped already. So do the methods below.
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

/// Puts back what a key had before.
struct Restore {
    key: usize,
    before: Option<Rc<dyn Any>>,
}

impl Drop for Restore {
    fn drop(&mut self) {
        let before = self.before.take();
        let after = locals(|locals| match before {
            Some(before) => locals.replace(self.key, before),
            None => locals.remove(self.key).map_or(Lookup::Nothing, Lookup::Value),
        });
        drop(after);
    }
}
