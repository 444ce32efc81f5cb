//! The runtime on the current thread.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use super::{Builder, run_to_end};
use crate::clock;
use crate::join::JoinHandle;
use crate::observe::RuntimeMetrics;
use crate::scheduler::{Wait, Worker, leave};
use crate::spawn::{Options, Placement, no_family, spawn_unchecked};
use crate::stack;
use crate::unwind::AbortIfPanic;

/// A runtime on the thread that made it, which runs tasks when it is told to.
///
/// The tasks of a `LocalRuntime` need not be `Send`, and it fits into a loop that somebody else
/// owns. While it runs it blocks the thread, also inside a task of another runtime.
///
/// Dropping it cancels its tasks and runs them until all have ended.
///
/// Under `panic = "abort"` nothing can unwind started tasks. They stay suspended for ever, with
/// their memory, and so does the thread that dropped the runtime. The thread goes on, but when it
/// should end, it says so and waits: its tasks may have lent what would be destroyed then. So
/// nobody should join that thread. A program still ends when `main` does, or by
/// [`process::exit`](std::process::exit).
///
/// # Examples
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// let mut runtime = gocoro::runtime::Builder::new().build_local().unwrap();
/// let sum = Rc::new(Cell::new(0));
/// for n in 1..=3 {
///     let sum = sum.clone();
///     runtime.spawn(move || sum.set(sum.get() + n));
/// }
/// runtime.run_until_idle();
/// assert_eq!(sum.get(), 6);
/// ```
pub struct LocalRuntime {
    pub(super) worker: Rc<Worker>,
    pub(super) _on_this_thread: PhantomData<*const ()>,
}

impl LocalRuntime {
    /// Makes a runtime on this thread with the defaults of [`Builder::new`].
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn new() -> io::Result<LocalRuntime> {
        Builder::new().build_local()
    }

    /// Runs `f` as a task, and the other tasks beside it, until `f` has returned.
    ///
    /// # Parks
    ///
    /// Never: it blocks the thread, which runs the tasks.
    ///
    /// # Panics
    ///
    /// With the panic of `f`, or if no stack can be had for the task.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut runtime = gocoro::runtime::LocalRuntime::new().unwrap();
    /// assert_eq!(runtime.run(|| gocoro::go!(local => { 42 }).wait()), 42);
    /// ```
    #[track_caller]
    pub fn run<T>(&mut self, f: impl FnOnce() -> T) -> T {
        let (options, place) =
            (Options::of_main(stack::main_class()), Placement::Worker(&self.worker));
        let drive = |task: &JoinHandle<()>| {
            let _inside = self.worker.enter();
            while !task.is_finished() {
                self.worker.turn(Wait::Yes);
            }
        };
        // SAFETY: the closure and its value stay on this worker.
        unsafe { run_to_end(f, options, place, drive) }
    }

    /// Spawns a task, which runs when this runtime is next told to run.
    ///
    /// # Parks
    ///
    /// Never.
    #[track_caller]
    #[rustfmt::skip]
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T,
        F: 'static, // borrows? `LocalRuntime::run` and `task::scope` let tasks borrow
        T: 'static, // borrows? return an owned value
    {
        let (options, place) = (Options::default(), Placement::Worker(&self.worker));
        // SAFETY: the closure and its value borrow nothing, and stay on this worker.
        let spawned = unsafe { spawn_unchecked(f, options, place, Location::caller(), no_family) };
        spawned.expect("default options are good")
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
    /// let runtime = gocoro::runtime::LocalRuntime::new()?;
    /// runtime.spawn(|| ());
    /// assert_eq!(runtime.metrics().spawned(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn metrics(&self) -> RuntimeMetrics {
        self.worker.show();
        RuntimeMetrics::of(self.worker.shared())
    }

    /// Runs until every task that is not a daemon has ended.
    ///
    /// # Parks
    ///
    /// Never: it blocks the thread, which runs the tasks.
    pub fn run_until_idle(&mut self) {
        let _inside = self.worker.enter();
        while !self.worker.shared().is_quiet() {
            self.worker.turn(Wait::Yes);
        }
    }

    /// Runs runnable tasks, up to a batch. If there are none, waits up to `timeout` for something
    /// to come, or without a limit for `None`. `false`: nothing ran, and the time was up; or there
    /// is no limit, and no task for which something could come.
    ///
    /// This is for a loop that somebody else owns.
    ///
    /// # Parks
    ///
    /// Never: it blocks the thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut runtime = gocoro::runtime::LocalRuntime::new().unwrap();
    /// assert!(!runtime.poll_once(Some(Duration::ZERO)));
    /// runtime.spawn(|| ());
    /// assert!(runtime.poll_once(Some(Duration::ZERO)));
    /// ```
    pub fn poll_once(&mut self, timeout: Option<Duration>) -> bool {
        let wait = match timeout {
            None if self.worker.is_idle() => Wait::No,
            None => Wait::Yes,
            Some(Duration::ZERO) => Wait::No,
            Some(timeout) => clock::after(timeout).map_or(Wait::Yes, Wait::Until),
        };
        let _inside = self.worker.enter();
        loop {
            if self.worker.turn(wait) {
                return true;
            }
            // A sleep may end early, and for no reason.
            match wait {
                Wait::Yes => {}
                Wait::Until(at) if clock::now() < at => {}
                Wait::Until(_) | Wait::No => return false,
            }
        }
    }
}

impl Drop for LocalRuntime {
    fn drop(&mut self) {
        self.worker.shared().close();
        let abort = AbortIfPanic("ending a runtime");
        let inside = self.worker.enter();
        if cfg!(panic = "abort") && self.worker.has_live() {
            self.worker.start_all();
            if self.worker.has_live() {
                drop(inside);
                std::mem::forget(abort);
                return leave(self.worker.clone());
            }
        }
        self.worker.run_to_end();
        self.worker.end();
        drop(inside);
        std::mem::forget(abort);
    }
}

impl fmt::Debug for LocalRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalRuntime").field("worker", &self.worker).finish_non_exhaustive()
    }
}
