//! What runs on a task's stack around its closure, and what is reported of a fault there.

use std::ptr::NonNull;
use std::thread;

use super::refuse;
use crate::current;
use crate::join;
use crate::stack::{Fault, Who};
use crate::task::{Flags, Header, How, Naming, Run, TaskRef};
use crate::trace;
use crate::unwind::AbortIfPanic;

/// Runs a task to its end: the job of a task's stack.
///
/// # Safety
///
/// `task` points to the [`Header`] of a task that this worker has claimed and runs now, on the
/// task's own stack, for the first time.
pub(super) unsafe fn run(task: NonNull<()>) {
    // SAFETY: the worker holds a reference to the task that it runs until the task's stack has
    // suspended, after this function.
    let task = unsafe { task.cast::<Header>().as_ref() };
    let mut span = task.take_span();
    if let Some(span) = &span {
        current::off_task(|| trace::enter(span));
    }
    let abort = AbortIfPanic("ending a task");
    let wanted = if task.has(Flags::REFUSED) {
        // SAFETY: this worker claimed the task, and the task's stack runs it once.
        unsafe { refuse::drop_on_own_stack(task) }
    } else {
        let how = if task.has(Flags::CANCEL) { How::Cancel } else { How::Run };
        // SAFETY: this worker claimed the task, and the task's stack runs it once.
        unsafe { task.execute(how) }
    };
    if !task.waits.are_free() {
        left_open(task);
    }
    // A subscriber's code may take its time, so it runs before DONE: after that a joiner may have
    // to wait for this thread, and cannot leave.
    let mut told = false;
    let leave_spans = || {
        if span.is_some() || trace::is_on() {
            current::off_task(|| {
                if !std::mem::replace(&mut told, true) {
                    trace::ended(task);
                }
                // This also closes spans that the task has entered and forgotten.
                drop(trace::take_off());
                trace::close(span.take());
            });
        }
    };
    // SAFETY: this worker claimed the task, and `wanted` is what `execute` or `drop_on_own_stack`
    // returned.
    let completed = unsafe { task.complete(wanted, leave_spans) };
    let core = current::core().expect("a task runs on its worker");
    if completed.joiner {
        // SAFETY: the task is DONE with JOINER, which only the one call of `complete` reports.
        unsafe { join::wake_joiner_by(core, task) };
    }
    if let Some(panics) = core.panics.filter(|_| thread::panicking()) {
        // The task has left behind a coroutine of its own that is suspended in the middle of an
        // unwinding.
        drop(panics.take());
    }
    if completed.link {
        // SAFETY: the worker holds a reference to the task until this stack has suspended. The new
        // reference belongs to the link, which is on its way to the inbox, until `drain` has taken
        // it.
        std::mem::forget(unsafe { TaskRef::retain(task) });
        core.links_due.set(core.links_due.get() + 1);
    }
    task.run.set(Run::Done);
    std::mem::forget(abort);
}

/// Ends the process: a coroutine of another library, which the task has resumed, is suspended
/// inside of something that bounds the task's waits, and would touch the task when it goes on.
#[cold]
#[inline(never)]
fn left_open(task: &Header) -> ! {
    eprintln!(
        "gocoro: {} has ended, and a coroutine of another library is suspended inside of a \
         `timeout`, `io_deadline`, `shield`, scope, task-local `scope` or `future::wait` that the \
         task has begun; let it end before; aborting",
        Naming(task)
    );
    std::process::abort();
}

/// Describes the fault, if the address lies in the guard of the running task's stack, of a
/// coroutine that runs on this thread, or of a task that runs the worker of the running one.
pub(super) fn fault(address: usize) -> Option<Fault> {
    let found = current::coroutines().find(|nested| nested.guards(address));
    if let Some(nested) = found {
        let (at, bytes) = (nested.site(), nested.class().bytes());
        return Some(Fault { who: Who::Coroutine, file: at.file(), line: at.line(), bytes });
    }
    let (task, class) = current::tasks().find_map(|task| {
        // SAFETY: this is the thread of all these tasks, each of which runs, or runs a worker.
        let stack = unsafe { task.stack() }?;
        let class = task.class.get();
        stack.guard(class).contains(&address).then_some((task, class))
    })?;
    // SAFETY: the process ends before the task does, so the name stays valid.
    let name = task.name().map(|name| unsafe { &*std::ptr::from_ref::<str>(name) });
    let (at, who) = (task.spawned_at, Who::Task { name, id: task.id });
    Some(Fault { who, file: at.file(), line: at.line(), bytes: class.bytes() })
}
