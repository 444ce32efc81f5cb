//! Why a task is parked.

/// What a parked task waits for; for reports, and for those wakes that depend on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Reason {
    Park,
    Sleep,
    Join,
    Readable,
    Writable,
    Blocking,
    Send,
    Receive,
    Select,
    /// A choice with readiness among its arms.
    SelectIo,
    Lock,
    Condvar,
    Barrier,
    Once,
    Semaphore,
    WaitGroup,
    Event,
    Promise,
    /// No wait: the task never got a stack of its own, and this one is to drop its closure.
    Refused,
    /// A wait that must not be cut short: nothing is thrown out of it.
    Children,
}

impl Reason {
    pub(crate) fn is_io(self) -> bool {
        matches!(self, Reason::Readable | Reason::Writable | Reason::SelectIo)
    }

    /// Whether the wait may be for something that no task has to bring: time, the kernel, a thread.
    pub(crate) fn is_external(self) -> bool {
        self.is_io() || matches!(self, Reason::Park | Reason::Sleep | Reason::Blocking)
    }
}
