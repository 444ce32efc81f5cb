//! What other threads, and signal handlers, may see of what a worker runs: for whoever looks for
//! tasks that keep their worker from others.

use std::fmt;

use super::Worker;
use crate::clock::Coarse;
use crate::counters::Counter;
use crate::current::{self, Core};
use crate::lock::Lock;
use crate::stack::Stack;
use crate::task::Header;

/// Whether a worker goes on, and where it runs. A worker that is gone has none.
pub(crate) struct Pulse(Lock<Option<Beats>>);

struct Beats {
    /// The worker's thread, as the system numbers it.
    thread: i32,
    /// The count of the worker's picks, in its core.
    picked: *const Counter,
}

// SAFETY: a `Beats` is looked at under its lock alone, and is gone from there before what it points
// to. The count itself any thread may read.
unsafe impl Send for Beats {}

/// A worker as it is now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beat {
    pub(crate) thread: i32,
    /// How often the worker has picked a task.
    pub(crate) picked: u64,
    /// What to tell the worker by from others.
    pub(crate) mark: usize,
}

impl Pulse {
    /// The pulse of a worker that has not begun.
    pub(super) fn new() -> Pulse {
        Pulse(Lock::new(None))
    }

    /// By the thread of a worker that has this core, which stays where it is until the pulse is
    /// [stopped](Pulse::stop).
    pub(super) fn start(&self, core: &Core) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        // SAFETY: the call has no preconditions.
        let thread = unsafe { libc::gettid() };
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let thread = 0;
        *self.0.lock() = Some(Beats { thread, picked: &raw const core.picked });
    }

    pub(super) fn stop(&self) {
        *self.0.lock() = None;
    }

    /// `None`: the worker has not begun, or is gone.
    pub(crate) fn beat(&self) -> Option<Beat> {
        let beats = self.0.lock();
        let Beats { thread, picked } = beats.as_ref()?;
        // SAFETY: the core lasts until the pulse is stopped, which needs the lock.
        let count = unsafe { &**picked }.get();
        Some(Beat { thread: *thread, picked: count, mark: picked.addr() })
    }
}

impl fmt::Debug for Pulse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pulse").finish_non_exhaustive()
    }
}

/// What a worker runs, as a signal handler on the worker's thread finds it. The handler's stack is
/// small, and without optimisation calls are large.
pub(crate) struct Busy<'a> {
    pub(crate) task: &'a Header,
    /// When the worker's turn began, in which the task runs.
    pub(crate) since: Coarse,
    core: &'a Core,
}

/// Where the code of a stack stands, and where the memory of its frames ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frames {
    pub(crate) pc: usize,
    pub(crate) sp: usize,
    pub(crate) fp: usize,
    pub(crate) end: usize,
}

impl Frames {
    pub(crate) const NONE: Frames = Frames { pc: 0, sp: 0, fp: 0, end: 0 };
}

/// What the worker with this mark runs. Called by a signal handler, on any thread. `None`: this is
/// no thread of that worker, or it runs no task.
pub(crate) fn busy<'a>(mark: usize) -> Option<Busy<'a>> {
    for core in current::cores() {
        if (&raw const core.picked).addr() == mark {
            // SAFETY: a worker holds a reference to the task that it runs, and this is the worker's
            // thread, which does nothing else before the handler has returned.
            let task = unsafe { core.task.get().as_ref() }?;
            return Some(Busy { task, since: core.turned.get(), core });
        }
    }
    None
}

impl Busy<'_> {
    /// Tells `each` the stacks of the task, innermost first: that of the code that the handler has
    /// interrupted, where that stands as `at` says, then those of coroutines that have resumed the
    /// code, and the task's own. There is none if the code runs on a stack that is none of
    /// gocoro's. `false`: there are more, of which the engine does not tell.
    pub(crate) fn each_stack(&self, at: Frames, each: &mut dyn FnMut(Frames)) -> bool {
        let (mut inner, mut is_over): (Option<&Stack>, bool) = (None, false);
        current::each_stack(self.core, &mut |stack, class| {
            let frames = match inner {
                _ if is_over => return,
                None => {
                    let usable = stack.usable(class);
                    if !usable.contains(&at.sp) {
                        return;
                    }
                    Some(Frames { end: usable.end, ..at })
                }
                // SAFETY: this is the thread of both stacks. The code of the inner one runs, or has
                // resumed what runs, and nothing of that changes before the handler has returned.
                Some(inner) => unsafe { resumer(stack, inner) },
            };
            inner = Some(stack);
            match frames {
                Some(frames) => each(frames),
                None => is_over = true,
            }
        });
        !is_over
    }
}

/// Where the code of `outer` stands, which has resumed `inner`. `None`: the engine does not tell.
///
/// # Safety
///
/// As for `Stack::resumed`.
#[cfg(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64"))]
unsafe fn resumer(outer: &Stack, inner: &Stack) -> Option<Frames> {
    // SAFETY: the caller's promise.
    let stack = unsafe { outer.resumed(inner) }?;
    Some(Frames { pc: stack.pc, sp: stack.sp, fp: stack.fp, end: stack.end()? })
}

#[cfg(not(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64")))]
unsafe fn resumer(_outer: &Stack, _inner: &Stack) -> Option<Frames> {
    None
}

impl Worker {
    /// Shows to other threads that this worker goes on.
    pub(super) fn start_pulse(&self) {
        self.seat().pulse.start(self.core());
    }
}
