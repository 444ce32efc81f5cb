//! The head of a task's allocation.

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::mem::offset_of;
use std::panic::Location;
use std::sync::atomic::AtomicU32;

use super::inbox::Linked;
use super::meta::Cold;
use super::packet::VTable;
use super::reason::Reason;
use super::word::{Completed, Word};
use crate::boundary::Waits;
use crate::loom::AtomicPtr;
use crate::stack::{self, SizeClass, Stack};

/// Where a started task is. The owner's alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Run {
    Queued,
    Running,
    Parked,
    Done,
}

/// The owner's flags: one byte, tested once at each park and each resume.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Flags(pub(crate) u8);

impl Flags {
    /// A wake came while the task was running.
    pub(crate) const TOKEN: u8 = 1 << 0;
    /// `Task::unpark`'s token.
    pub(crate) const PERMIT: u8 = 1 << 1;
    /// The task is cancelled.
    pub(crate) const CANCEL: u8 = 1 << 2;
    /// A boundary of the task has expired.
    pub(crate) const EXPIRED: u8 = 1 << 3;
    /// The panic hook has reported a panic of the task.
    pub(crate) const REPORTED: u8 = 1 << 4;
    /// The task's body panicked.
    pub(crate) const PANICKED: u8 = 1 << 5;

    /// Those that take a park, or a return from it, off the fast path.
    pub(crate) const SLOW: u8 = Self::TOKEN | Self::CANCEL | Self::EXPIRED;
}

/// What kind of task it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Kind {
    /// Started by its own worker only.
    pub(crate) local: bool,
    /// The program does not wait for it.
    pub(crate) daemon: bool,
}

/// The head of a task's allocation. The page of the parent module says who may touch what.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) word: Word,
    pub(super) refs: AtomicU32,
    pub(super) link: AtomicPtr<Header>,
    /// Here begin the 16 bytes that a switch touches, which lie on one cache line.
    pub(crate) run: Cell<Run>,
    pub(crate) flags: Cell<u8>,
    pub(crate) reason: Cell<Reason>,
    /// Stack size class: requested before the start, actual after.
    pub(crate) class: Cell<SizeClass>,
    /// How far below its stack's record the task suspended last; only a hint. Before it has one:
    /// how many workers had none for it.
    pub(crate) depth: Cell<u32>,
    pub(super) stack: UnsafeCell<Option<Stack>>,
    pub(super) vtable: &'static VTable,
    pub(crate) kind: Kind,
    /// The boundaries that the task has open.
    pub(crate) waits: Waits,
    pub(crate) live_prev: Cell<*const Header>,
    pub(crate) live_next: Cell<*const Header>,
    pub(crate) joiner: Cell<*const ()>,
    pub(crate) id: u64,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(super) cold: Cold,
}

/// Where the bytes lie that a switch touches.
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
    /// The owner's way to a flag.
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

    /// Brings into the cache what a switch to the task touches of its header. Any address will do.
    #[inline(always)]
    pub(crate) fn prefetch(task: *const Header) {
        stack::prefetch(task.addr() + SWITCHED);
    }

    /// The stack, by the owner.
    ///
    /// # Safety
    ///
    /// Called on the owner's thread, and the answer is not kept across [`Header::take_stack`].
    #[inline(always)]
    pub(crate) unsafe fn stack(&self) -> Option<&Stack> {
        // SAFETY: only the owner's thread touches the field, by the contract page.
        unsafe { (*self.stack.get()).as_ref() }
    }

    /// Gives the task its stack.
    ///
    /// # Safety
    ///
    /// Called on the owner's thread.
    #[inline(always)]
    pub(crate) unsafe fn give_stack(&self, stack: Stack) {
        // SAFETY: as in `stack`.
        unsafe { *self.stack.get() = Some(stack) };
    }

    /// Takes the stack of a task that ended.
    ///
    /// # Safety
    ///
    /// Called on the owner's thread.
    #[inline(always)]
    pub(crate) unsafe fn take_stack(&self) -> Option<Stack> {
        // SAFETY: as in `stack`.
        unsafe { (*self.stack.get()).take() }
    }

    /// Runs the closure on the running stack, or drops it if the task is cancelled, and leaves the
    /// result. The answer is for [`Header::complete`].
    ///
    /// # Safety
    ///
    /// The caller claimed the task, and calls this once.
    #[must_use]
    pub(crate) unsafe fn execute(&self, cancelled: bool) -> bool {
        // SAFETY: the caller's promise.
        unsafe { (self.vtable.execute)(self, cancelled) }
    }

    /// Ends a task that was not started, or has only its closure left to be dropped: that is done here,
    /// its result is "refused". The answer is for [`Header::complete`].
    ///
    /// # Safety
    ///
    /// The caller claimed the task, and calls this instead of `execute`.
    #[must_use]
    pub(crate) unsafe fn refuse(&self) -> bool {
        // SAFETY: the caller's promise.
        unsafe { (self.vtable.refuse)(self) }
    }

    /// Ends the task: up to DONE, and tells its family. `last` runs when nothing of the user's is left
    /// to run; and once more if there was, for a handle that went just then.
    ///
    /// # Safety
    ///
    /// The caller claimed the task; `wanted` is what `execute` or `refuse` returned.
    #[inline(always)]
    pub(crate) unsafe fn complete(&self, mut wanted: bool, mut last: impl FnMut()) -> Completed {
        loop {
            last();
            match self.word.complete(wanted) {
                Completed::Unwanted => {
                    wanted = false;
                    // SAFETY: the handle went without DONE, so the end is still the claimer's.
                    unsafe { (self.vtable.disclaim)(self) };
                    self.cold.drop_locals();
                }
                done => {
                    if let Some(tell) = self.vtable.tell {
                        // SAFETY: `self` is a reference to the task.
                        unsafe { tell(self) };
                    }
                    return done;
                }
            }
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
