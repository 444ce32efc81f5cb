//! Starting tasks, and what a task asks of itself.

mod options;
mod own;

use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::Arc;

use crate::join::JoinHandle;
use crate::scheduler::{self, NoFamily, Shared};
use crate::stack::SizeClass;
use crate::task::{self, Created, Family, Task};

pub(crate) use options::Options;
use options::Traits;
pub(crate) use own::running;
pub use own::{current, park, park_timeout, remaining_stack, try_current, yield_now};

/// Spawns a task and returns the right to its result.
///
/// The task is queued; it never runs before this returns, and its worker is decided when it starts.
/// Outside any runtime the default one starts. The function form of `go!`.
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
    match spawn_inner(f, Options::default(), false, Location::caller()) {
        Ok(handle) => handle,
        Err(error) => panic!("{error}"),
    }
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
    match spawn_inner(f, Options::default(), true, Location::caller()) {
        Ok(handle) => handle,
        Err(error) => panic!("{error}"),
    }
}

/// What a task is to be, before it is spawned; as [`std::thread::Builder`].
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
    /// A task without a name, with its runtime's stack size, that the program waits for.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Names the task: in its span, in reports of its panic or overflow, in errors of its join.
    ///
    /// The report of a named task's panic says which task spawned it, too. A task without a name and a span
    /// does not know: its report names its spawn site, and nothing is stored for more.
    ///
    /// A name is anything that becomes a `String`, so what std writes as `.name("x".into())` is
    /// `.name("x")` here: the type that `into` shall make could be one of several.
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

    /// Sets the stack's size in bytes. It is rounded up to a power of two, and to 32 KiB, since a panic
    /// with a backtrace needs most of that; memory is used by the page, as it is touched.
    pub fn stack_size(mut self, bytes: usize) -> Builder {
        self.options.stack_size = Some(bytes);
        self
    }

    /// Whether the program ends without waiting for the task. Daemons are cancelled at the end.
    pub fn daemon(mut self, daemon: bool) -> Builder {
        self.options.daemon = daemon;
        self
    }

    /// Spawns the task, as [`spawn`].
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a stack size that cannot be; `Other` if the runtime is closed, or the
    /// default one cannot start. [`spawn`] and `go!` do not fail on a closed runtime: the task's join
    /// tells that it was [refused](crate::join::JoinError::is_refused), as of one spawned here meanwhile.
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
        spawn_inner(f, self.options, false, Location::caller())
    }

    /// Spawns the task on this worker, as [`spawn_local`].
    ///
    /// # Errors
    ///
    /// As [`Builder::spawn`]; and `Other` outside a runtime, where there is no worker to stay on:
    /// see [`LocalRuntime`](crate::runtime::LocalRuntime).
    #[track_caller]
    #[rustfmt::skip]
    pub fn spawn_local<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T,
        F: 'static, // borrows? `Scope::spawn_local` lets local tasks borrow
        T: 'static, // borrows? return an owned value, or use `task::scope`
    {
        scheduler::check_open()?;
        spawn_inner(f, self.options, true, Location::caller())
    }
}

const NO_WORKER: &str = "spawn_local outside a runtime: this thread has no worker that the task \
     could stay on; run it in a task, or make a runtime::LocalRuntime";

/// All spawns from here of tasks without a family; a closed runtime refuses the task.
#[inline(always)]
pub(crate) fn spawn_inner<F, T>(
    f: F,
    options: Options,
    local: bool,
    at: &'static Location<'static>,
) -> io::Result<JoinHandle<T>>
where
    F: FnOnce() -> T,
{
    spawn_into_family(f, options, local, at, |handle| (NoFamily, handle))
}

/// All spawns from here; a closed runtime refuses the task.
///
/// The task enters its family by `enter`, before it is queued and if the spawn does not fail. Returned
/// is what `enter` makes of the handle.
#[inline(always)]
pub(crate) fn spawn_into_family<F, T, M, H>(
    f: F,
    options: Options,
    local: bool,
    at: &'static Location<'static>,
    enter: impl FnOnce(JoinHandle<T>) -> (M, H),
) -> io::Result<H>
where
    F: FnOnce() -> T,
    M: Family,
{
    scheduler::check_not_forked();
    match scheduler::current_worker() {
        Some(worker) => {
            let (shared, id) = (worker.shared(), worker.next_id());
            let traits = options.resolve(local, shared, id, at)?;
            let (task, handle) = create(f, traits, at, shared.id, id, enter);
            worker.spawn(task);
            Ok(handle)
        }
        None if local => Err(io::Error::other(NO_WORKER)),
        None => spawn_on(scheduler::default_shared()?, f, options, at, enter),
    }
}

/// Spawns a task on a runtime from outside of its workers.
fn spawn_on<F, T, M, H>(
    shared: &Arc<Shared>,
    f: F,
    options: Options,
    at: &'static Location<'static>,
    enter: impl FnOnce(JoinHandle<T>) -> (M, H),
) -> io::Result<H>
where
    F: FnOnce() -> T,
    M: Family,
{
    scheduler::check_not_forked();
    let id = scheduler::take_ids(1);
    let traits = options.resolve(false, shared, id, at)?;
    let (task, handle) = create(f, traits, at, shared.id, id, enter);
    shared.place(task);
    Ok(handle)
}

/// For scopes: as [`Builder::spawn`] or [`Builder::spawn_local`], with a closure that may borrow.
///
/// # Safety
///
/// What the closure and its value borrow lives until the family is told of the task's end, and until
/// the handle is gone. Nobody takes a local task's handle to another thread.
pub(crate) unsafe fn spawn_borrowing<F, T, M, H>(
    f: F,
    builder: Builder,
    local: bool,
    at: &'static Location<'static>,
    enter: impl FnOnce(JoinHandle<T>) -> (M, H),
) -> io::Result<H>
where
    F: FnOnce() -> T,
    M: Family,
{
    spawn_into_family(f, builder.options, local, at, enter)
}

/// For `Runtime::spawn`: on this runtime, wherever the caller is.
pub(crate) fn spawn_into<F, T>(
    shared: &Arc<Shared>,
    f: F,
    at: &'static Location<'static>,
) -> JoinHandle<T>
where
    F: FnOnce() -> T,
{
    let spawned = match scheduler::current_worker() {
        Some(worker) if worker.shared().id == shared.id => {
            spawn_inner(f, Options::default(), false, at)
        }
        _ => spawn_on(shared, f, Options::default(), at, |handle| (NoFamily, handle)),
    };
    spawned.expect("default options are good")
}

/// For `#[go_test]`: the body of a test.
pub(crate) fn spawn_named<F, T>(
    shared: &Arc<Shared>,
    f: F,
    class: SizeClass,
    name: &str,
    at: &'static Location<'static>,
) -> JoinHandle<T>
where
    F: FnOnce() -> T,
{
    let options =
        Options { name: Some(name.to_owned()), stack_size: Some(class.bytes()), daemon: false };
    spawn_on(shared, f, options, at, |handle| (NoFamily, handle)).expect("the options are good")
}

/// For `LocalRuntime::spawn` and its main task: on this worker, which need not be current.
pub(crate) fn spawn_at<F, T>(
    worker: &scheduler::Worker,
    f: F,
    class: Option<SizeClass>,
    name: Option<&str>,
    at: &'static Location<'static>,
) -> JoinHandle<T>
where
    F: FnOnce() -> T,
{
    let options = Options {
        name: name.map(str::to_owned),
        stack_size: class.map(SizeClass::bytes),
        daemon: false,
    };
    let (shared, id) = (worker.shared(), worker.next_id());
    let traits = options.resolve(true, shared, id, at).expect("the options are good");
    let (task, handle) = create(f, traits, at, shared.id, id, |handle| (NoFamily, handle));
    worker.spawn(task);
    handle
}

fn create<F, T, M, H>(
    f: F,
    traits: Traits,
    at: &'static Location<'static>,
    home: u32,
    id: u64,
    enter: impl FnOnce(JoinHandle<T>) -> (M, H),
) -> (task::TaskRef, H)
where
    F: FnOnce() -> T,
    M: Family,
{
    let Traits { class, kind, meta } = traits;
    let created = Created { id, home, kind, class, spawned_at: at, meta };
    task::create(f, created, |spawned| enter(JoinHandle::new(spawned)))
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        task::Naming(&self.inner).fmt(f)
    }
}
