//! Why a task is parked.

/// What a parked task waits for, one variant for each kind of wait.
///
/// The waist and the scheduler tell apart what the first two questions below ask, a
/// [`Reason::Park`], which alone the public token ends, and a [`Reason::Children`]. The other
/// variants are there to be named, with the note of what a parked task waits for.
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
    /// A `select!` with the readiness of a descriptor among its arms.
    SelectIo,
    /// A signal of the system, alone or among the arms of a `select!`.
    Signal,
    Lock,
    Condvar,
    Barrier,
    Once,
    Semaphore,
    WaitGroup,
    Event,
    Promise,
    /// A future that the task polls, to whose poll a waker calls it again.
    Future,
    /// The wait of a scope for its children, which must not be cut short: nothing is thrown out of
    /// it.
    Children,
}

impl Reason {
    /// All reasons, by their numbers.
    pub(crate) const ALL: [Reason; 21] = {
        use Reason::*;
        [
            Park, Sleep, Join, Readable, Writable, Blocking, Send, Receive, Select, SelectIo,
            Signal, Lock, Condvar, Barrier, Once, Semaphore, WaitGroup, Event, Promise, Future,
            Children,
        ]
    };

    /// The numbers of the reasons that decide about words, for other processes.
    pub(crate) const FIELDS: &[(&str, u64)] = &[
        ("reason.send", Reason::Send as u64),
        ("reason.writable", Reason::Writable as u64),
        ("reason.signal", Reason::Signal as u64),
    ];

    pub(crate) fn is_io(self) -> bool {
        matches!(self, Reason::Readable | Reason::Writable | Reason::SelectIo)
    }

    /// Whether more of the task's stack is touched when the wait ends than after others.
    #[inline(always)]
    pub(crate) fn is_deep(self) -> bool {
        self.is_io() || self == Reason::Sleep
    }

    /// Whether the wait may end without a task's doing: by time, the kernel, or another thread.
    pub(crate) fn is_external(self) -> bool {
        self.is_io()
            || matches!(self, Reason::Park | Reason::Sleep | Reason::Blocking)
            || matches!(self, Reason::Signal | Reason::Future)
    }

    /// Whether the wait may end though every thread of the process waits: by time, the kernel, the
    /// blocking pool, or whatever a future makes of these. A public park needs somebody to end it.
    pub(crate) fn is_from_outside(self) -> bool {
        self.is_external() && self != Reason::Park
    }

    /// What a task waits for, where no object says more.
    pub(crate) const fn plain(self) -> &'static str {
        match self {
            Reason::Park => "park",
            Reason::Sleep => "sleep",
            Reason::Join => "join",
            Reason::Readable => "a pause before the next read",
            Reason::Writable => "a pause before the next write",
            Reason::Blocking => "a call on the blocking pool",
            Reason::Send => "send",
            Reason::Receive => "recv on a channel that never has a message",
            Reason::Select | Reason::SelectIo => "select",
            Reason::Signal => "a signal",
            Reason::Lock => "lock",
            Reason::Condvar => "condvar",
            Reason::Barrier => "barrier",
            Reason::Once => "once",
            Reason::Semaphore => "semaphore",
            Reason::WaitGroup => "wait group",
            Reason::Event => "event",
            Reason::Promise => "promise",
            Reason::Future => "a future",
            Reason::Children => "the end of tasks",
        }
    }
}

const _: () = {
    let mut number = 0;
    while number < Reason::ALL.len() {
        assert!(Reason::ALL[number] as usize == number);
        number += 1;
    }
};
