//! Sending and receiving as arms of a choice.

use std::cell::Cell;
use std::fmt;

use super::chan::{Chan, Right, await_promise};
use super::error::{RecvError, SendError};
use super::slot::{Role, Slot, SlotNode, Stage};
use super::state::{Found, Outlet, State};
use crate::task::{Described, Reason, Words};
use crate::waiters::{Arm, ArmNode, Choice, Node, Place};

/// A receive as an arm of a choice.
#[doc(hidden)]
pub struct RecvArm<'a, T> {
    chan: &'a Chan<T>,
    node: ArmNode<SlotNode<T>>,
    received: Cell<Option<Result<T, RecvError>>>,
}

/// A send as an arm of a choice. The message is made after the arm was chosen.
#[doc(hidden)]
pub struct SendArm<'a, T> {
    chan: &'a Chan<T>,
    node: ArmNode<SlotNode<T>>,
    right: Cell<Option<Right<T>>>,
}

impl<T> ArmNode<SlotNode<T>> {
    fn at(&self, place: Place<'_>, role: Role) -> &SlotNode<T> {
        let node = Node::new(place.waiter, place.arm, Slot::arm(place, role));
        // SAFETY: the caller links the arm, so the arm is linked nowhere now.
        unsafe { self.make(node) }
    }

    /// The node and the slot of an arm that was chosen, once the slot is settled or promised.
    fn chosen(&self, chan: &Chan<T>) -> (&SlotNode<T>, &Slot<T>) {
        let node = self.get().expect("what was chosen was linked");
        // SAFETY: slots have their own way to be shared: the stage tells who may touch what.
        let slot = unsafe { node.shared() };
        if slot.stage() == Stage::Waiting {
            // Whoever chose this slot holds the lock until its stage is written.
            drop(chan.lock());
        }
        (node, slot)
    }

    /// The slot of an arm that was chosen, once the slot is settled.
    pub(super) fn settled(&self, chan: &Chan<T>) -> &Slot<T> {
        let (node, slot) = self.chosen(chan);
        // SAFETY: a wait settles its arms before it goes, so the waiter is still there.
        await_promise(unsafe { node.waiter() }, slot);
        slot
    }
}

impl<'a, T> RecvArm<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>) -> RecvArm<'a, T> {
        RecvArm { chan, node: ArmNode::new(), received: Cell::new(None) }
    }

    /// Leaves the received message in the channel, and returns its ticket. `None`: no sender is
    /// left.
    pub(super) fn hold(&self) -> Option<u64> {
        let received = self.received.take().expect("the arm was chosen");
        received.ok().map(|message| self.chan.hold(message))
    }

    fn looks_ready(state: &State<T>, own: Option<Place<'_>>) -> bool {
        let earnest = own.is_some_and(|place| place.waits && !place.watches);
        let own = own.map(|place| place.waiter);
        state.len() > 0
            || state.is_closed_for_receiving()
            || state.is_rendezvous() && state.sending.has_other(own, |slot| counts(slot, earnest))
    }
}

/// Whether a slot on the other side makes this arm ready. A watcher does not, unless this arm is
/// going to wait in earnest: then the watcher has to be told first, by an attempt.
fn counts<T>(slot: &Slot<T>, earnest: bool) -> bool {
    earnest || slot.role != Role::Watcher
}

// SAFETY: `unlink` takes the node out under the channel's lock, and `settle` waits until the slot
// is settled, which is the last touch of whoever chose it. `link` puts the node into the channel's
// list, and does not unwind.
unsafe impl<T> Choice for RecvArm<'_, T> {
    fn attempt(&self) -> bool {
        let Ok(taken) = self.chan.take() else { return false };
        self.received.set(Some(taken.ok_or(RecvError)));
        true
    }

    fn attempt_at(&self, place: Option<Place<'_>>) -> bool {
        let mut state = self.chan.lock();
        if place.is_none() && state.is_rendezvous() {
            return false;
        }
        let (received, wake) = match state.receive() {
            Found::Message(message, wake) => (Ok(message), wake),
            Found::Closed => (Err(RecvError), None),
            Found::Nothing => return false,
            Found::Promiser(promiser, wake) => {
                let place = place.expect("only a rendezvous has promisers");
                let node = self.node.at(place, Role::Receiver);
                // SAFETY: slots have their own way to be shared: the stage tells who may touch
                // what.
                unsafe { node.shared() }.settle(Stage::Promised);
                let claimed = place.waiter.claim(place.arm);
                debug_assert!(claimed, "an arm that is linked nowhere");
                // SAFETY: `receive` has chosen the promiser in this hold of the lock, and nothing
                // has settled its slot since. The node stays where it is until the promise is kept
                // or abandoned, for the arm is chosen.
                unsafe { promiser.shared().pair(node) };
                drop(state);
                wake.give();
                return false;
            }
        };
        drop(state);
        if let Some(wake) = wake {
            wake.give();
        }
        self.received.set(Some(received));
        true
    }

    fn in_words(&self, words: &mut Words) {
        Described::in_words(self.chan, Reason::Receive, words);
    }

    fn is_ready(&self) -> bool {
        Self::looks_ready(&self.chan.lock(), None)
    }

    fn link(&self, place: Place<'_>) -> bool {
        let node = self.node.at(place, Role::Receiver);
        let mut state = self.chan.lock();
        // The look and the link are in one hold of the lock, since a receiver waits only while
        // there is nothing to receive.
        let ready = Self::looks_ready(&state, Some(place));
        if !ready {
            // SAFETY: whoever links arms unlinks them before arms and waiter go.
            unsafe { state.receiving.push_back(node) };
        }
        ready
    }

    fn unlink(&self) {
        if let Some(node) = self.node.get() {
            // SAFETY: the node was linked to the list `receiving` of this channel, or to none.
            unsafe { self.chan.lock().receiving.remove(node) };
        }
    }

    fn settle(&self) -> bool {
        let slot = self.node.settled(self.chan);
        let received = match slot.stage() {
            // SAFETY: the slot is settled, and this is the waiter, so the message is its own.
            Stage::Full => unsafe { slot.take() }.ok_or(RecvError),
            Stage::Closed => Err(RecvError),
            _ => return false,
        };
        self.received.set(Some(received));
        true
    }

    fn is_settled(&self) -> bool {
        self.node.chosen(self.chan).1.stage() != Stage::Promised
    }

    fn undo(&self) {
        if self.settle()
            && let Some(Ok(message)) = self.received.take()
        {
            self.chan.give_back(message);
        }
    }

    /// Always `false`: whatever makes a receive ready chooses waiting receivers in the same hold of
    /// the channel's lock.
    fn has_turned(&self) -> bool {
        false
    }
}

impl<T> Arm for RecvArm<'_, T> {
    type Output = Result<T, RecvError>;

    fn take(self) -> Result<T, RecvError> {
        self.received.take().expect("the arm was chosen")
    }
}

impl<'a, T> SendArm<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>) -> SendArm<'a, T> {
        SendArm { chan, node: ArmNode::new(), right: Cell::new(None) }
    }

    /// The right that the choice gave.
    pub(super) fn right(&self) -> Right<T> {
        self.right.take().expect("the arm was chosen")
    }

    pub(super) fn looks_ready(state: &State<T>, own: Option<Place<'_>>) -> bool {
        let earnest = own.is_some_and(|place| place.waits && !place.watches);
        let own = own.map(|place| place.waiter);
        state.has_room()
            || state.is_closed_for_sending()
            || state.is_rendezvous() && state.receiving.has_other(own, |slot| counts(slot, earnest))
    }
}

// SAFETY: `unlink` takes the node out under the channel's lock, and `settle` waits until the slot
// is settled, which is the last touch of whoever chose it. `link` puts the node into the channel's
// list, and does not unwind.
unsafe impl<T> Choice for SendArm<'_, T> {
    fn attempt(&self) -> bool {
        let mut state = self.chan.lock();
        let right = if state.is_closed_for_sending() {
            Right::Closed
        } else if state.is_rendezvous() {
            match state.outlet() {
                // The receiver is woken when it has its message, and cannot leave before.
                Outlet::Receiver(node, _) => {
                    // SAFETY: slots have their own way to be shared, and `outlet` has chosen this
                    // one.
                    unsafe { node.shared() }.settle(Stage::Promised);
                    Right::Partner(node)
                }
                _ => return false,
            }
        } else if state.reserve() {
            Right::Reserved
        } else {
            return false;
        };
        drop(state);
        self.right.set(Some(right));
        true
    }

    fn in_words(&self, words: &mut Words) {
        Described::in_words(self.chan, Reason::Send, words);
    }

    fn is_ready(&self) -> bool {
        Self::looks_ready(&self.chan.lock(), None)
    }

    fn link(&self, place: Place<'_>) -> bool {
        let node = self.node.at(place, Role::Promiser);
        let mut state = self.chan.lock();
        // The look and the link are in one hold of the lock, since a sender waits only while it
        // cannot send.
        let ready = Self::looks_ready(&state, Some(place));
        if !ready {
            // SAFETY: whoever links arms unlinks them before arms and waiter go.
            unsafe { state.sending.push_back(node) };
        }
        ready
    }

    fn unlink(&self) {
        if let Some(node) = self.node.get() {
            // SAFETY: the node was linked to the list `sending` of this channel, or to none.
            unsafe { self.chan.lock().sending.remove(node) };
        }
    }

    fn settle(&self) -> bool {
        let slot = self.node.settled(self.chan);
        let right = match slot.stage() {
            Stage::Reserved => Right::Reserved,
            Stage::Paired => Right::Partner(slot.partner()),
            Stage::Closed => Right::Closed,
            stage => unreachable!("a chosen sender's slot is {stage:?}"),
        };
        self.right.set(Some(right));
        true
    }

    /// Always `false`: whatever makes a send ready chooses waiting senders in the same hold of the
    /// channel's lock.
    fn has_turned(&self) -> bool {
        false
    }
}

impl<'a, T> Arm for SendArm<'a, T> {
    type Output = Chosen<'a, T>;

    fn take(self) -> Chosen<'a, T> {
        Chosen::new(self.chan, self.right())
    }
}

impl<T> Drop for SendArm<'_, T> {
    fn drop(&mut self) {
        if let Some(right) = self.right.take() {
            self.chan.abandon(&right);
        }
    }
}

/// A chosen send: the right to send one message, which is still to be made. Dropping it gives the
/// right back.
#[doc(hidden)]
pub struct Chosen<'a, T> {
    chan: &'a Chan<T>,
    right: Option<Right<T>>,
}

impl<'a, T> Chosen<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>, right: Right<T>) -> Chosen<'a, T> {
        Chosen { chan, right: Some(right) }
    }

    #[doc(hidden)]
    pub fn send(mut self, message: T) -> Result<(), SendError<T>> {
        let right = self.right.take().expect("it is used once");
        self.chan.send_by(right, message).map_err(SendError)
    }
}

impl<T> Drop for Chosen<'_, T> {
    fn drop(&mut self) {
        if let Some(right) = &self.right {
            self.chan.abandon(right);
        }
    }
}

impl<T> fmt::Debug for RecvArm<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvArm").field("chan", self.chan).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for SendArm<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendArm").field("chan", self.chan).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Chosen<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chosen").finish_non_exhaustive()
    }
}
