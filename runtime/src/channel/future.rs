//! Sending and receiving as futures.

use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::arm::SendArm;
use super::chan::Chan;
use super::error::{RecvError, SendError};
use super::receiver::ReceiverArm;
use super::slot::{Slot, SlotNode, Stage};
use super::state::Outlet;
use crate::spawn::Alarm;
use crate::task::{Described, Reason, Words};
use crate::waiters::{Arm, ArmFuture, ArmNode, Choice, Node, Place};

/// A future that is ready when a message was received: from `recv_async`.
///
/// Any executor may poll it, on any thread. Dropping it takes the wait back. If a message was
/// handed to it that no poll has fetched yet, the message goes back, in front of those that wait in
/// the channel, or to the next who waits. So no message is lost in a future that is dropped.
///
/// On a channel of capacity zero the partner may be an arm `send(…)` of a `select!`, which makes
/// its message after the two have met. If the future is dropped in between, its destructor waits
/// for the message, to give it back; on a plain thread it blocks the thread for that time. So that
/// message must not be made by whoever drops the future.
///
/// # Panics
///
/// A poll panics if the future was ready before.
#[must_use = "futures do nothing unless polled"]
pub struct RecvFuture<'a, T> {
    receiving: ArmFuture<ReceiverArm<'a, T>>,
    /// Calls the waker when the clock brings a message.
    alarm: Option<Alarm>,
}

/// A future that is ready when a message was sent: from `send_async`.
///
/// Any executor may poll it, on any thread. The message is in the future until a receiver takes it.
/// Dropping the future before that takes the wait back, and drops the message, which was not sent.
/// Dropping it after that changes nothing: the message was sent, also if no poll has said so yet.
///
/// # Panics
///
/// A poll panics if the future was ready before.
#[must_use = "futures do nothing unless polled"]
pub struct SendFuture<'a, T> {
    sending: ArmFuture<MessageArm<'a, T>>,
}

// SAFETY: a message moves from the thread of its sender to that of the future, so it has to be
// `Send`. The node in the future is touched by others under the channel's lock, or as its slot's
// stage says, which do not depend on the thread that polls or drops the future.
unsafe impl<T: Send> Send for RecvFuture<'_, T> {}
// SAFETY: a shared future gives access to nothing but whether it was ready.
unsafe impl<T: Send> Sync for RecvFuture<'_, T> {}
// SAFETY: the message moves from the thread of the future to that of its receiver, so it has to be
// `Send`. The node is touched as that of a `RecvFuture` is.
unsafe impl<T: Send> Send for SendFuture<'_, T> {}
// SAFETY: a shared future gives access to nothing but whether it was ready.
unsafe impl<T: Send> Sync for SendFuture<'_, T> {}

impl<'a, T> RecvFuture<'a, T> {
    pub(super) fn new(arm: ReceiverArm<'a, T>) -> Self {
        RecvFuture { receiving: ArmFuture::new(arm), alarm: None }
    }
}

impl<'a, T> SendFuture<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>, message: T) -> Self {
        let message = Cell::new(Some(message));
        let arm = MessageArm { chan, node: ArmNode::new(), message, sent: Cell::new(None) };
        SendFuture { sending: ArmFuture::new(arm) }
    }
}

impl<T> Future for RecvFuture<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `receiving` is pinned when the future is: it is moved nowhere, and dropped in its
        // place. `alarm` is not pinned.
        let (mut receiving, alarm) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.receiving), &mut this.alarm)
        };
        let polled = receiving.as_mut().poll(context);
        if polled.is_pending()
            && let (Some(at), Some(poller)) = (receiving.deadline(), receiving.poller())
            && alarm.as_ref().is_none_or(|alarm| !alarm.goes_off_by(at))
        {
            *alarm = Some(Alarm::set(at, poller.clone()));
        }
        polled
    }
}

impl<T> Future for SendFuture<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `sending` is pinned when the future is: it is moved nowhere, and dropped in its
        // place.
        unsafe { self.map_unchecked_mut(|this| &mut this.sending) }.poll(context)
    }
}

/// A send whose message is made already, as an arm. A receiver takes the message out of the arm.
pub(super) struct MessageArm<'a, T> {
    chan: &'a Chan<T>,
    node: ArmNode<SlotNode<T>>,
    /// The message, while it is not in the node's slot.
    message: Cell<Option<T>>,
    sent: Cell<Option<Result<(), SendError<T>>>>,
}

impl<T> MessageArm<'_, T> {
    fn message(&self) -> T {
        self.message.take().expect("an arm that is not linked has its message")
    }
}

// SAFETY: `unlink` takes the node out under the channel's lock, and `settle` waits until the slot
// is settled, which is the last touch of whoever chose it. `link` puts the node into the channel's
// list, and does not unwind.
unsafe impl<T> Choice for MessageArm<'_, T> {
    fn attempt(&self) -> bool {
        let message = self.message();
        let mut state = self.chan.lock();
        let sent = match state.outlet() {
            Outlet::Receiver(node, wake) => {
                // SAFETY: `outlet` has chosen the receiver's slot, and nothing has settled the slot
                // since.
                unsafe { node.shared().fill(message) };
                drop(state);
                wake.give();
                Ok(())
            }
            Outlet::Room => {
                state.push(message);
                Ok(())
            }
            Outlet::Closed => Err(SendError(message)),
            Outlet::Full => {
                self.message.set(Some(message));
                return false;
            }
        };
        self.sent.set(Some(sent));
        true
    }

    fn in_words(&self, words: &mut Words) {
        Described::in_words(self.chan, Reason::Send, words);
    }

    fn is_ready(&self) -> bool {
        SendArm::looks_ready(&self.chan.lock(), None)
    }

    fn link(&self, place: Place<'_>) -> bool {
        let mut state = self.chan.lock();
        // The look and the link are in one hold of the lock, since a sender waits only while it
        // cannot send.
        let ready = SendArm::looks_ready(&state, Some(place));
        if !ready {
            let node = Node::new(place.waiter, place.arm, Slot::sender(self.message()));
            // SAFETY: the caller links the arm, so the arm is linked nowhere now. The slot of the
            // node that this drops is empty.
            let node = unsafe { self.node.make(node) };
            // SAFETY: whoever links arms unlinks them before arms and waiter go.
            unsafe { state.sending.push_back(node) };
        }
        ready
    }

    fn unlink(&self) {
        let Some(node) = self.node.get() else { return };
        // SAFETY: the node was linked to the list `sending` of this channel, or to none.
        unsafe { self.chan.lock().sending.remove(node) };
        // SAFETY: slots have their own way to be shared. This one is in no list now, or was settled
        // before, and this is the waiter.
        if let Some(message) = unsafe { node.shared().take() } {
            self.message.set(Some(message));
        }
    }

    fn settle(&self) -> bool {
        let slot = self.node.settled(self.chan);
        let sent = match slot.stage() {
            Stage::Taken => Ok(()),
            // SAFETY: the slot is settled, and this is the waiter, so the message is its own.
            _ => Err(SendError(unsafe { slot.take() }.expect("a message that nobody took"))),
        };
        self.sent.set(Some(sent));
        true
    }

    fn has_turned(&self) -> bool {
        false
    }
}

impl<T> Arm for MessageArm<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn take(self) -> Self::Output {
        self.sent.take().expect("the arm was chosen")
    }
}

impl<T> fmt::Debug for RecvFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvFuture").field("was_ready", &self.receiving.was_ready()).finish()
    }
}

impl<T> fmt::Debug for SendFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendFuture").field("was_ready", &self.sending.was_ready()).finish()
    }
}
