//! Sending and receiving as arms of a choice.

use std::cell::{Cell, UnsafeCell};
use std::fmt;

use super::chan::{Chan, Right, await_promise};
use super::error::{RecvError, SendError};
use super::slot::{Role, Slot, SlotNode, Stage};
use super::state::{Found, Outlet, State};
use crate::waiters::{Arm, Choice, Node, Place, Waiter};

/// A receive that may be chosen.
#[doc(hidden)]
pub struct RecvArm<'a, T> {
    chan: &'a Chan<T>,
    place: ArmNode<T>,
    received: Cell<Option<Result<T, RecvError>>>,
}

/// A send that may be chosen; the message is made after that.
pub(super) struct SendArm<'a, T> {
    chan: &'a Chan<T>,
    place: ArmNode<T>,
    right: Cell<Option<Right<T>>>,
}

/// An arm's node, made when it is linked.
struct ArmNode<T>(UnsafeCell<Option<(*const Waiter, SlotNode<T>)>>);

impl<T> ArmNode<T> {
    fn new() -> ArmNode<T> {
        ArmNode(UnsafeCell::new(None))
    }

    fn make(&self, place: Place<'_>, role: Role) -> &SlotNode<T> {
        let node = Node::new(place.waiter, place.arm, Slot::arm(place, role));
        // SAFETY: the arm is linked nowhere now, so nobody else has the old node.
        let cell = unsafe { &mut *self.0.get() };
        &cell.insert((place.waiter, node)).1
    }

    fn get(&self) -> Option<&SlotNode<T>> {
        // SAFETY: it is replaced only while the arm is linked nowhere, by the arm's own thread.
        unsafe { (*self.0.get()).as_ref().map(|(_, node)| node) }
    }

    /// The slot of an arm that was chosen, settled.
    fn settled(&self, sync: impl FnOnce()) -> &Slot<T> {
        // SAFETY: as in `get`.
        let (waiter, node) =
            unsafe { (*self.0.get()).as_ref() }.expect("what was chosen was linked");
        // SAFETY: slots have their own way to be shared.
        let slot = unsafe { node.shared() };
        if slot.stage() == Stage::Waiting {
            // Whoever chose it is just writing, under the lock.
            sync();
        }
        // SAFETY: the wait settles its arms before it goes.
        await_promise(unsafe { &**waiter }, slot);
        slot
    }
}

impl<'a, T> RecvArm<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>) -> RecvArm<'a, T> {
        RecvArm { chan, place: ArmNode::new(), received: Cell::new(None) }
    }

    /// What was received, left behind in the channel with a ticket; `None`: no sender is left.
    pub(super) fn hold(&self) -> Option<u64> {
        let received = self.received.take().expect("the arm was chosen");
        received.ok().map(|message| self.chan.hold(message))
    }

    fn looks_ready(state: &State<T>, own: Option<Place<'_>>) -> bool {
        let watches = own.is_none_or(|place| place.watches);
        let own = own.map(|place| place.waiter);
        state.len() > 0
            || state.is_closed_for_receiving()
            || state.is_rendezvous() && state.sending.has_other(own, |slot| counts(slot, watches))
    }
}

/// Watchers do not make each other ready; who waits in earnest tells them.
fn counts<T>(slot: &Slot<T>, watches: bool) -> bool {
    !watches || slot.role != Role::Watcher
}

impl<T> Choice for RecvArm<'_, T> {
    fn attempt(&self) -> bool {
        loop {
            let mut state = self.chan.lock();
            let received = match state.receive() {
                Found::Nothing => return false,
                Found::Closed => Err(RecvError),
                Found::Message(message, wake) => {
                    drop(state);
                    if let Some(wake) = wake {
                        wake.give();
                    }
                    Ok(message)
                }
                Found::Promiser(node, wake) => match self.chan.receive_promise(state, node, wake) {
                    Some(message) => Ok(message),
                    None => continue,
                },
            };
            self.received.set(Some(received));
            return true;
        }
    }

    fn is_ready(&self) -> bool {
        Self::looks_ready(&self.chan.lock(), None)
    }

    fn link(&self, place: Place<'_>) -> bool {
        let node = self.place.make(place, Role::Receiver);
        let mut state = self.chan.lock();
        // In the same hold: who waits beside what it waits for is served before it.
        let ready = Self::looks_ready(&state, Some(place));
        if !ready {
            // SAFETY: whoever links arms unlinks them before they and the waiter go.
            unsafe { state.receiving.push_back(node) };
        }
        ready
    }

    fn unlink(&self) {
        if let Some(node) = self.place.get() {
            // SAFETY: the node was linked to this list, or to none.
            unsafe { self.chan.lock().receiving.remove(node) };
        }
    }

    fn settle(&self) -> bool {
        let slot = self.place.settled(|| drop(self.chan.lock()));
        let received = match slot.stage() {
            // SAFETY: the slot is settled.
            Stage::Full => unsafe { slot.take() }.ok_or(RecvError),
            Stage::Closed => Err(RecvError),
            _ => return false,
        };
        self.received.set(Some(received));
        true
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
        SendArm { chan, place: ArmNode::new(), right: Cell::new(None) }
    }

    /// The right that the choice gave.
    pub(super) fn right(&self) -> Right<T> {
        self.right.take().expect("the arm was chosen")
    }

    fn looks_ready(state: &State<T>, own: Option<Place<'_>>) -> bool {
        let watches = own.is_none_or(|place| place.watches);
        let own = own.map(|place| place.waiter);
        state.has_room()
            || state.is_closed_for_sending()
            || state.is_rendezvous() && state.receiving.has_other(own, |slot| counts(slot, watches))
    }
}

impl<T> Choice for SendArm<'_, T> {
    fn attempt(&self) -> bool {
        let mut state = self.chan.lock();
        let right = if state.is_closed_for_sending() {
            Right::Closed
        } else if state.is_rendezvous() {
            match state.outlet() {
                // It is woken when it has its message, and cannot leave before.
                Outlet::Receiver(node, _) => {
                    // SAFETY: slots have their own way to be shared.
                    unsafe { node.shared() }.settle(Stage::Promised);
                    Right::Partner(node)
                }
                _ => return false,
            }
        } else if state.reserve() {
            Right::Place
        } else {
            return false;
        };
        drop(state);
        self.right.set(Some(right));
        true
    }

    fn is_ready(&self) -> bool {
        Self::looks_ready(&self.chan.lock(), None)
    }

    fn link(&self, place: Place<'_>) -> bool {
        let node = self.place.make(place, Role::Promiser);
        let mut state = self.chan.lock();
        // In the same hold: who waits beside what it waits for is served before it.
        let ready = Self::looks_ready(&state, Some(place));
        if !ready {
            // SAFETY: whoever links arms unlinks them before they and the waiter go.
            unsafe { state.sending.push_back(node) };
        }
        ready
    }

    fn unlink(&self) {
        if let Some(node) = self.place.get() {
            // SAFETY: the node was linked to this list, or to none.
            unsafe { self.chan.lock().sending.remove(node) };
        }
    }

    fn settle(&self) -> bool {
        let slot = self.place.settled(|| drop(self.chan.lock()));
        let right = match slot.stage() {
            Stage::Reserved => Right::Place,
            Stage::Paired => Right::Partner(slot.partner()),
            Stage::Closed => Right::Closed,
            stage => unreachable!("a chosen sender's slot is {stage:?}"),
        };
        self.right.set(Some(right));
        true
    }
}

impl<T> Drop for SendArm<'_, T> {
    fn drop(&mut self) {
        if let Some(right) = self.right.take() {
            self.chan.abandon(&right);
        }
    }
}

/// A chosen send: the right to one message, given back if it is dropped.
pub(super) struct Chosen<'a, T> {
    chan: &'a Chan<T>,
    right: Option<Right<T>>,
}

impl<'a, T> Chosen<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>, right: Right<T>) -> Chosen<'a, T> {
        Chosen { chan, right: Some(right) }
    }

    pub(super) fn send(mut self, message: T) -> Result<(), SendError<T>> {
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
