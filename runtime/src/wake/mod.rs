//! Making runnable whoever waits: the other half of [`crate::park`].
//!
//! A wake is a hint: the waiter reads what happened from its own record. A task of this thread's
//! worker is queued right here. For any other task, a request is left in the task's word, and its
//! link in its owner's inbox. A plain thread is given its parker's token. Whoever polls a future
//! that is a wait is called by the waker that the last poll has left.

mod waker;

use crate::current::{self, Core};
use crate::recorder::What;
use crate::task::word::Asked;
use crate::task::{
    Flags, Header, Poller, Reason, Run, Task, TaskRef, Unparker, Wake, push_if_asked,
};
use crate::unwind;

pub(crate) use waker::lend_waker;

impl Unparker {
    /// Makes the waiter runnable. If it does not wait yet, its next wait ends at once.
    pub(crate) fn unpark(&self) {
        match self {
            Unparker::Task(task) => unpark(task),
            Unparker::Thread(parker) => parker.unpark(),
            Unparker::Poller(poller) => call(poller),
        }
    }
}

/// Calls the waker that the last poll of a future has left.
///
/// It is anybody's code, and runs on the stack of whoever ended the wait: perhaps a task that has
/// published a wait of its own and not parked yet, or one that is ending. So it runs as if there
/// were no task, which it could otherwise switch or unwind, and its panic goes no further.
#[cold]
#[inline(never)]
fn call(poller: &Poller) {
    if let Some(waker) = poller.take() {
        current::off_task(|| unwind::run_quietly(|| waker.wake()));
    }
}

impl Wake {
    /// Makes the waiter runnable. A task of this worker runs next, before the queue.
    #[inline(always)]
    pub(crate) fn give(self) {
        match self {
            Wake::Local(_) => {
                self.give_by(current::core().expect("a local wake is given on its worker"));
            }
            Wake::Other(unparker) => give_other(unparker),
        }
    }

    /// [`Wake::give`] on the thread of this worker.
    #[inline(always)]
    pub(crate) fn give_by(self, core: &Core) {
        match self {
            // SAFETY: a `Wake::Local` is given before the thread's next switch, and its task is one
            // of this thread's worker, so it cannot end before that.
            Wake::Local(task) => queue_next(core, unsafe { &*task }),
            Wake::Other(unparker) => give_other(unparker),
        }
    }

    /// Makes the waiter runnable, as [`Wake::give`] does, but a task of this worker goes to the end
    /// of the queue.
    pub(crate) fn give_last(self, core: &Core) {
        match self {
            // SAFETY: a `Wake::Local` is given before the thread's next switch, and its task is one
            // of this thread's worker, so it cannot end before that.
            Wake::Local(task) => queue_last(core, unsafe { &*task }),
            Wake::Other(unparker) => unparker.unpark(),
        }
    }
}

/// [`Wake::give`] of a wake that leaves this worker. Apart from it, so that the usual path is
/// inlined.
#[inline(never)]
fn give_other(unparker: Unparker) {
    unparker.unpark();
}

/// The core of this thread's worker, if that owns the task. `None`: the task's owner, if it has
/// one, is to be asked by the task's word.
#[inline(always)]
pub(crate) fn local(task: &Header) -> Option<&'static Core> {
    current::core().filter(|core| task.word.is_owned_by(core.mailbox.id()))
}

/// Wakes a task of any worker, from any thread.
#[inline]
fn unpark(task: &TaskRef) {
    match local(task) {
        Some(core) => queue_next(core, task),
        None => push(task, task.word.ask_wake()),
    }
}

/// Pushes a task's link to its owner's inbox, if what the task was asked says so. For a task of
/// another worker, which is asked to run.
fn push(task: &TaskRef, asked: Asked) {
    if let (Asked::Push(_), Some(core)) = (asked, current::core()) {
        core.record(What::AskedToRun, task.id);
    }
    push_if_asked(task, asked);
}

/// Wakes a task of this worker, which runs next, before the queue. A task that runs now gets a
/// token.
#[inline(always)]
pub(crate) fn queue_next(core: &Core, task: &Header) {
    let run = task.run.get();
    if run == Run::Parked {
        task.run.set(Run::Queued);
        let before = core.next.replace(task);
        if !before.is_null() {
            core.ready.push(before);
        }
    } else if run == Run::Running {
        task.set(Flags::TOKEN);
    }
}

/// Wakes a task of this worker, which goes to the end of the queue. For wakes by the worker itself,
/// of which many may come at once.
pub(crate) fn queue_last(core: &Core, task: &Header) {
    if task.run.get() == Run::Parked {
        task.run.set(Run::Queued);
        core.ready.push(task);
    } else {
        queue_next(core, task);
    }
}

impl Task {
    /// Gives the task the token that `task::park` waits for.
    ///
    /// As with [`std::thread::Thread::unpark`], there is one token, however often it is given.
    #[inline]
    pub fn unpark(&self) {
        match local(&self.inner) {
            Some(core) => permit(core, &self.inner),
            None => self.unpark_elsewhere(),
        }
    }

    /// [`Task::unpark`] of a task of another worker. Apart from it, so that the usual path is
    /// inlined.
    #[inline(never)]
    fn unpark_elsewhere(&self) {
        push(&self.inner, self.inner.word.ask_permit());
    }
}

/// Gives a task of this worker the public token, and wakes the task if it waits for that.
#[inline(always)]
fn permit(core: &Core, task: &Header) {
    task.set(Flags::PERMIT);
    if task.run.get() == Run::Parked && task.reason.get() == Reason::Park {
        queue_next(core, task);
    }
}

/// Has a task poll its future again, from any thread.
#[inline]
fn poll_again(task: &TaskRef) {
    match local(task) {
        Some(core) => {
            task.set(Flags::POLL);
            if task.run.get() == Run::Parked && task.reason.get() == Reason::Future {
                queue_next(core, task);
            }
        }
        None => push(task, task.word.ask_poll()),
    }
}

/// Wakes a task of this worker on which a cancel or an expiry was just marked, unless a shield
/// hides that. The task's wait then throws. A wait that must not throw goes on.
pub(crate) fn interrupt(core: &Core, task: &Header) {
    if task.run.get() == Run::Parked && task.is_interrupted() {
        queue_last(core, task);
    }
}

/// Cancels a task of this worker. If the task waits, it is unwound.
pub(crate) fn cancel(core: &Core, task: &Header) {
    task.word.mark_cancelled();
    task.set(Flags::CANCEL);
    interrupt(core, task);
}

/// Notes that a boundary of a task of this worker has expired, or that a scope of the task has
/// failed. If the task waits inside, it is unwound.
pub(crate) fn expire(core: &Core, task: &Header) {
    task.set(Flags::EXPIRED);
    interrupt(core, task);
}

/// Tells a task of any worker that one of its scopes has failed.
pub(crate) fn fail_scope(task: &TaskRef) {
    match local(task) {
        Some(core) => expire(core, task),
        None => push(task, task.word.ask_expiry()),
    }
}
