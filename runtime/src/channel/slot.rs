//! What a waiting side of a channel carries: room for one message, and how far its hand-over is.
//!
//! The stage is what a waiter reads after a wake. Whoever chose the waiter writes all else first and
//! the stage last, and after that touches nothing of the node. So the way from a wake to the message
//! takes no lock.

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::sync::atomic::Ordering::{Acquire, Release};

use crate::loom::AtomicU32;
use crate::waiters::{Node, Place};

/// How far a slot is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(super) enum Stage {
    /// Nobody has chosen it.
    Waiting,
    /// A receiver was chosen by a sender that is still making the message.
    Promised,
    /// The message is in a receiver's slot.
    Full,
    /// The message was taken out of a sender's slot.
    Taken,
    /// There is room for a sender that makes its message when it is chosen.
    Reserved,
    /// A receiver waits for that sender alone: the partner.
    Paired,
    /// The promise was not kept.
    Abandoned,
    /// The other side of the channel is gone.
    Closed,
}

const STAGES: [Stage; 8] = [
    Stage::Waiting,
    Stage::Promised,
    Stage::Full,
    Stage::Taken,
    Stage::Reserved,
    Stage::Paired,
    Stage::Abandoned,
    Stage::Closed,
];

/// Who waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    Receiver,
    /// A sender whose message is in the slot.
    Sender,
    /// A sender that makes its message when it is chosen.
    Promiser,
    /// One that wants to know when it should look.
    Watcher,
}

/// What a node in a channel's list carries.
pub(super) struct Slot<T> {
    pub(super) role: Role,
    stage: AtomicU32,
    value: UnsafeCell<Option<T>>,
    /// Written before [`Stage::Paired`].
    partner: Cell<*const SlotNode<T>>,
}

pub(super) type SlotNode<T> = Node<Slot<T>>;

// SAFETY: until the stage is settled only who chose the slot, under the channel's lock, touches the
// value and the partner; after that only the waiter does.
unsafe impl<T: Send> Send for Slot<T> {}

impl<T> Slot<T> {
    #[inline(always)]
    fn new(role: Role, value: Option<T>) -> Slot<T> {
        Slot {
            role,
            stage: AtomicU32::new(Stage::Waiting as u32),
            value: UnsafeCell::new(value),
            partner: Cell::new(std::ptr::null()),
        }
    }

    #[inline(always)]
    pub(super) fn receiver() -> Slot<T> {
        Slot::new(Role::Receiver, None)
    }

    #[inline(always)]
    pub(super) fn sender(message: T) -> Slot<T> {
        Slot::new(Role::Sender, Some(message))
    }

    /// For an arm of a choice.
    pub(super) fn arm(place: Place<'_>, role: Role) -> Slot<T> {
        Slot::new(if place.watches { Role::Watcher } else { role }, None)
    }

    #[inline(always)]
    pub(super) fn stage(&self) -> Stage {
        STAGES[self.stage.load(Acquire) as usize]
    }

    /// The last that is done to a slot by whoever chose it, unless it is a promise.
    #[inline(always)]
    pub(super) fn settle(&self, stage: Stage) {
        self.stage.store(stage as u32, Release);
    }

    /// Hands a message over.
    ///
    /// # Safety
    ///
    /// The caller chose the slot, or made the promise, and has not settled it.
    #[inline(always)]
    pub(super) unsafe fn fill(&self, message: T) {
        // SAFETY: until the stage is settled the value is the caller's.
        unsafe { *self.value.get() = Some(message) };
        self.settle(Stage::Full);
    }

    /// Takes the message out.
    ///
    /// # Safety
    ///
    /// The caller chose the slot and has not settled it, or it is the waiter and the slot is settled
    /// or in no list.
    #[inline(always)]
    pub(super) unsafe fn take(&self) -> Option<T> {
        // SAFETY: the value is the caller's.
        unsafe { (*self.value.get()).take() }
    }

    /// Says which receiver waits for this promiser alone.
    ///
    /// # Safety
    ///
    /// The caller chose the slot and has not settled it. The node stays until the promise is kept or
    /// abandoned.
    pub(super) unsafe fn pair(&self, receiver: &SlotNode<T>) {
        self.partner.set(receiver);
        self.settle(Stage::Paired);
    }

    /// The receiver that waits for this promiser.
    pub(super) fn partner(&self) -> *const SlotNode<T> {
        self.partner.get()
    }
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("role", &self.role)
            .field("stage", &self.stage())
            .finish_non_exhaustive()
    }
}
