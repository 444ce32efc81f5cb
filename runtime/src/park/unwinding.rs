//! A switch out of a task that unwinds.
//!
//! The thread's count of panics and the mark of a throw leave the thread with the task, so that no
//! task that runs meanwhile is taken for unwinding. Where the count cannot be found, no task runs
//! meanwhile: the worker waits on this task's stack until this task's wait has ended. A task that
//! waits, in the middle of its unwinding, for another task of its worker then waits for ever.

use crate::current::{self, Core, Patience};
use crate::task::{Flags, Header, Reason, Run};
use crate::unwind::Unwinding;

/// Suspends the running task, which unwinds. Its state says whether it parks or yields. `place` is
/// as that of [`super::switch`].
pub(super) fn switch(core: &Core, task: &Header, place: usize) {
    if core.panics.is_none() {
        return wait_alone(core, task);
    }
    let unwinding = Unwinding::take(core.panics);
    super::switch(task, place);
    unwinding.put_back();
}

/// Waits, or yields, without running another task.
#[cold]
fn wait_alone(core: &Core, task: &Header) {
    if task.run.get() == Run::Queued {
        // The task yields. The worker acts on its inbox, timers and I/O, and runs no task. So the
        // task's entry, which was queued last, is taken out of the queue again.
        core.ready.unpush();
        task.run.set(Run::Running);
        return current::off_task(|| (core.attend)(core, Patience::None));
    }
    // With the task as running, a wake is kept as its token, and does not queue it.
    task.run.set(Run::Running);
    while !has_come(task) {
        current::off_task(|| (core.attend)(core, Patience::Endless));
    }
}

/// Whether the task's wait has ended: a wake came, or, in a wait for I/O, something that makes it
/// fail.
fn has_come(task: &Header) -> bool {
    task.has(Flags::TOKEN)
        || task.reason.get() == Reason::Park && task.has(Flags::PERMIT)
        || task.reason.get() == Reason::Future && task.has(Flags::POLL)
        || task.reason.get().is_io() && task.is_interrupted()
}
