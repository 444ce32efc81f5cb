//! The atomic word of a task: who owns it, how far it is, and what others ask of its owner.
//!
//! Every change is one read-modify-write, made by a named transition. What each bit means, and who
//! may set it, is on the contract page in the parent module.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use crate::loom::AtomicU32;

const PHASE: u32 = 0b11;
const UNSTARTED: u32 = 0;
const STARTED: u32 = 1;
const DONE: u32 = 2;

const LINK: u32 = 1 << 2;
const CANCEL: u32 = 1 << 3;
const PERMIT: u32 = 1 << 4;
const HANDLE: u32 = 1 << 6;
const JOINER: u32 = 1 << 7;
const WAKE: u32 = 1 << 8;
const REQUESTS: u32 = LINK | WAKE | PERMIT;

const OWNER_SHIFT: u32 = 16;

/// The owner of a task that is claimed only to be ended: it has no inbox.
const NOBODY: u16 = u16::MAX;

/// The word.
#[derive(Debug)]
pub(crate) struct Word(AtomicU32);

/// How far a task is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Unstarted,
    Started,
    Done,
}

/// What others asked of a task since its owner last looked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Requests(u32);

impl Requests {
    pub(crate) fn wake(self) -> bool {
        self.0 & WAKE != 0
    }

    pub(crate) fn cancel(self) -> bool {
        self.0 & CANCEL != 0
    }

    /// `Task::unpark` was called.
    pub(crate) fn permit(self) -> bool {
        self.0 & PERMIT != 0
    }

    pub(crate) fn is_done(self) -> bool {
        self.0 & PHASE == DONE
    }
}

/// What the caller of a request has to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Asked {
    /// Push the task's link to this owner's inbox.
    Push(u16),
    /// Nothing: the link is under way, nobody owns the task yet, or it ended.
    Nothing,
}

/// How a task was completed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Completed {
    /// The join handle is gone: drop the result, then complete again.
    Unwanted,
    Done {
        /// A joiner's node stands in the slot.
        joiner: bool,
        /// The link is on its way to the owner's inbox, or in it.
        link: bool,
    },
}

impl Word {
    /// A task nobody has started, with its join handle alive.
    pub(crate) fn new() -> Word {
        Word(AtomicU32::new(UNSTARTED | HANDLE))
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.0.load(Acquire) & PHASE {
            UNSTARTED => Phase::Unstarted,
            STARTED => Phase::Started,
            _ => Phase::Done,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.phase() == Phase::Done
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.load(Relaxed) & CANCEL != 0
    }

    /// Whether the task was started by this worker and has not ended. Exact for that worker.
    #[inline(always)]
    pub(crate) fn is_owned_by(&self, worker: u16) -> bool {
        let mask = (u32::MAX << OWNER_SHIFT) | PHASE;
        self.0.load(Relaxed) & mask == (u32::from(worker) << OWNER_SHIFT) | STARTED
    }

    /// UNSTARTED → STARTED, owned by this worker, which holds the queue's reference.
    ///
    /// Wakes that came before are in the answer and taken out of the word; a cancel stays.
    #[inline]
    pub(crate) fn claim(&self, worker: u16) -> Requests {
        let mut now = self.0.load(Relaxed);
        loop {
            assert!(now & PHASE == UNSTARTED, "a task is claimed once");
            let kept = now & (HANDLE | JOINER | CANCEL);
            let next = kept | STARTED | (u32::from(worker) << OWNER_SHIFT);
            match self.0.compare_exchange_weak(now, next, AcqRel, Relaxed) {
                Ok(_) => return Requests(now),
                Err(seen) => now = seen,
            }
        }
    }

    /// As [`Word::claim`], to end the task without running it: nothing is pushed for it.
    pub(crate) fn claim_to_refuse(&self) {
        self.claim(NOBODY);
    }

    fn ask(&self, bits: u32) -> Asked {
        // Always a write, even if the bits are set: it orders what the caller did before it.
        let before = self.0.fetch_or(bits | LINK, AcqRel);
        let owner = (before >> OWNER_SHIFT) as u16;
        if before & PHASE == STARTED && before & LINK == 0 && owner != NOBODY {
            Asked::Push(owner)
        } else {
            Asked::Nothing
        }
    }

    /// Asks the owner to make the task runnable.
    pub(crate) fn ask_wake(&self) -> Asked {
        self.ask(WAKE)
    }

    /// Asks the owner to give the task the public token.
    pub(crate) fn ask_permit(&self) -> Asked {
        self.ask(PERMIT)
    }

    /// Asks for the task's unwinding.
    pub(crate) fn ask_cancel(&self) -> Asked {
        self.ask(CANCEL)
    }

    /// Marks an own task cancelled: no link is needed.
    pub(crate) fn mark_cancelled(&self) {
        self.0.fetch_or(CANCEL, Relaxed);
    }

    /// Takes the requests, by the owner, after it read the link. From here on the link may be
    /// pushed again.
    pub(crate) fn take_requests(&self) -> Requests {
        Requests(self.0.fetch_and(!REQUESTS, AcqRel))
    }

    /// Whether the result has nobody left to take it. Once true it stays true.
    pub(crate) fn is_unwanted(&self) -> bool {
        self.0.load(Relaxed) & HANDLE == 0
    }

    /// → DONE, by the owner, or by whoever claimed the task to refuse it. The result was written
    /// before, unless nobody wants it (`wanted` is false).
    #[inline]
    pub(crate) fn complete(&self, wanted: bool) -> Completed {
        let mut now = self.0.load(Relaxed);
        loop {
            if wanted && now & HANDLE == 0 {
                return Completed::Unwanted;
            }
            let next = (now & !PHASE) | DONE;
            match self.0.compare_exchange_weak(now, next, AcqRel, Relaxed) {
                Ok(_) => {
                    return Completed::Done {
                        joiner: now & JOINER != 0,
                        link: now & LINK != 0 && now & PHASE == STARTED,
                    };
                }
                Err(seen) => now = seen,
            }
        }
    }

    /// Gives the join handle up. `true`: the task is done, and its result is the caller's to drop.
    pub(crate) fn release_handle(&self) -> bool {
        self.0.fetch_and(!HANDLE, AcqRel) & PHASE == DONE
    }

    /// Announces the joiner whose node was written to the slot. `false`: the task is done already,
    /// and nobody will look at the slot.
    pub(crate) fn announce_joiner(&self) -> bool {
        self.0.fetch_or(JOINER, AcqRel) & PHASE != DONE
    }

    /// Takes the announcement back. `false`: the task was completed with it, and whoever did that
    /// may still be reading the node.
    pub(crate) fn withdraw_joiner(&self) -> bool {
        self.0.fetch_and(!JOINER, AcqRel) & PHASE != DONE
    }
}
