//! The right to wake whoever waits: a task or a plain thread.

use std::sync::Arc;

use super::mailbox::Mailbox;
use super::word::Asked;
use super::{Header, TaskRef};
use crate::parker::Parker;

/// Who waits, as its waiter's record names it: good for as long as that record is.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// A task, running on the thread that made this.
    Task(*const Header),
    Thread(Arc<Parker>),
}

/// The right to wake somebody who waits. A wake is a hint: what happened is read from the waiter's own
/// record.
#[derive(Debug)]
pub(crate) enum Unparker {
    Task(TaskRef),
    Thread(Arc<Parker>),
}

/// One wake, to be given at once: before this thread's next switch.
#[derive(Debug)]
#[must_use]
pub(crate) enum Wake {
    /// A task of this very worker, which cannot end before this thread's next switch.
    Local(*const Header),
    Other(Unparker),
}

impl Target {
    /// An unparker that outlives the record.
    ///
    /// # Safety
    ///
    /// The waiter is still waiting: it cannot return before this call does.
    pub(crate) unsafe fn unparker(&self) -> Unparker {
        match self {
            // SAFETY: a task that waits is alive.
            Target::Task(task) => Unparker::Task(unsafe { TaskRef::retain(*task) }),
            Target::Thread(parker) => Unparker::Thread(parker.clone()),
        }
    }

    /// A wake that outlives the record, made on the worker `here`, if it is one.
    ///
    /// # Safety
    ///
    /// As [`Target::unparker`].
    #[inline]
    pub(crate) unsafe fn wake(&self, here: Option<u16>) -> Wake {
        if let (Target::Task(task), Some(here)) = (self, here) {
            // SAFETY: a task that waits is alive.
            if unsafe { &**task }.word.is_owned_by(here) {
                return Wake::Local(*task);
            }
        }
        // SAFETY: the caller's promise.
        Wake::Other(unsafe { self.unparker() })
    }
}

/// Asks a task's owner, whoever that is, by way of its inbox.
pub(crate) fn push_if_asked(task: &TaskRef, asked: Asked) {
    if let Asked::Push(owner) = asked {
        // SAFETY: the word said to push.
        unsafe { Mailbox::of(owner).push(task.as_ptr()) };
    }
}
