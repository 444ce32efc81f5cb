//! The options of a task that is spawned as a thread.

use std::env;
use std::io;
use std::panic::Location;
use std::sync::OnceLock;

use super::handle::JoinHandle;
use super::scoped::{Scope, ScopedJoinHandle};
use crate::limits::STACK_BYTES_THREAD;
use crate::spawn::{self, Options, Placement, no_family, spawn_unchecked};
use crate::stack;

/// The options of a task that is to be spawned. As [`std::thread::Builder`].
///
/// # Examples
///
/// ```
/// use gocoro::thread;
///
/// let builder = thread::Builder::new().name("parser".into()).stack_size(512 * 1024);
/// let handle = builder.spawn(|| thread::current().name().map(str::to_owned)).unwrap();
/// assert_eq!(handle.join().unwrap().as_deref(), Some("parser"));
/// ```
#[must_use = "must eventually spawn the thread"]
#[derive(Debug)]
pub struct Builder {
    name: Option<String>,
    stack_size: Option<usize>,
}

impl Builder {
    /// A task without a name, with the stack that [`Builder::stack_size`] speaks of.
    #[expect(clippy::new_without_default, reason = "std's has none")]
    pub fn new() -> Builder {
        Builder { name: None, stack_size: None }
    }

    /// Names the task: in reports of its panic or stack overflow. The name must not contain null
    /// bytes, which the spawn refuses.
    pub fn name(mut self, name: String) -> Builder {
        self.name = Some(name);
        self
    }

    /// Sets the stack's size in bytes. The size is rounded up to a power of two, and to 32 KiB at
    /// least. Memory is used by the page, as it is touched.
    ///
    /// A task that does not set its own gets what `GOCORO_STACK_SIZE` says. If that variable is not
    /// set, it gets what `RUST_MIN_STACK` says, or else 2 MiB, as std's threads do; and what its
    /// runtime gives to other tasks, if that is more.
    pub fn stack_size(mut self, size: usize) -> Builder {
        self.stack_size = Some(size);
        self
    }

    /// Spawns the task, as [`spawn`](super::spawn()) does.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a stack size that cannot be; `Other` if the default runtime cannot start.
    /// If there is no memory for the stack, that shows when the task would start: the error of
    /// [`JoinHandle::join`] says so. It also says if the runtime was closed already. That is no
    /// error here, since programs take the result for granted: a pool may do so in the destructor
    /// that replaces a thread, and destructors run while a program ends.
    ///
    /// # Panics
    ///
    /// If the name contains a null byte.
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T,
        F: Send + 'static,
        T: Send + 'static,
    {
        self.spawn_at(f, Location::caller())
    }

    /// Spawns the task without a bound on how long what it borrows lives.
    ///
    /// # Errors
    ///
    /// As [`Builder::spawn`].
    ///
    /// # Panics
    ///
    /// As [`Builder::spawn`].
    ///
    /// # Safety
    ///
    /// What the closure and its value borrow lives until the task was joined. That is so if the
    /// handle is joined before any of it goes, or if nothing is borrowed.
    #[track_caller]
    pub unsafe fn spawn_unchecked<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T,
        F: Send,
        T: Send,
    {
        let (options, at) = (self.options(), Location::caller());
        // SAFETY: the closure and its value are `Send`. What they borrow lives until the handle is
        // joined, as the caller promises; and a join returns when the task has ended.
        let task = unsafe { spawn_unchecked(f, options, Placement::Here, at, no_family) }?;
        Ok(JoinHandle::new(task))
    }

    /// Spawns the task in a scope, as [`Scope::spawn`] does.
    ///
    /// # Errors
    ///
    /// As [`Builder::spawn`].
    ///
    /// # Panics
    ///
    /// As [`Builder::spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::thread;
    ///
    /// let text = String::from("abc");
    /// let length = thread::scope(|s| {
    ///     let builder = thread::Builder::new().name("measures".into());
    ///     builder.spawn_scoped(s, || text.len()).unwrap().join().unwrap()
    /// });
    /// assert_eq!(length, 3);
    /// ```
    #[track_caller]
    pub fn spawn_scoped<'scope, 'env, F, T>(
        self,
        scope: &'scope Scope<'scope, 'env>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        scope.spawn_at(self, f, Location::caller())
    }

    /// Spawns as [`Builder::spawn`] does, with this spawn site.
    pub(super) fn spawn_at<F, T>(
        self,
        f: F,
        at: &'static Location<'static>,
    ) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let builder = spawn::Builder { options: self.options() };
        builder.spawn_at(f, at).map(JoinHandle::new)
    }

    /// What these options are for a task.
    #[track_caller]
    pub(super) fn options(self) -> Options {
        if let Some(name) = &self.name {
            assert!(
                !name.contains('\0'),
                "thread name may not contain interior null bytes: {name:?}"
            );
        }
        Options {
            name: self.name,
            stack_size: self.stack_size,
            stack_at_least: stack_at_least(),
            // As std's threads, it ends with the program.
            daemon: true,
        }
    }
}

/// The stack size, in bytes, of tasks that do not set their own. `None`: the runtime's, for the
/// environment says what that is.
fn stack_at_least() -> Option<usize> {
    static BYTES: OnceLock<Option<usize>> = OnceLock::new();
    *BYTES.get_or_init(|| {
        if env::var_os("GOCORO_STACK_SIZE").is_some() {
            return None;
        }
        let wanted = env::var("RUST_MIN_STACK").ok().and_then(|text| text.parse().ok());
        // A hard limit on stacks may permit fewer bytes than usual, and then threads have those.
        Some(wanted.unwrap_or_else(|| stack::class_of_at_most(STACK_BYTES_THREAD).bytes()))
    })
}
