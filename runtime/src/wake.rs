//! Making whoever waits runnable: the other half of [`crate::park`].
//!
//! A wake is a hint: what happened is read from the waiter's own record. A task of this thread's
//! worker is queued here; any other task is asked for by its word and its owner's inbox; a plain
//! thread is given its parker's token.

use crate::current::{self, Core};
use crate::task::mailbox::{Mailbox, Message};
use crate::task::{self, Flags, Header, Reason, Run, TaskRef, Unparker, Wake};

impl Unparker {
    /// Makes whoever waits runnable; a wake of one that does not wait yet is kept for it.
    pub(crate) fn unpark(&self) {
        match self {
            Unparker::Task(task) => unpark(task),
            Unparker::Thread(parker) => parker.unpark(),
        }
    }
}

impl Wake {
    /// Makes whoever waits runnable: a task of this worker runs next.
    #[inline]
    pub(crate) fn give(self) {
        match self {
            Wake::Local(task) => {
                let core = current::core().expect("a local wake is given on its worker");
                // SAFETY: the wake is given before the thread's next switch, until when the task
                // cannot end.
                queue_next(core, unsafe { &*task });
            }
            Wake::Other(unparker) => unparker.unpark(),
        }
    }

    /// As [`Wake::give`], but a task of this worker runs after those that are queued.
    pub(crate) fn give_last(self, core: &Core) {
        match self {
            // SAFETY: the wake is given before the thread's next switch, until when the task cannot
            // end.
            Wake::Local(task) => queue_last(core, unsafe { &*task }),
            Wake::Other(unparker) => unparker.unpark(),
        }
    }
}

/// Wakes a task, from wherever this is.
#[inline]
fn unpark(task: &TaskRef) {
    match current::core() {
        Some(core) if task.word.is_owned_by(core.mailbox.id()) => queue_next(core, task),
        _ => task::push_if_asked(task, task.word.ask_wake()),
    }
}

/// Wakes a task of this worker: it runs next.
#[inline(always)]
pub(crate) fn queue_next(core: &Core, task: &Header) {
    match task.run.get() {
        Run::Parked => {
            task.run.set(Run::Queued);
            let before = core.next.replace(task);
            if !before.is_null() {
                core.ready.push(before);
            }
        }
        Run::Running => task.set(Flags::TOKEN),
        Run::Queued | Run::Done => {}
    }
}

/// Wakes a task of this worker, behind those that are queued: for the worker itself.
pub(crate) fn queue_last(core: &Core, task: &Header) {
    if task.run.get() == Run::Parked {
        task.run.set(Run::Queued);
        core.ready.push(task);
    } else {
        queue_next(core, task);
    }
}

/// Gives a task of this worker the public token: the task is woken if that is what it waits for.
#[inline(always)]
pub(crate) fn permit(core: &Core, task: &Header) {
    task.set(Flags::PERMIT);
    if task.run.get() == Run::Parked && task.reason.get() == Reason::Park {
        queue_next(core, task);
    }
}

/// Wakes a task of this worker that a cancel or an expiry was just marked on, unless a shield hides
/// it: the task's wait throws, or goes on if nothing is to be thrown out of it.
pub(crate) fn interrupt(core: &Core, task: &Header) {
    if task.run.get() == Run::Parked && task.is_interrupted() {
        queue_last(core, task);
    }
}

/// Tells a task, wherever it is, that one of its scopes has failed: it is unwound from its wait, if
/// it waits inside. `owner`: the task's worker.
pub(crate) fn interrupt_scope(task: &TaskRef, owner: u16) {
    match current::core() {
        Some(core) if core.mailbox.id() == owner => scope_failed(core, task),
        _ => Mailbox::of(owner).send(Box::new(ScopeFailed(task.clone()))),
    }
}

/// The news of [`interrupt_scope`], for another worker.
struct ScopeFailed(TaskRef);

impl Message for ScopeFailed {
    fn deliver(self: Box<Self>) {
        if let Some(core) = current::core() {
            scope_failed(core, &self.0);
        }
    }
}

fn scope_failed(core: &Core, task: &Header) {
    // The task may have ended since.
    if task.word.is_owned_by(core.mailbox.id()) {
        task.set(Flags::EXPIRED);
        interrupt(core, task);
    }
}
