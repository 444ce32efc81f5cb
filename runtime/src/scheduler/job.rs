//! What runs on a task's stack before and after its closure, and what is told of a fault there.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use super::refuse;
use super::worker::worker_of;
use crate::current;
use crate::hook;
use crate::join;
use crate::limits::PREPARE_MAX;
use crate::stack::{self, Fault};
use crate::task::word::Completed;
use crate::task::{Flags, Header, Reason, Run, TaskRef};
use crate::trace;
use crate::unwind::AbortIfPanic;

/// What an idle stack does: runs the current task, if there is one.
fn job() -> bool {
    let Some((core, task)) = current::task() else {
        return false;
    };
    let mut span = task.take_span();
    if let Some(span) = &span {
        current::off_task(|| trace::enter(span));
    }
    let abort = AbortIfPanic("ending a task");
    let worker = worker_of(core);
    let wanted = if task.has(Flags::CANCEL) {
        // SAFETY: this worker claimed the task, and its stack runs it once.
        unsafe { drop_closure(task) }
    } else {
        // SAFETY: as above.
        unsafe { task.execute(false) }
    };
    if task.has(Flags::PANICKED) {
        worker.shared.count_panic();
    }
    // A subscriber's code, which may take its time: before DONE, after which a joiner may have to wait for
    // this thread without being able to leave.
    let leave_spans = || {
        if span.is_some() || trace::is_on() {
            current::off_task(|| {
                // Also what the task entered and forgot.
                drop(trace::take_off());
                trace::close(span.take());
            });
        }
    };
    // SAFETY: claimed by this worker, and executed just now.
    let completed = unsafe { task.complete(wanted, leave_spans) };
    let Completed::Done { joiner, link } = completed else { unreachable!("that ends a task") };
    if joiner {
        // SAFETY: DONE with JOINER, once.
        unsafe { join::wake_joiner(task) };
    }
    if let Some(panics) = core.panics.filter(|_| thread::panicking()) {
        // It left a coroutine of its own behind, suspended in the middle of an unwinding.
        drop(panics.take());
    }
    if link {
        // It is on its way to the inbox, and holds the task until it is drained.
        // SAFETY: the worker holds a reference until this stack has suspended.
        std::mem::forget(unsafe { TaskRef::retain(task) });
        core.links_due.set(core.links_due.get() + 1);
    }
    task.run.set(Run::Done);
    std::mem::forget(abort);
    true
}

/// As [`Header::execute`], for a task that must not run: it was cancelled or refused before.
///
/// # Safety
///
/// This is the task's worker, which runs the task for the first and only time.
#[cold]
unsafe fn drop_closure(task: &Header) -> bool {
    match task.reason.get() {
        // SAFETY: the caller's promise.
        Reason::Refused => unsafe { refuse::drop_on_own_stack(task) },
        // SAFETY: the caller's promise.
        _ => unsafe { task.execute(true) },
    }
}

/// What to report of a fault at this address: whether it lies in the guard of the running task, or of one
/// that runs its worker.
fn fault(address: usize) -> Option<Fault> {
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

/// Prepares the process for stacks, and the panic hook; an error if that cannot be done here and now.
///
/// On the thread that wants a runtime, before any worker's: std lets no thread that panics change the
/// hook, and none at all while a hook runs. A thread that panics may be in one. So another does it
/// for it, and is not waited for without a limit.
pub(super) fn prepare_process() -> io::Result<()> {
    if stack::is_installed() {
        return Ok(());
    }
    if !thread::panicking() {
        return prepare_now();
    }
    let news = Arc::new((Mutex::new(None), Condvar::new()));
    let theirs = news.clone();
    let help = move || {
        let prepared = prepare_now();
        *theirs.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(prepared);
        theirs.1.notify_one();
    };
    thread::Builder::new().name("gocoro-first".into()).spawn(help)?;
    let (prepared, has) = &*news;
    let waiting = prepared.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = has.wait_timeout_while(waiting, PREPARE_MAX, |prepared| prepared.is_none());
    let (mut prepared, _) = waited.unwrap_or_else(PoisonError::into_inner);
    prepared.take().unwrap_or_else(|| {
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the process's first runtime cannot be made while a panic hook runs; make one before",
        ))
    })
}

fn prepare_now() -> io::Result<()> {
    // First: the crate that switches stacks puts a hook of its own around the one that it finds.
    hook::install();
    stack::install(job, fault)
}
