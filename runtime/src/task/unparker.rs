//! The right to wake whoever waits: a task, a plain thread, or whoever polls a future.

use std::sync::Arc;

use super::{Header, Poller, TaskRef};
use crate::parker::Parker;

/// Who waits, as named in the waiter's own record. A `Target` is good for as long as that record
/// is.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// A task. The `Target` was made on its own thread.
    Task(*const Header),
    Thread(Arc<Parker>),
    /// The wait is a future, and whoever polls that is to poll it again.
    Poller(Arc<Poller>),
}

/// The right to wake somebody who waits. A wake is a hint: the waiter reads what happened from its
/// own record.
#[derive(Debug)]
pub(crate) enum Unparker {
    Task(TaskRef),
    Thread(Arc<Parker>),
    Poller(Arc<Poller>),
}

/// One wake, which is to be given at once: before this thread's next switch.
#[derive(Debug)]
#[must_use]
pub(crate) enum Wake {
    /// A task of this very worker. It cannot end before this thread's next switch, so the wake
    /// needs no reference to it.
    Local(*const Header),
    Other(Unparker),
}

impl Target {
    /// An unparker for the waiter, which may outlive the waiter's record.
    ///
    /// # Safety
    ///
    /// The waiter still waits, and cannot go on before this call has returned.
    #[inline(never)]
    pub(crate) unsafe fn unparker(&self) -> Unparker {
        match self {
            // SAFETY: the task still waits until this call returns, so its worker holds a reference
            // to it.
            Target::Task(task) => Unparker::Task(unsafe { TaskRef::retain(*task) }),
            Target::Thread(parker) => Unparker::Thread(parker.clone()),
            Target::Poller(poller) => Unparker::Poller(poller.clone()),
        }
    }

    /// A wake for the waiter, which may outlive the waiter's record. `here` is the mailbox of the
    /// worker on whose thread this is called, if it is one.
    ///
    /// # Safety
    ///
    /// The waiter still waits, and cannot go on before this call has returned.
    #[inline(always)]
    pub(crate) unsafe fn wake(&self, here: Option<u16>) -> Wake {
        if let (Target::Task(task), Some(here)) = (self, here) {
            // SAFETY: the task still waits until this call returns, so its worker holds a reference
            // to it.
            if unsafe { &**task }.word.is_owned_by(here) {
                return Wake::Local(*task);
            }
        }
        // SAFETY: the waiter still waits until this call returns.
        Wake::Other(unsafe { self.unparker() })
    }
}
