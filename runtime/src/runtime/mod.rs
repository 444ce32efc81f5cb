//! Runtimes: making them, running in them, ending them.

pub(crate) mod entry;
mod local;

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock;
use crate::current;
use crate::join::JoinHandle;
use crate::observe::{OnDeadlock, RuntimeMetrics, watch};
use crate::park;
use crate::scheduler::{Plan, Shared, Threads, Worker, check_not_forked};
use crate::spawn::{Options, Placement, no_family, spawn_unchecked};
use crate::task::Reason;
use crate::unwind::AbortIfPanic;

pub use self::local::LocalRuntime;

/// The options of a runtime that is to be made.
///
/// Three variables of the environment win over what a program says, here and in
/// `#[go_main]` and `#[go_test]`, so that whoever starts a program has the last word:
///
/// | variable | wins over | otherwise |
/// |---|---|---|
/// | `GOCORO_WORKERS` | [`Builder::workers`], `workers = …` | as many as the machine runs threads at once |
/// | `GOCORO_STACK_SIZE` | [`Builder::stack_size`], `stack_size = …` | 256 KiB |
/// | `GOCORO_MAIN_STACK_SIZE` | `main_stack_size = …` of `#[go_main]` | 8 MiB |
///
/// A fourth, `GOCORO_BLOCKING_THREADS`, is for the whole process: how many threads of the
/// [blocking pool](crate::blocking::unblock) may run calls at once, instead of 256. `GOCORO_RECORD`
/// and `GOCORO_RECORD_EVENTS` have all runtimes keep a
/// [flight record](crate::observe::set_flight_record_file()). `GOCORO_INSPECT` has a program under
/// `#[go_main]` serve its live page, if gocoro was built with the feature `inspect`.
///
/// A task that sets its own stack size, as by `go!(stack_size = …)`, gets that. A [`LocalRuntime`]
/// always has one worker, the thread that made it. So code that needs a single worker to be right
/// uses a `LocalRuntime`.
///
/// # Examples
///
/// ```
/// let runtime = gocoro::runtime::Builder::new().workers(2).build().unwrap();
/// assert_eq!(runtime.run(|| gocoro::go!({ 6 * 7 }).wait()), 42);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until it builds"]
pub struct Builder {
    plan: Plan,
    stall_limit: Option<Duration>,
}

impl Builder {
    /// As many workers as the machine runs threads at once, and stacks of 256 KiB, unless the
    /// environment says otherwise.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Sets the number of worker threads, unless `GOCORO_WORKERS` does.
    pub fn workers(mut self, workers: usize) -> Builder {
        self.plan.workers = Some(workers);
        self
    }

    /// Sets the stack size, in bytes, of tasks that do not set their own, unless
    /// `GOCORO_STACK_SIZE` does.
    pub fn stack_size(mut self, bytes: usize) -> Builder {
        self.plan.stack_size = Some(bytes);
        self
    }

    /// Sets how many stacks of the default size each worker makes before it starts, so that the
    /// first tasks need not wait for stacks. A busy worker keeps them.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = gocoro::runtime::Builder::new().workers(1).warm_stacks(100).build().unwrap();
    /// # drop(runtime);
    /// ```
    pub fn warm_stacks(mut self, per_worker: usize) -> Builder {
        self.plan.warm_stacks = per_worker;
        self
    }

    /// Sets what the runtime's workers do when the program is deadlocked: by default nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::runtime::{Builder, OnDeadlock};
    ///
    /// let runtime = Builder::new().workers(1).deadlock(OnDeadlock::Report).build()?;
    /// # drop(runtime);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn deadlock(mut self, on_deadlock: OnDeadlock) -> Builder {
        self.plan.deadlocks = on_deadlock.searches();
        self
    }

    /// Has tasks reported on standard error that run for longer than `limit` without a wait, by
    /// default none: they keep their worker from its other tasks. A report says which task it is,
    /// and whether it computes or in which system call it blocks; with the cargo feature
    /// `backtrace`, on x86-64 Linux, also where. Each place that spawns tasks is reported once.
    /// Time in which the task's thread has no processor does not count, and a limit of less than 10
    /// ms counts as that.
    ///
    /// No task pays for it. A thread looks at the workers, and asks a worker's thread by a signal
    /// which task it runs: a real-time signal for which the program has no action, and which the
    /// thread does not block. The handler restarts calls as `SA_RESTART` does. Threads in calls
    /// that may end even so are not asked, and reported without the task's name: `poll`, writes,
    /// waits with a timeout, and whatever is done on sockets.
    ///
    /// A [`LocalRuntime`] is not watched, for its thread may do other things; nor is anything on
    /// systems other than Linux and Android.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::runtime::Builder;
    /// use std::time::Duration;
    ///
    /// let runtime = Builder::new().workers(1).stall_limit(Duration::from_millis(100)).build()?;
    /// # drop(runtime);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn stall_limit(mut self, limit: Duration) -> Builder {
        self.stall_limit = Some(limit);
        self
    }

    /// Sets how many events each worker records and keeps, of 32 bytes each, for
    /// [`flight_record`](crate::observe::flight_record()): as many as the next power of two. Zero,
    /// and that is so at first, records nothing. `GOCORO_RECORD_EVENTS` in the environment wins.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::runtime::{Builder, flight_record};
    ///
    /// let runtime = Builder::new().workers(2).flight_recorder(10_000).build()?;
    /// runtime.run(|| gocoro::go!({ 1 }).wait());
    /// assert!(!flight_record().is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn flight_recorder(mut self, events: usize) -> Builder {
        self.plan.recorded = Some(events);
        self
    }

    /// Makes the runtime and starts its workers.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a number of workers, a stack size or a number of recorded events (16 777
    /// 216 at most) that cannot be, in the builder or the environment. The system's error if a
    /// thread, a poll or a stack cannot be had. `TimedOut` for the first runtime of the process, if
    /// it is made inside a panic hook: make one before that.
    pub fn build(self) -> io::Result<Runtime> {
        let (shared, threads) = self.plan.start()?;
        if let Some(limit) = self.stall_limit {
            watch(&shared, limit);
        }
        Ok(Runtime { shared, threads })
    }

    /// Makes a runtime on this thread, which runs tasks when it is told to. The thread is its only
    /// worker, whatever [`Builder::workers`] or the environment says.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn build_local(self) -> io::Result<LocalRuntime> {
        let worker = Worker::new(self.plan.prepare_local()?)?;
        Ok(LocalRuntime { worker, _on_this_thread: PhantomData })
    }
}

/// Worker threads and the tasks on them.
///
/// A program needs no runtime of its own: `#[go_main]` makes one, and `go!` outside of any starts
/// the default one. Several runtimes may exist at once. What a task spawns stays in the task's
/// runtime.
///
/// Dropping a runtime cancels its tasks and waits until all have ended, however long they take.
/// [`Runtime::shutdown`] bounds that. The drop does not wait in one of the runtime's own tasks, nor
/// inside a [`LocalRuntime`] that such a task runs.
pub struct Runtime {
    shared: Arc<Shared>,
    threads: Threads,
}

impl Runtime {
    /// Makes a runtime with the defaults of [`Builder::new`].
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn new() -> io::Result<Runtime> {
        Builder::new().build()
    }

    /// Runs `f` as a task of this runtime and returns its value. Tasks that `f` has spawned go on.
    ///
    /// # Parks
    ///
    /// Until `f` has returned. `f` may borrow from the caller, so the wait cannot be cancelled. On
    /// a plain thread it blocks the thread.
    ///
    /// # Panics
    ///
    /// With the panic of `f`, or if no stack can be had for the task.
    ///
    /// # Examples
    ///
    /// ```
    /// let words = vec!["a", "b"];
    /// let runtime = gocoro::runtime::Runtime::new().unwrap();
    /// assert_eq!(runtime.run(|| words.len()), 2);
    /// ```
    #[track_caller]
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        let place = Placement::On(&self.shared);
        // SAFETY: the closure and its value are `Send`.
        unsafe { run_to_end(f, Options::default(), place, |_| ()) }
    }

    /// Spawns a task on this runtime, from any task or thread.
    ///
    /// # Parks
    ///
    /// As [`task::spawn`](crate::spawn::spawn).
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = gocoro::runtime::Runtime::new().unwrap();
    /// assert_eq!(runtime.spawn(|| 42).wait(), 42);
    /// ```
    #[track_caller]
    #[rustfmt::skip]
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T,
        F: Send,    // not `Send`? `LocalRuntime::spawn` takes it
        F: 'static, // borrows? `Runtime::run` and `task::scope` let tasks borrow
        T: Send,    // not `Send`? `LocalRuntime::spawn` takes it
        T: 'static, // borrows? return an owned value
    {
        let (options, place) = (Options::default(), Placement::On(&self.shared));
        // SAFETY: the closure and its value are `Send`, and borrow nothing.
        let spawned = unsafe { spawn_unchecked(f, options, place, Location::caller(), no_family) };
        spawned.expect("default options are good")
    }

    /// Waits until every task of this runtime that is not a daemon has ended.
    ///
    /// # Parks
    ///
    /// Until these tasks have ended. On a plain thread it blocks the thread.
    ///
    /// # Panics
    ///
    /// In a task of this runtime, which would wait for its own end.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = gocoro::runtime::Runtime::new().unwrap();
    /// let handle = runtime.spawn(|| 42);
    /// runtime.wait_idle();
    /// assert!(handle.is_finished());
    /// ```
    pub fn wait_idle(&self) {
        assert!(!self.is_own(), "wait_idle in a task of the same runtime would wait for itself");
        park::spent();
        self.wait_for(Reason::Join, None, Shared::is_quiet);
    }

    /// Reads the runtime's numbers: see [`metrics`](crate::observe::metrics), which reads those of
    /// all runtimes.
    ///
    /// # Parks
    ///
    /// Never.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = gocoro::runtime::Runtime::new()?;
    /// runtime.spawn(|| ());
    /// assert_eq!(runtime.metrics().spawned(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn metrics(&self) -> RuntimeMetrics {
        RuntimeMetrics::of(&self.shared)
    }

    /// Cancels all tasks, refuses new ones, and ends the workers, unless that takes longer than
    /// `grace`.
    ///
    /// # Parks
    ///
    /// Until the workers have ended, or `grace` is over. On a plain thread it blocks the thread.
    ///
    /// # Errors
    ///
    /// The runtime comes back if tasks are left. It stays closed, and can be shut down again.
    ///
    /// # Panics
    ///
    /// In a task of this runtime, which would wait for its own end.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = gocoro::runtime::Runtime::new().unwrap();
    /// let waits = runtime.spawn(|| gocoro::task::park());
    /// runtime.shutdown(Duration::from_secs(60)).unwrap();
    /// assert!(waits.join().unwrap_err().is_cancelled());
    /// ```
    pub fn shutdown(mut self, grace: Duration) -> Result<(), Runtime> {
        assert!(!self.is_own(), "shutdown in a task of the same runtime would wait for itself");
        self.shared.close();
        if !self.wait_for(Reason::Join, clock::after(grace), Shared::all_ended) {
            return Err(self);
        }
        self.threads.join();
        Ok(())
    }

    fn is_own(&self) -> bool {
        current::is_inside(self.shared.id)
    }

    fn wait_for(
        &self,
        reason: Reason,
        deadline: Option<Instant>,
        done: impl Fn(&Shared) -> bool,
    ) -> bool {
        check_not_forked();
        self.shared.wait_until(reason, deadline, done)
    }
}

/// Runs `f` as a task, and returns its value when it has ended. `drive` runs before the join: it
/// may run the task, or leave that to others. `f` may borrow from the caller.
///
/// # Safety
///
/// `f` and its value are `Send`, or stay on the thread of the caller, whose worker `place` names.
#[track_caller]
unsafe fn run_to_end<T>(
    f: impl FnOnce() -> T,
    options: Options,
    place: Placement<'_>,
    drive: impl FnOnce(&JoinHandle<()>),
) -> T {
    let mut result = None;
    let body = || result = Some(f());
    let abort = AbortIfPanic("running a runtime's task");
    // SAFETY: neither a cancel nor an expiry cuts `join_uncut` short, an unwinding before it
    // aborts, and a task that is done has dropped its closure. So the closure does not outlive what
    // it borrows. The caller sees to it that the closure may be where `place` runs it. The task's
    // own value is `()`.
    let spawned = unsafe { spawn_unchecked(body, options, place, Location::caller(), no_family) };
    let handle = spawned.expect("the options of a runtime's task are good");
    drive(&handle);
    let ended = handle.join_uncut();
    std::mem::forget(abort);
    match ended {
        Ok(()) => result.expect("a task that returned has left its result"),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => panic!("{error}"),
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.shared.close();
        // Where panics abort, tasks cannot be unwound, so workers with started tasks stay for ever.
        if self.is_own() || cfg!(panic = "abort") {
            return;
        }
        current::waits().shielded(|| self.wait_for(Reason::Children, None, Shared::all_ended));
        self.threads.join();
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("shared", &self.shared).finish_non_exhaustive()
    }
}
