//! Starting tasks, and what a task asks of itself.

mod alarm;
mod options;
mod own;
mod unchecked;

use std::io;
use std::panic::Location;

use crate::join::JoinHandle;
use crate::scheduler;
use crate::task::Family;

pub(crate) use alarm::Alarm;
pub(crate) use options::Options;
pub(crate) use own::running;
pub use own::{current, park, park_timeout, remaining_stack, try_current, yield_now};
pub(crate) use unchecked::{Placement, no_family, spawn_unchecked};

/// Spawns a task and returns the right to its result. This is the function form of `go!`.
///
/// The task is queued: it never runs before this returns, and its worker is decided when it starts.
/// Outside any runtime the default one is used, and started if need be.
///
/// # Parks
///
/// Never: tasks may be spawned with a lock of std's in hand.
///
/// # Examples
///
/// ```
/// let handle = gocoro::task::spawn(|| 1 + 1);
/// assert_eq!(handle.wait(), 2);
/// ```
#[track_caller]
#[rustfmt::skip]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T,
    F: Send,    // not `Send`? `go!(local => ..)` keeps the task here; a lock guard: lock in the task
    F: 'static, // borrows? `task::scope` lets tasks borrow; or move it in, or `go!(clone(x) => { .. })`
    T: Send,    // not `Send`? `go!(local => ..)` keeps the task on this worker
    T: 'static, // borrows? return an owned value, or use `task::scope`
{
    spawned(Builder::new().spawn_at(f, Location::caller()))
}

/// Spawns a task that stays on this worker, so that neither the closure nor its result has to be
/// `Send`.
///
/// # Parks
///
/// Never: tasks may be spawned with a lock of std's in hand.
///
/// # Panics
///
/// Outside a runtime: on a plain thread there is no worker to stay on.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
///
/// let count = gocoro::runtime::Builder::new().build_local().unwrap().run(|| {
///     let shared = Rc::new(5);
///     let theirs = shared.clone();
///     gocoro::task::spawn_local(move || *theirs + 1).wait()
/// });
/// assert_eq!(count, 6);
/// ```
#[track_caller]
#[rustfmt::skip]
pub fn spawn_local<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T,
    F: 'static, // borrows? `Scope::spawn_local` lets local tasks borrow
    T: 'static, // borrows? return an owned value, or use `task::scope`
{
    spawned(Builder::new().spawn_local_at(f, Location::caller()))
}

/// The options of a task that is to be spawned, as [`std::thread::Builder`].
///
/// # Examples
///
/// ```
/// let handle = gocoro::task::Builder::new()
///     .name("parser")
///     .stack_size(128 * 1024)
///     .spawn(|| gocoro::task::current().name().map(str::to_owned))
///     .unwrap();
/// assert_eq!(handle.wait().as_deref(), Some("parser"));
/// ```
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until it spawns"]
pub struct Builder {
    pub(crate) options: Options,
}

impl Builder {
    /// A task without a name, with the stack size of its runtime, for which the program waits at
    /// its end.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Names the task: in its span, in reports of its panic or stack overflow, and in errors of its
    /// join.
    ///
    /// The report of a named task's panic also says which task spawned it. A task with neither name
    /// nor span does not know its parent, so that nothing is stored for it: its report names the
    /// spawn site alone.
    ///
    /// A name is anything that becomes a `String`. What std writes as `.name("x".into())` is
    /// `.name("x")` here, since `into` might make one of several types.
    ///
    /// # Panics
    ///
    /// If the name contains a null byte, as [`std::thread::Builder::spawn`] does.
    #[track_caller]
    pub fn name(mut self, name: impl Into<String>) -> Builder {
        let name = name.into();
        assert!(!name.contains('\0'), "task name may not contain interior null bytes: {name:?}");
        self.options.name = Some(name);
        self
    }

    /// Sets the stack's size in bytes. The size is rounded up to a power of two, and to 32 KiB at
    /// least, since a panic with a backtrace needs most of that. Memory is used by the page, as it
    /// is touched.
    pub fn stack_size(mut self, bytes: usize) -> Builder {
        self.options.stack_size = Some(bytes);
        self
    }

    /// Sets whether the program ends without waiting for the task. Daemons are cancelled at the
    /// end.
    pub fn daemon(mut self, daemon: bool) -> Builder {
        self.options.daemon = daemon;
        self
    }

    /// Spawns the task as [`spawn`] does.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a stack size that cannot be; `Other` if the runtime is closed, or if the
    /// default runtime cannot start. [`spawn`] and `go!` do not fail on a closed runtime: the error
    /// of the task's join says that the task was [refused](crate::join::JoinError::is_refused). The
    /// same goes for a task that is spawned here while the runtime is being closed.
    #[track_caller]
    #[rustfmt::skip]
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T,
        F: Send,    // not `Send`? `spawn_local` keeps the task on this worker
        F: 'static, // borrows? `task::scope` lets tasks borrow; or move it in
        T: Send,    // not `Send`? `spawn_local` keeps the task on this worker
        T: 'static, // borrows? return an owned value, or use `task::scope`
    {
        scheduler::check_open()?;
        self.spawn_at(f, Location::caller())
    }

    /// Spawns the task on this worker, as [`spawn_local`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Builder::spawn`], and `Other` outside a runtime, where there is no worker to stay
    /// on: see [`LocalRuntime`](crate::runtime::LocalRuntime).
    #[track_caller]
    #[rustfmt::skip]
    pub fn spawn_local<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T,
        F: 'static, // borrows? `Scope::spawn_local` lets local tasks borrow
        T: 'static, // borrows? return an owned value, or use `task::scope`
    {
        scheduler::check_open()?;
        self.spawn_local_at(f, Location::caller())
    }

    /// Spawns as [`Builder::spawn`] does, with this spawn site. A closed runtime is no error here:
    /// it refuses the task.
    #[inline(always)]
    pub(crate) fn spawn_at<F, T>(
        self,
        f: F,
        at: &'static Location<'static>,
    ) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_into(f, at, no_family)
    }

    /// Spawns as [`Builder::spawn_at`] does, into the family that `enter` makes the task a member
    /// of.
    #[inline(always)]
    pub(crate) fn spawn_into<F, T, M, H>(
        self,
        f: F,
        at: &'static Location<'static>,
        enter: impl FnOnce(JoinHandle<T>) -> (M, H),
    ) -> io::Result<H>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
        M: Family,
    {
        // SAFETY: the closure and its value are `Send`, and borrow nothing.
        unsafe { spawn_unchecked(f, self.options, Placement::Here, at, enter) }
    }

    /// Spawns as [`Builder::spawn_local`] does, with this spawn site. A closed runtime is no error
    /// here: it refuses the task.
    #[inline(always)]
    pub(crate) fn spawn_local_at<F, T>(
        self,
        f: F,
        at: &'static Location<'static>,
    ) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + 'static,
        T: 'static,
    {
        // SAFETY: the closure and its value borrow nothing, and stay on this worker.
        unsafe { spawn_unchecked(f, self.options, Placement::Local, at, no_family) }
    }
}

/// What was spawned, for those spawns that panic with the error.
#[track_caller]
pub(crate) fn spawned<H>(spawned: io::Result<H>) -> H {
    match spawned {
        Ok(handle) => handle,
        Err(error) => panic!("{error}"),
    }
}
