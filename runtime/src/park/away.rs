//! A switch out of a task that unwinds.
//!
//! What says that the thread unwinds goes with the task, so that the tasks that run meanwhile are
//! not taken for unwinding. Where the count cannot be had, none runs meanwhile: the worker waits on
//! this task's stack until what the task waits for has come. A task that waits, in the middle of
//! its unwinding, for another task of its worker then waits for ever.

use crate::current::{self, Core, Patience};
use crate::task::{Flags, Header, Reason, Run};
use crate::unwind::Unwinding;

/// Suspends the running task, which unwinds: it is parked, or queued to yield.
pub(super) fn switch(core: &Core, task: &Header) {
    if core.panics.is_none() {
        return wait_alone(core, task);
    }
    let unwinding = Unwinding::take(core.panics);
    super::switch(task);
    unwinding.put_back();
}

#[cold]
fn wait_alone(core: &Core, task: &Header) {
    if task.run.get() == Run::Queued {
        // A yield: inbox, timers and I/O go first, and no task. The entry just queued is the last
        // one.
        core.ready.unpush();
        task.run.set(Run::Running);
        return current::off_task(|| (core.attend)(core, Patience::None));
    }
    // A wake of a running task is kept as its token, and queues nothing.
    task.run.set(Run::Running);
    while !has_come(task) {
        current::off_task(|| (core.attend)(core, Patience::Endless));
    }
}

/// Whether there is a reason to go on, other than the record's own.
fn has_come(task: &Header) -> bool {
    task.has(Flags::TOKEN)
        || task.reason.get() == Reason::Park && task.has(Flags::PERMIT)
        || task.reason.get().is_io() && task.is_interrupted()
}
