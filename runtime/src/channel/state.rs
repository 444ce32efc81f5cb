//! A channel's state: who waits on either side, and every transition that is made under the lock.
//!
//! - A receiver waits only while the buffer is empty, a sender only while there is no room. Whoever
//!   changes that serves the oldest wait in the same hold of the lock, by writing to its slot.
//! - A *promiser* is a sender that makes its message after it is chosen: an arm of a choice. It is
//!   chosen by a reserved place in the buffer. Without a buffer it is chosen together with the
//!   receiver, which from then on waits for the promise alone and cannot leave.
//! - Messages that were received and given back stand in front, beyond the capacity if need be.

use std::collections::VecDeque;
use std::fmt;
use std::iter;

use super::slot::{Role, Slot, SlotNode, Stage};
use crate::current;
use crate::limits::CHANNEL_SLOTS_KEPT;
use crate::task::Wake;
use crate::waiters::List;

/// The capacity of a channel without a bound.
pub(super) const UNBOUNDED: usize = usize::MAX;

pub(super) struct State<T> {
    buffer: VecDeque<T>,
    /// The number of places in the buffer, or [`UNBOUNDED`].
    capacity: usize,
    /// The number of places that are reserved for chosen promisers.
    reserved: usize,
    senders_gone: bool,
    receivers_gone: bool,
    pub(super) sending: List<Slot<T>>,
    pub(super) receiving: List<Slot<T>>,
    /// Messages, with their tickets, that were received by a choice which has not been completed.
    held: Vec<(u64, T)>,
    tickets: u64,
}

/// What an attempt to receive found.
pub(super) enum Found<'a, T> {
    /// A message, and the wake of the sender that got the message's place.
    Message(T, Option<Wake>),
    /// A promiser, which was chosen and has to be paired in the same hold of the lock.
    Promiser(&'a SlotNode<T>, Wake),
    Nothing,
    /// The channel is empty, and no sender is left.
    Closed,
}

/// What an attempt to send found.
pub(super) enum Outlet<'a, T> {
    /// A receiver, which was chosen and has to get the message in the same hold of the lock.
    Receiver(&'a SlotNode<T>, Wake),
    Room,
    Full,
    Closed,
}

impl<T> State<T> {
    pub(super) fn new(capacity: usize) -> State<T> {
        State {
            buffer: VecDeque::new(),
            capacity,
            reserved: 0,
            senders_gone: false,
            receivers_gone: false,
            sending: List::new(),
            receiving: List::new(),
            held: Vec::new(),
            tickets: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.buffer.len()
    }

    #[inline(always)]
    pub(super) fn has_room(&self) -> bool {
        self.buffer.len() + self.reserved < self.capacity
    }

    pub(super) fn is_rendezvous(&self) -> bool {
        self.capacity == 0
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn is_closed_for_sending(&self) -> bool {
        self.receivers_gone
    }

    pub(super) fn is_closed_for_receiving(&self) -> bool {
        self.senders_gone
    }

    /// Takes the next message, if there is one, or chooses a promiser.
    #[inline(always)]
    pub(super) fn receive<'a>(&mut self) -> Found<'a, T> {
        if let Some(message) = self.buffer.pop_front() {
            let wake = if self.sending.is_empty() { None } else { self.admit() };
            if self.buffer.is_empty() && self.buffer.capacity() > CHANNEL_SLOTS_KEPT {
                self.buffer = VecDeque::new();
            }
            return Found::Message(message, wake);
        }
        if self.capacity == 0
            && let Some((node, wake)) = self.claim_sender()
        {
            // SAFETY: slots have their own way to be shared: the stage tells who may touch what.
            let slot = unsafe { node.shared() };
            if slot.role == Role::Promiser {
                return Found::Promiser(node, wake);
            }
            // SAFETY: `claim_sender` has chosen the slot, and nothing has settled it since.
            let message = unsafe { slot.take() }.expect("a sender's slot holds its message");
            slot.settle(Stage::Taken);
            return Found::Message(message, Some(wake));
        }
        if self.senders_gone { Found::Closed } else { Found::Nothing }
    }

    /// Finds out where a message can go, and chooses the receiver if one waits.
    #[inline(always)]
    pub(super) fn outlet<'a>(&mut self) -> Outlet<'a, T> {
        if self.receivers_gone {
            return Outlet::Closed;
        }
        if !self.receiving.is_empty()
            && let Some((node, wake)) = self.claim_receiver()
        {
            return Outlet::Receiver(node, wake);
        }
        if self.has_room() { Outlet::Room } else { Outlet::Full }
    }

    /// Puts a message into the buffer, where there is room or a place was reserved.
    #[inline(always)]
    pub(super) fn push(&mut self, message: T) {
        self.buffer.push_back(message);
    }

    /// Serves the oldest waiting sender if there is room, when nobody waits to receive. After the
    /// last receiver's end no sender is served: it is told of the end, and keeps its message.
    fn admit(&mut self) -> Option<Wake> {
        if self.receivers_gone || !self.has_room() {
            return None;
        }
        let (node, wake) = self.claim_sender_apart()?;
        // SAFETY: slots have their own way to be shared: the stage tells who may touch what.
        let slot = unsafe { node.shared() };
        if slot.role == Role::Promiser {
            self.reserved += 1;
            slot.settle(Stage::Reserved);
        } else {
            // SAFETY: `claim_sender` has chosen the slot, and nothing has settled it since.
            let message = unsafe { slot.take() }.expect("a sender's slot holds its message");
            slot.settle(Stage::Taken);
            self.buffer.push_back(message);
        }
        Some(wake)
    }

    /// Chooses the oldest receiver that waits.
    #[inline(always)]
    fn claim_receiver<'a>(&mut self) -> Option<(&'a SlotNode<T>, Wake)> {
        claim(&mut self.receiving)
    }

    /// Chooses the oldest sender that waits.
    #[inline(always)]
    fn claim_sender<'a>(&mut self) -> Option<(&'a SlotNode<T>, Wake)> {
        claim(&mut self.sending)
    }

    /// [`State::claim_sender`], for receivers that have their message, and seldom find a sender.
    #[inline(never)]
    fn claim_sender_apart<'a>(&mut self) -> Option<(&'a SlotNode<T>, Wake)> {
        self.claim_sender()
    }

    /// Reserves a place, if there is room.
    pub(super) fn reserve(&mut self) -> bool {
        let room = self.has_room();
        self.reserved += usize::from(room);
        room
    }

    /// Makes a reserved place free, when its promise is kept or given up.
    pub(super) fn unreserve(&mut self) {
        self.reserved -= 1;
    }

    /// Serves those who wait after a place has become free while receivers may wait too: the oldest
    /// sender, and the receiver that gets its message, as long as there are both.
    pub(super) fn fill_room(&mut self) -> Vec<Wake> {
        let mut wakes = Vec::new();
        while let Some(wake) = self.admit() {
            wakes.push(wake);
            wakes.extend(self.feed());
        }
        wakes
    }

    /// Gives the oldest receiver that waits a message of the buffer, which was empty before.
    #[inline(never)]
    fn feed(&mut self) -> Option<Wake> {
        if self.buffer.is_empty() || self.receiving.is_empty() {
            return None;
        }
        let (node, wake) = self.claim_receiver()?;
        let message = self.buffer.pop_front().expect("it was looked at");
        // SAFETY: `claim_receiver` has chosen the slot, and nothing has settled it since.
        unsafe { node.shared().fill(message) };
        Some(wake)
    }

    /// Keeps a received message for a choice that is not completed yet, and returns its ticket.
    pub(super) fn hold(&mut self, message: T) -> u64 {
        self.tickets += 1;
        self.held.push((self.tickets, message));
        self.tickets
    }

    /// Takes out the message that was kept for this ticket.
    pub(super) fn redeem(&mut self, ticket: u64) -> Option<T> {
        let at = self.held.iter().position(|&(number, _)| number == ticket)?;
        Some(self.held.swap_remove(at).1)
    }

    /// Gives back a message that was received and not used.
    pub(super) fn give_back(&mut self, message: T) -> Option<Wake> {
        self.buffer.push_front(message);
        self.feed()
    }

    /// Notes that no sender is left. Those who wait to receive are told in the same hold of the
    /// lock.
    pub(super) fn close_sending(&mut self) -> Vec<Wake> {
        self.senders_gone = true;
        iter::from_fn(|| self.tell_receiver()).collect()
    }

    /// Notes that no receiver is left. Those who wait to send are told in the same hold of the
    /// lock. The caller gets the messages, those of forgotten choices included, and drops them
    /// after it has released the lock.
    pub(super) fn close_receiving(&mut self) -> (Vec<Wake>, VecDeque<T>) {
        self.receivers_gone = true;
        let wakes = iter::from_fn(|| self.tell_sender()).collect();
        let mut messages = std::mem::take(&mut self.buffer);
        messages.extend(std::mem::take(&mut self.held).into_iter().map(|(_, message)| message));
        (wakes, messages)
    }

    /// Tells the oldest receiver that waits that no sender is left.
    #[inline(never)]
    fn tell_receiver(&mut self) -> Option<Wake> {
        let (node, wake) = self.claim_receiver()?;
        // SAFETY: slots have their own way to be shared, and this one was chosen just now.
        unsafe { node.shared() }.settle(Stage::Closed);
        Some(wake)
    }

    /// Tells the oldest sender that waits that no receiver is left.
    fn tell_sender(&mut self) -> Option<Wake> {
        let (node, wake) = self.claim_sender()?;
        // SAFETY: slots have their own way to be shared, and this one was chosen just now.
        unsafe { node.shared() }.settle(Stage::Closed);
        Some(wake)
    }
}

/// Chooses the oldest who waits. Watchers in front are told to look, and passed by.
#[inline(always)]
fn claim<'a, T>(list: &mut List<Slot<T>>) -> Option<(&'a SlotNode<T>, Wake)> {
    let here = current::here();
    loop {
        let node = list.claim_node()?;
        // SAFETY: the waiter cannot leave before its slot is settled or the lock is released.
        let wake = unsafe { node.wake(here) };
        // SAFETY: slots have their own way to be shared: the stage tells who may touch what.
        let slot = unsafe { node.shared() };
        if slot.role != Role::Watcher {
            return Some((node, wake));
        }
        tell_watcher(wake);
    }
}

/// Gives a watcher's wake at once, under the lock. A claim may meet many watchers, and a list of
/// their wakes would cost an allocation. Giving one waits for nothing, though it may be a system
/// call.
#[cold]
#[inline(never)]
fn tell_watcher(wake: Wake) {
    wake.give();
}

impl<T> fmt::Debug for State<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("len", &self.buffer.len())
            .field("capacity", &self.capacity)
            .field("reserved", &self.reserved)
            .field("senders_gone", &self.senders_gone)
            .field("receivers_gone", &self.receivers_gone)
            .finish_non_exhaustive()
    }
}
