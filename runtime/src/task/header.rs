//! The head of a task's allocation.

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::mem::offset_of;
use std::panic::Location;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Acquire;

use super::family::TaskScope;
use super::inbox::Linked;
use super::meta::MetaPtr;
use super::packet::VTable;
use super::reason::Reason;
use super::word::{Completed, Phase, Word};
use crate::boundary::Waits;
use crate::loom::AtomicPtr;
use crate::stack::{self, SizeClass, Stack};

/// Where a started task is. Only the owner's thread reads and writes this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Run {
    /// The task stands in a queue of its worker, or was never claimed.
    Queued,
    /// The task is the one that its thread runs now.
    Running,
    /// The task waits: whoever wakes it queues it.
    Parked,
    /// The task ended, and no wake concerns it.
    Done,
}

/// What the owner's thread knows of a task: one byte, which each park and each return from one
/// tests once. Others cannot reach these flags. They set bits of the task's word, which the owner
/// turns into flags when it drains its inbox. This type has no values: it names the bits.
pub(crate) enum Flags {}

impl Flags {
    /// A wake came while the task was running. The next park takes the token and returns at once,
    /// for the event of that wake may be the one that this park is to wait for.
    pub(crate) const TOKEN: u8 = 1 << 0;
    /// The public token, which `Task::unpark` gives and `task::park` waits for and takes. Unlike
    /// TOKEN, no other kind of wait sees it.
    pub(crate) const PERMIT: u8 = 1 << 1;
    /// The task is cancelled: its next wait throws, unless a shield hides that. CANCEL is set once
    /// its worker has heard of the cancel, and never cleared.
    pub(crate) const CANCEL: u8 = 1 << 2;
    /// A boundary of the task has expired, or a scope of it has failed, and that has not been
    /// thrown yet. It is a hint: what is due is read from the boundaries themselves.
    pub(crate) const EXPIRED: u8 = 1 << 3;
    /// The panic hook has reported a panic of the task, so the task's end adds the task's name. The
    /// end clears REPORTED.
    pub(crate) const REPORTED: u8 = 1 << 4;
    /// The task is refused: it never got a stack of its own, and runs only to drop its closure.
    pub(crate) const REFUSED: u8 = 1 << 5;
    /// A waker of the task was called since the task last began to poll a future. POLL stays set
    /// while the task waits for something else inside of the poll: see `waiters::Awaiter`.
    pub(crate) const POLL: u8 = 1 << 6;
    /// A task of this worker stands in a join of the task, so no other thread has the join handle.
    /// JOINED_HERE is set by the joiner, or by the worker that starts the task for it, and cleared
    /// by a joiner that leaves before the end. See [`Header::is_alone_here`].
    pub(crate) const JOINED_HERE: u8 = 1 << 7;

    /// The flags that take a park, or a return from it, off its fast path.
    pub(crate) const SLOW: u8 = Self::TOKEN | Self::CANCEL | Self::EXPIRED;
}

/// What is done with the closure of a task that was claimed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum How {
    /// It is run.
    Run,
    /// It is dropped, for the task was cancelled before its start.
    Cancel,
    /// It is dropped, for the task cannot be run.
    Refuse,
}

/// How a task has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Outcome {
    /// The task's closure has returned, or the task has not ended.
    Returned,
    Panicked,
    Cancelled,
    Refused,
}

impl Outcome {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Outcome::Returned => "returned",
            Outcome::Panicked => "panicked",
            Outcome::Cancelled => "cancelled",
            Outcome::Refused => "refused",
        }
    }
}

/// How a task is started and waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Kind {
    /// Only the worker that spawned the task may start it, for its closure need not be `Send`.
    pub(crate) local: bool,
    /// The end of `main` does not wait for the task.
    pub(crate) daemon: bool,
}

/// The head of a task's allocation. The contract page in the parent module says who may touch which
/// field.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) word: Word,
    /// How many `TaskRef`s there are.
    pub(super) refs: AtomicU32,
    /// The next task in the inbox that holds this one, for as long as LINK is set in the word.
    pub(super) link: AtomicPtr<Header>,
    /// Where the task is, once started. The 16 bytes from here on are what a switch touches, and
    /// lie on one cache line.
    pub(crate) run: Cell<Run>,
    /// What the owner knows of the task: see [`Flags`].
    pub(crate) flags: Cell<u8>,
    /// What the task waits for, while it is parked.
    pub(crate) reason: Cell<Reason>,
    /// Stack size class: requested before the start, actual after.
    pub(crate) class: Cell<SizeClass>,
    /// How far below its stack's record the task suspended last. That is where the note of a parked
    /// task is, unless the task waits inside a coroutine; for all else it is a hint of what to
    /// prefetch. Before the task has a stack, this is [`Header::without_stack`].
    pub(crate) depth: Cell<u32>,
    pub(super) stack: UnsafeCell<Option<Stack>>,
    pub(super) vtable: &'static VTable,
    pub(crate) kind: Kind,
    /// How the task's closure has ended, for whoever tells of it. Written by whoever claimed the
    /// task.
    pub(crate) outcome: Cell<Outcome>,
    /// Whether the task's stack shows what this task alone has needed. By the owner.
    pub(crate) own_stack: Cell<bool>,
    /// The boundaries that the task has open, the innermost first.
    pub(crate) waits: Waits,
    /// The neighbours in the worker's list of started tasks.
    pub(crate) live_prev: Cell<*const Header>,
    pub(crate) live_next: Cell<*const Header>,
    /// The joiner slot: the node of whoever waits for the task's end, while JOINER is set in the
    /// word.
    pub(crate) joiner: Cell<*const ()>,
    pub(crate) id: u64,
    pub(crate) spawned_at: &'static Location<'static>,
    /// What few tasks have, such as a name.
    pub(super) meta: MetaPtr,
}

/// Offset of the 16 bytes of a header that a switch touches.
const SWITCHED: usize = offset_of!(Header, run);

#[cfg(not(any(gocoro_asan, all(test, loom))))]
const _: () =
    assert!(SWITCHED.is_multiple_of(16) && offset_of!(Header, stack) + 8 <= SWITCHED + 16);

impl Linked for Header {
    fn link(&self) -> &AtomicPtr<Header> {
        &self.link
    }
}

impl Header {
    /// Where the parts lie, and what they mean, for other processes.
    pub(crate) const FIELDS: &[(&str, u64)] = &[
        ("task.bytes", size_of::<Header>() as u64),
        ("task.word", offset_of!(Header, word) as u64),
        ("task.run", offset_of!(Header, run) as u64),
        ("task.reason", offset_of!(Header, reason) as u64),
        ("task.class", offset_of!(Header, class) as u64),
        ("task.depth", offset_of!(Header, depth) as u64),
        ("task.stack", offset_of!(Header, stack) as u64),
        ("task.daemon", offset_of!(Header, kind.daemon) as u64),
        ("task.previous", offset_of!(Header, live_prev) as u64),
        ("task.next", offset_of!(Header, live_next) as u64),
        ("task.id", offset_of!(Header, id) as u64),
        ("task.spawned_at", offset_of!(Header, spawned_at) as u64),
        ("task.meta", offset_of!(Header, meta) as u64),
        ("task.vtable", offset_of!(Header, vtable) as u64),
        ("task.waits", (offset_of!(Header, waits) + Waits::INNERMOST) as u64),
        ("vtable.scope", offset_of!(VTable, plain) as u64),
        ("run.queued", Run::Queued as u64),
        ("run.running", Run::Running as u64),
        ("run.parked", Run::Parked as u64),
        ("run.done", Run::Done as u64),
    ];

    /// Whether one of these flags is set. By the owner, as `set` and `clear`.
    #[inline(always)]
    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags.get() & flag != 0
    }

    #[inline(always)]
    pub(crate) fn set(&self, flag: u8) {
        self.flags.set(self.flags.get() | flag);
    }

    #[inline(always)]
    pub(crate) fn clear(&self, flag: u8) {
        self.flags.set(self.flags.get() & !flag);
    }

    /// Whether a cancel or an expiry is to be thrown at the task, and no shield hides it.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.has(Flags::CANCEL | Flags::EXPIRED) && self.waits.is_due(self.has(Flags::CANCEL))
    }

    /// Brings those bytes of a task's header into the cache that a switch to it touches. The
    /// pointer need not be valid: prefetching accesses nothing.
    #[inline(always)]
    pub(crate) fn prefetch(task: *const Header) {
        stack::prefetch(task.addr() + SWITCHED);
    }

    /// The workers that had no stack for the task: a set, with a bit for each. It lies in `depth`,
    /// which is free while the task has no stack.
    pub(crate) fn without_stack(&self) -> &Cell<u32> {
        &self.depth
    }

    /// The task's stack, if it has one.
    ///
    /// # Safety
    ///
    /// The caller is on the thread of the task's owner, and does not keep the answer across
    /// [`Header::give_stack`] or [`Header::take_stack`].
    #[inline(always)]
    pub(crate) unsafe fn stack(&self) -> Option<&Stack> {
        // SAFETY: only the owner's thread, on which the caller is, touches `stack`; and no `&mut`
        // to the field outlives `give_stack` and `take_stack`.
        unsafe { (*self.stack.get()).as_ref() }
    }

    /// Gives the task its stack.
    ///
    /// # Safety
    ///
    /// The caller is on the thread of the task's owner, and holds no answer of [`Header::stack`].
    #[inline(always)]
    pub(crate) unsafe fn give_stack(&self, stack: Stack) {
        // SAFETY: only the owner's thread, on which the caller is, touches `stack`, and the caller
        // holds no reference into it.
        unsafe { *self.stack.get() = Some(stack) };
    }

    /// Takes the stack of a task that ended.
    ///
    /// # Safety
    ///
    /// The caller is on the thread of the task's owner, and holds no answer of [`Header::stack`].
    #[inline(always)]
    pub(crate) unsafe fn take_stack(&self) -> Option<Stack> {
        // SAFETY: only the owner's thread, on which the caller is, touches `stack`, and the caller
        // holds no reference into it.
        unsafe { (*self.stack.get()).take() }
    }

    /// Runs the task's closure on the running stack, or drops it, and leaves the end in the packet.
    /// The answer is for [`Header::complete`].
    ///
    /// # Safety
    ///
    /// The caller claimed the task, and calls this once.
    #[must_use]
    pub(crate) unsafe fn execute(&self, how: How) -> bool {
        // SAFETY: the vtable is that of the task's types; the caller claimed the task, so the
        // packet is its own, and calls this once.
        unsafe { (self.vtable.execute)(self, how) }
    }

    /// The scope or the group that the task belongs to. Nothing is known of it before the task is
    /// claimed.
    ///
    /// A scope or a group may end while the answer is made. What it shares with its tasks does not
    /// go then, for the membership, which is a part of the task, holds a reference to that.
    pub(crate) fn scope(&self) -> Option<TaskScope> {
        let scope = self.vtable.scope?;
        if self.word.phase() == Phase::Unstarted {
            return None;
        }
        // SAFETY: the vtable is that of the task's types, and `self` keeps the task alive, and with
        // it the membership. That was written before `create` has returned the queue's reference,
        // without which nobody can have claimed the task. The read of the word has shown the claim,
        // and so that write is seen too.
        unsafe { scope(self) }
    }

    /// Whether no other thread can reach the task: of its two references one is the worker's, and
    /// the other that of the join handle, which a task of this worker has given up to its join.
    /// Then word and count change without a read-modify-write, each of which takes as long as
    /// twenty other instructions. By the owner; the answer is good until a task runs.
    #[inline(always)]
    pub(crate) fn is_alone_here(&self) -> bool {
        self.has(Flags::JOINED_HERE) && self.has_two_references()
    }

    /// Whether there are no references but those of the join handle and of whoever will run the
    /// task, or runs it. Whatever was done by others, which have gone, is seen after this.
    #[inline(always)]
    pub(crate) fn has_two_references(&self) -> bool {
        self.refs.load(Acquire) == 2
    }

    /// Makes the task DONE, and tells its family. Before that `last` runs, when none of the user's
    /// code is left to run. If the join handle goes just then, the result's destructor has to run
    /// after all, and then `last` runs again.
    ///
    /// # Safety
    ///
    /// The caller claimed the task and calls this once, and `wanted` is what [`Header::execute`]
    /// returned for it.
    #[inline(always)]
    pub(crate) unsafe fn complete(&self, mut wanted: bool, mut last: impl FnMut()) -> Completed {
        loop {
            last();
            if let Some(completed) = self.word.complete(wanted, self.is_alone_here()) {
                if let Some(tell) = self.vtable.tell {
                    // SAFETY: the vtable is that of the task's types, and `self` keeps the task
                    // alive.
                    unsafe { tell(self) };
                }
                return completed;
            }
            wanted = false;
            // SAFETY: the task is not DONE, so its packet still belongs to the claimer, which is
            // the caller.
            unsafe { (self.vtable.disclaim)(self) };
            self.drop_locals();
        }
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("id", &self.id)
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}
