//! The atomic word of a task: who owns it, how far it is, and what others ask of its owner.
//!
//! Every change of the word is one read-modify-write, made by a named transition; or one store,
//! where no other thread can reach the task ([`Header::is_alone_here`](super::Header)). Which
//! fields of the header may be touched in which state is on the contract page in the parent module.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use crate::loom::AtomicU32;

/// The two bits of the phase, which only goes forward: UNSTARTED, STARTED, DONE.
const PHASE: u32 = 0b11;

/// Nobody has claimed the task: it has no owner and no stack, and its closure is whole. Whoever
/// holds the queue's reference may pass the task on to another worker, or claim it.
const UNSTARTED: u32 = 0;

/// Somebody has claimed the task: a worker, which is the task's owner from here on and runs it, or
/// a thread that only ends it ([`NOBODY`]). The claimer alone may touch the closure and write the
/// end.
const STARTED: u32 = 1;

/// The task's end is written, or was dropped because nobody wants it. Only the holder of the join
/// handle, or whoever has just cleared HANDLE, touches the end from here on. Whoever reads DONE
/// with Acquire sees what the claimer wrote before.
const DONE: u32 = 2;

/// The task's link is on its way to the owner's inbox, or in it. Every request sets LINK. Whoever
/// set it on a STARTED task that had it clear pushes the link, and nobody else may, so a link is in
/// one inbox once. The owner clears LINK when it drains the link. On an UNSTARTED task, LINK only
/// says that something was asked: the claim clears it, and nothing is pushed.
const LINK: u32 = 1 << 2;

/// The task is to unwind from its next wait. A task that is UNSTARTED will not run its body. CANCEL
/// is never cleared, so anybody can ask at any time whether a task is cancelled.
const CANCEL: u32 = 1 << 3;

/// `Task::unpark` was called: the owner is to give the task the public token, for which
/// `task::park` waits. The owner clears PERMIT when it drains the link, or when it claims the task.
const PERMIT: u32 = 1 << 4;

/// A scope of the task has failed: the owner is to look whether that ends the task's wait. Like
/// PERMIT, EXPIRED is cleared by a drain. A task that is UNSTARTED has no scope, so no claim finds
/// EXPIRED.
const EXPIRED: u32 = 1 << 5;

/// The join handle lives, so somebody may want the result. HANDLE is set from the start, and
/// cleared once, when the handle goes. Both that and DONE change this word, so exactly one side
/// sees the other's change: that side drops a result that nobody wants.
const HANDLE: u32 = 1 << 6;

/// The joiner slot holds the node of somebody who waits for the task's end. The holder of the join
/// handle sets JOINER and clears it. Whoever makes the task DONE with JOINER set wakes that node,
/// and may read it until it has: a holder that finds DONE when it clears JOINER must wait for that.
const JOINER: u32 = 1 << 7;

/// The owner is to make the task runnable. Like PERMIT, WAKE is cleared by a drain or a claim. A
/// claim that finds WAKE gives the task a token, so that the task's first wait ends at once.
const WAKE: u32 = 1 << 8;

/// A waker of the task was called: the owner is to have the task poll its future again. Like
/// PERMIT, POLL is cleared by a drain. A task that is UNSTARTED has given out no waker, so no claim
/// finds POLL.
const POLL: u32 = 1 << 9;

/// What a drain takes out of the word. CANCEL is not among it, for it stays set.
const REQUESTS: u32 = LINK | WAKE | PERMIT | EXPIRED | POLL;

/// The upper half of the word is the owner: the mailbox of the worker that claimed the task. It is
/// zero before the claim, and never changes after it.
const OWNER_SHIFT: u32 = 16;

/// The owner of a task that is claimed only to be ended. There is no such mailbox, so no link of
/// the task is ever pushed.
const NOBODY: u16 = u16::MAX;

/// The atomic word of a task.
#[derive(Debug)]
pub(crate) struct Word(AtomicU32);

/// How far a task is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Unstarted,
    Started,
    Done,
}

/// The word as it was when the owner took the requests out: what others asked of the task since the
/// owner last looked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Requests(u32);

impl Requests {
    /// Whether the owner is to make the task runnable.
    pub(crate) fn wake(self) -> bool {
        self.0 & WAKE != 0
    }

    /// Whether the task is cancelled. This stays true in all later answers.
    pub(crate) fn cancel(self) -> bool {
        self.0 & CANCEL != 0
    }

    /// Whether `Task::unpark` was called.
    pub(crate) fn permit(self) -> bool {
        self.0 & PERMIT != 0
    }

    /// Whether a scope of the task has failed.
    pub(crate) fn expired(self) -> bool {
        self.0 & EXPIRED != 0
    }

    /// Whether a waker of the task was called.
    pub(crate) fn poll(self) -> bool {
        self.0 & POLL != 0
    }

    /// Whether the task had ended when the requests were taken.
    pub(crate) fn is_done(self) -> bool {
        self.0 & PHASE == DONE
    }
}

/// What whoever made a request of a task has to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Asked {
    /// The request set LINK: push the task's link to the inbox of this owner.
    Push(u16),
    /// Nothing is to be pushed: the link is under way already, nobody owns the task yet, or it
    /// ended.
    Nothing,
}

/// What is left to do once a task is DONE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) struct Completed {
    /// The joiner slot holds a node, whose waiter is to be woken.
    pub(crate) joiner: bool,
    /// The task's link is on its way to the owner's inbox, or in it, so the drain is still to come.
    pub(crate) link: bool,
}

#[inline(always)]
fn phase_of(word: u32) -> Phase {
    match word & PHASE {
        UNSTARTED => Phase::Unstarted,
        STARTED => Phase::Started,
        _ => Phase::Done,
    }
}

impl Word {
    /// What the bits mean, for other processes.
    pub(crate) const FIELDS: &[(&str, u64)] = &[
        ("word.phase_mask", PHASE as u64),
        ("word.started", STARTED as u64),
        ("word.cancelled", CANCEL as u64),
        ("word.owner_shift", OWNER_SHIFT as u64),
    ];

    /// The word of a new task: UNSTARTED, with its join handle alive.
    pub(crate) fn new() -> Word {
        Word(AtomicU32::new(UNSTARTED | HANDLE))
    }

    #[inline(always)]
    pub(crate) fn phase(&self) -> Phase {
        phase_of(self.0.load(Acquire))
    }

    pub(crate) fn is_done(&self) -> bool {
        self.phase() == Phase::Done
    }

    /// Whether the task is cancelled. Orders nothing: what else the canceller wrote may not be
    /// visible.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.load(Relaxed) & CANCEL != 0
    }

    /// Whether `worker` started the task and the task has not ended. The answer is exact on the
    /// thread of `worker`, which makes both changes itself. No other worker gets `true`.
    #[inline(always)]
    pub(crate) fn is_owned_by(&self, worker: u16) -> bool {
        let mask = (u32::MAX << OWNER_SHIFT) | PHASE;
        self.0.load(Relaxed) & mask == (u32::from(worker) << OWNER_SHIFT) | STARTED
    }

    /// UNSTARTED → STARTED, with `worker` as the owner. The caller holds the queue's reference, so
    /// nobody else can claim the task.
    ///
    /// The answer has the requests that came before. WAKE, PERMIT and LINK are taken out of the
    /// word; CANCEL stays.
    ///
    /// `alone`: no other thread can reach the word meanwhile.
    #[inline(always)]
    pub(crate) fn claim(&self, worker: u16, alone: bool) -> Requests {
        let mut now = self.0.load(Relaxed);
        loop {
            assert!(now & PHASE == UNSTARTED, "a task is claimed once");
            let kept = now & (HANDLE | JOINER | CANCEL);
            let next = kept | STARTED | (u32::from(worker) << OWNER_SHIFT);
            match self.change(now, next, alone) {
                Ok(_) => return Requests(now),
                Err(seen) => now = seen,
            }
        }
    }

    /// Makes `next` of `now`. `Err`: the word was something else. `alone`: no other thread can
    /// reach the word meanwhile.
    #[inline(always)]
    fn change(&self, now: u32, next: u32, alone: bool) -> Result<u32, u32> {
        if alone {
            self.0.store(next, Release);
            return Ok(now);
        }
        self.0.compare_exchange_weak(now, next, AcqRel, Relaxed)
    }

    /// Claims the task as [`Word::claim`] does, in nobody's name, to end it without running it. No
    /// link of the task is pushed.
    pub(crate) fn claim_to_refuse(&self) {
        self.claim(NOBODY, false);
    }

    /// Sets the bits of a request, and LINK. The answer says whether the caller has to push the
    /// link.
    fn ask(&self, bits: u32) -> Asked {
        // A write even if the bits are set already, so that the owner's next drain sees what the
        // caller did before.
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

    /// Asks the owner to have the task poll its future again.
    pub(crate) fn ask_poll(&self) -> Asked {
        self.ask(POLL)
    }

    /// Asks the owner to unwind the task.
    pub(crate) fn ask_cancel(&self) -> Asked {
        self.ask(CANCEL)
    }

    /// Asks the owner to look whether a scope that has failed ends the task's wait.
    pub(crate) fn ask_expiry(&self) -> Asked {
        self.ask(EXPIRED)
    }

    /// Marks a task of this thread's own worker as cancelled. No link is needed, for the caller is
    /// on the owner's thread and tells the task itself.
    pub(crate) fn mark_cancelled(&self) {
        self.0.fetch_or(CANCEL, Relaxed);
    }

    /// Takes the requests out of the word, and LINK with them. The owner calls this after it has
    /// read the link's successor, for from here on somebody may push the link again.
    pub(crate) fn take_requests(&self) -> Requests {
        Requests(self.0.fetch_and(!REQUESTS, AcqRel))
    }

    /// Whether the join handle has gone, so that nobody will take the result. Once true it stays
    /// true.
    pub(crate) fn is_unwanted(&self) -> bool {
        self.0.load(Relaxed) & HANDLE == 0
    }

    /// STARTED → DONE, by whoever claimed the task. With `wanted`, the result lies in the packet,
    /// and the task does not become DONE if the join handle has gone meanwhile: `None`, and the
    /// caller has to drop the result, then complete again. Without, the result was dropped.
    ///
    /// `alone`: no other thread can reach the word meanwhile.
    #[inline(always)]
    pub(crate) fn complete(&self, wanted: bool, alone: bool) -> Option<Completed> {
        let mut now = self.0.load(Relaxed);
        loop {
            if wanted && now & HANDLE == 0 {
                return None;
            }
            let next = (now & !PHASE) | DONE;
            match self.change(now, next, alone) {
                Ok(_) => {
                    return Some(Completed {
                        joiner: now & JOINER != 0,
                        link: now & LINK != 0 && now & PHASE == STARTED,
                    });
                }
                Err(seen) => now = seen,
            }
        }
    }

    /// Clears HANDLE, for the join handle goes. `true`: the task is DONE, and the caller has to
    /// drop its result.
    pub(crate) fn release_handle(&self) -> bool {
        self.0.fetch_and(!HANDLE, AcqRel) & PHASE == DONE
    }

    /// Announces the joiner whose node was written to the joiner slot, and returns the phase that
    /// this has found. If the task was DONE before, nobody will look at the slot.
    ///
    /// `alone`: no other thread can reach the word meanwhile.
    #[inline(always)]
    pub(crate) fn announce_joiner(&self, alone: bool) -> Phase {
        if alone {
            let now = self.0.load(Relaxed);
            self.0.store(now | JOINER, Release);
            return phase_of(now);
        }
        phase_of(self.0.fetch_or(JOINER, AcqRel))
    }

    /// Takes a joiner's announcement back. `false`: the task became DONE with JOINER set, and
    /// whoever completed it may still be reading the node.
    pub(crate) fn withdraw_joiner(&self) -> bool {
        self.0.fetch_and(!JOINER, AcqRel) & PHASE != DONE
    }
}
