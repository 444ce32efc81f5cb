//! What runs on a task's stack before and after its closure, and what is told of a fault there.

use std::thread;

use super::refuse;
use super::worker::worker_of;
use crate::current;
use crate::join;
use crate::stack::Fault;
use crate::task::word::Completed;
use crate::task::{Flags, Reason, Run, TaskRef};
use crate::trace;
use crate::unwind::AbortIfPanic;

/// What an idle stack does: runs the current task, if there is one.
pub(super) fn job() -> bool {
    let Some((core, task)) = current::task() else {
        return false;
    };
    let mut span = task.take_span();
    if let Some(span) = &span {
        current::off_task(|| trace::enter(span));
    }
    let abort = AbortIfPanic("ending a task");
    let worker = worker_of(core);
    let cancelled = task.has(Flags::CANCEL);
    let refused = cancelled && task.reason.get() == Reason::Refused;
    let wanted = if refused {
        // SAFETY: this worker claimed the task, and its stack runs it once.
        unsafe { refuse::drop_on_own_stack(task) }
    } else {
        // SAFETY: as above.
        unsafe { task.execute(cancelled) }
    };
    if task.has(Flags::PANICKED) {
        worker.shared.count_panic();
    }
    // A subscriber's code, which may take its time: before DONE, after which a joiner may have to
    // wait for this thread without being able to leave.
    let leave_spans = || {
        if span.is_some() || trace::is_on() {
            current::off_task(|| {
                // Also what the task entered and forgot.
                drop(trace::take_off());
                trace::close(span.take());
            });
        }
    };
    // SAFETY: this worker claimed the task, and `wanted` is what its closure's end has answered.
    let completed = unsafe { task.complete(wanted, leave_spans) };
    let Completed::Done { joiner, link } = completed else { unreachable!("that ends a task") };
    if joiner {
        // SAFETY: the task is DONE with JOINER, which is told once.
        unsafe { join::wake_joiner(task) };
    }
    if let Some(panics) = core.panics.filter(|_| thread::panicking()) {
        // It left a coroutine of its own behind, suspended in the middle of an unwinding.
        drop(panics.take());
    }
    if link {
        // The link is on its way to the inbox, and holds the task until it is drained.
        // SAFETY: the worker holds a reference until this stack has suspended.
        std::mem::forget(unsafe { TaskRef::retain(task) });
        core.links_due.set(core.links_due.get() + 1);
    }
    if refused {
        // Destructors that waited have set another reason. By this one the worker knows whose stack
        // it gets back.
        task.reason.set(Reason::Refused);
    }
    task.run.set(Run::Done);
    std::mem::forget(abort);
    true
}

/// What to report of a fault at this address, if it lies in the guard of the running task, or of a
/// task that runs the worker of that one.
pub(super) fn fault(address: usize) -> Option<Fault> {
    let (task, class) = current::tasks().find_map(|task| {
        // SAFETY: on the thread of the task that runs.
        let stack = unsafe { task.stack() }?;
        let class = task.class.get();
        stack.guard(class).contains(&address).then_some((task, class))
    })?;
    // SAFETY: the process ends before the task does.
    let name = task.name().map(|name| unsafe { &*std::ptr::from_ref::<str>(name) });
    let at = task.spawned_at;
    Some(Fault { name, id: task.id, file: at.file(), line: at.line(), bytes: class.bytes() })
}
