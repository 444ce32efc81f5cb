//! What a waiting side of a channel carries: room for one message, and how far its hand-over is.
//!
//! A waiter reads the stage after a wake. Whoever chose the waiter writes all else first and the
//! stage last, and touches nothing of the node after that. So the way from a wake to the message
//! takes no lock.

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::sync::atomic::Ordering::{Acquire, Release};

use crate::loom::AtomicU32;
use crate::waiters::{Node, Place};

/// How far the hand-over at a slot is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(super) enum Stage {
    /// Nobody has chosen the slot.
    Waiting,
    /// A sender has chosen this receiver, and is still making the message.
    Promised,
    /// The message is in this receiver's slot.
    Full,
    /// The message was taken out of this sender's slot.
    Taken,
    /// This promiser has a place in the buffer.
    Reserved,
    /// A receiver, the slot's `partner`, waits for this promiser alone.
    Paired,
    /// The promiser that chose this receiver has given up its promise.
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

/// What the waiting side of a slot waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    Receiver,
    /// A sender whose message is in the slot.
    Sender,
    /// A sender that makes its message after it is chosen.
    Promiser,
    /// A choice that only wants to know when it should look.
    Watcher,
}

/// The payload of a node in a channel's list.
pub(super) struct Slot<T> {
    pub(super) role: Role,
    stage: AtomicU32,
    value: UnsafeCell<Option<T>>,
    /// The receiver that waits for this promiser, once the stage is [`Stage::Paired`].
    partner: Cell<*const SlotNode<T>>,
}

pub(super) type SlotNode<T> = Node<Slot<T>>;

// SAFETY: until the stage is settled, value and partner are touched only by whoever chose the slot,
// under the channel's lock. After that they are touched only by the waiter.
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

    /// The slot of an arm of a choice.
    pub(super) fn arm(place: Place<'_>, role: Role) -> Slot<T> {
        Slot::new(if place.watches { Role::Watcher } else { role }, None)
    }

    #[inline(always)]
    pub(super) fn stage(&self) -> Stage {
        STAGES[self.stage.load(Acquire) as usize]
    }

    /// Writes the stage. Unless the stage is a promise, this is the last that whoever chose the
    /// slot does to it.
    #[inline(always)]
    pub(super) fn settle(&self, stage: Stage) {
        self.stage.store(stage as u32, Release);
    }

    /// Hands a message over to the receiver that waits at this slot.
    ///
    /// # Safety
    ///
    /// The caller has chosen the slot, or has promised its receiver a message, and the slot has not
    /// been settled since.
    #[inline(always)]
    pub(super) unsafe fn fill(&self, message: T) {
        // SAFETY: until the stage is settled the value belongs to whoever chose the slot: the
        // caller.
        unsafe { *self.value.get() = Some(message) };
        self.settle(Stage::Full);
    }

    /// Takes the message out.
    ///
    /// # Safety
    ///
    /// Either the caller has chosen the slot, which is not settled; or the caller is the waiter,
    /// and the slot is settled or in no list.
    #[inline(always)]
    pub(super) unsafe fn take(&self) -> Option<T> {
        // SAFETY: the stage says that the value belongs to the caller, as the caller promises.
        unsafe { (*self.value.get()).take() }
    }

    /// Tells this promiser which receiver waits for it alone.
    ///
    /// # Safety
    ///
    /// The caller has chosen the slot, which is not settled. The node of `receiver` stays where it
    /// is until the promise is kept or abandoned.
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
