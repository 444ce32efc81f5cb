//! The operations of a channel that has senders. Each holds the lock once, and waits if it has to.

use std::fmt;
use std::mem::offset_of;
use std::panic::Location;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::time::Instant;

use super::slot::{Slot, SlotNode, Stage};
use super::state::{Found, Outlet, State, UNBOUNDED};
use crate::current::{self, Here};
use crate::lock::{Biased, BiasedGuard as Guard};
use crate::loom::AtomicUsize;
use crate::park::{self, Left, Woken};
use crate::task::{Described, Legible, Plain, Reason, Wake, Words};
use crate::unwind;
use crate::waiters::{Limit, Listed, Node, Stay, Waiter};

/// Why an operation has ended although no message passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Failure {
    /// The operation would have to wait, or has waited long enough.
    Time,
    Closed,
}

/// The right to send one message, which a chosen arm of a choice has.
pub(super) enum Right<T> {
    /// The right to a reserved place in the buffer.
    Reserved,
    /// The right to a receiver, which waits for this message alone.
    Partner(*const SlotNode<T>),
    /// The right to be told that no receiver is left.
    Closed,
}

pub(super) struct Chan<T> {
    state: Biased<State<T>>,
    senders: AtomicUsize,
    receivers: AtomicUsize,
    /// Where the channel was created.
    site: &'static Location<'static>,
}

impl<T> Chan<T> {
    /// A channel with one sender and one receiver.
    #[track_caller]
    pub(super) fn new(capacity: usize) -> Chan<T> {
        Chan {
            state: Biased::new(State::new(capacity)),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
            site: Location::caller(),
        }
    }

    #[inline(always)]
    pub(super) fn lock(&self) -> Guard<'_, State<T>> {
        self.state.lock(current::worker_number())
    }

    /// Sends a message. If that cannot be done, the message comes back with the reason.
    #[inline(always)]
    pub(super) fn send(&self, message: T, limit: Limit) -> Result<(), (T, Failure)> {
        park::spent();
        let mut state = self.lock();
        match state.outlet() {
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
            Outlet::Closed => Err((message, Failure::Closed)),
            Outlet::Full if limit.is_over() => Err((message, Failure::Time)),
            Outlet::Full => self.await_receiver(state, message, limit.deadline()),
        }
    }

    #[inline(always)]
    fn await_receiver(
        &self,
        state: Guard<'_, State<T>>,
        message: T,
        deadline: Option<Instant>,
    ) -> Result<(), (T, Failure)> {
        match current::task() {
            None => self.await_receiver_in_thread(state, message, deadline),
            here => self.await_receiver_in(here, state, message, deadline),
        }
    }

    #[inline(never)]
    fn await_receiver_in_thread(
        &self,
        state: Guard<'_, State<T>>,
        message: T,
        deadline: Option<Instant>,
    ) -> Result<(), (T, Failure)> {
        self.await_receiver_in(None, state, message, deadline)
    }

    #[inline(always)]
    fn await_receiver_in(
        &self,
        here: Here,
        mut state: Guard<'_, State<T>>,
        message: T,
        deadline: Option<Instant>,
    ) -> Result<(), (T, Failure)> {
        let waiter = Waiter::solo_of(here);
        let node = Node::new(&waiter, 0, Slot::sender(message));
        // SAFETY: a claim or `stay` unlinks the node before node and waiter go.
        unsafe { state.sending.push_back(&node) };
        drop(state);
        let stay = Stay::new(Sending(self), &node);
        // SAFETY: slots have their own way to be shared: the stage tells who may touch what.
        let slot = unsafe { node.shared() };
        let failure = loop {
            let wanted = Reason::Send.on(self);
            let woken = waiter.park_in(here, wanted, deadline, || stay.leave());
            if slot.stage() == Stage::Taken {
                stay.end();
                return Ok(());
            }
            if let Some(failure) = self.look(&waiter, slot, woken) {
                break failure;
            }
        };
        stay.end();
        if slot.stage() == Stage::Taken {
            return Ok(());
        }
        // SAFETY: the slot is settled or in no list, and this is the waiter, so the message is its
        // own.
        let message = unsafe { slot.take() }.expect("a message that nobody took");
        Err((message, failure.unwrap_or(Failure::Closed)))
    }

    /// Receives a message.
    #[inline(always)]
    pub(super) fn receive(&self, limit: Limit) -> Result<T, Failure> {
        park::spent();
        loop {
            let state = match self.take() {
                Ok(taken) => return taken.ok_or(Failure::Closed),
                Err(state) => state,
            };
            if limit.is_over() {
                return Err(Failure::Time);
            }
            if let Some(message) = self.await_message(state, limit.deadline())? {
                return Ok(message);
            }
        }
    }

    /// Receives what is there. `Ok(None)`: the channel is empty and closed. `Err`: the channel is
    /// empty, and the caller gets the lock, so that its wait can begin in the same hold.
    #[inline(always)]
    pub(super) fn take(&self) -> Result<Option<T>, Guard<'_, State<T>>> {
        loop {
            let mut state = self.lock();
            match state.receive() {
                Found::Message(message, wake) => {
                    drop(state);
                    if let Some(wake) = wake {
                        wake.give();
                    }
                    return Ok(Some(message));
                }
                // A promise that is not kept leaves everything as it was before.
                Found::Promiser(node, wake) => {
                    let message = self.receive_promise(state, node, wake);
                    if message.is_some() {
                        return Ok(message);
                    }
                }
                Found::Closed => return Ok(None),
                Found::Nothing => return Err(state),
            }
        }
    }

    #[inline(always)]
    fn await_message(
        &self,
        state: Guard<'_, State<T>>,
        deadline: Option<Instant>,
    ) -> Result<Option<T>, Failure> {
        match current::task() {
            None => self.await_message_in_thread(state, deadline),
            here => self.await_message_in(here, state, deadline),
        }
    }

    #[inline(never)]
    fn await_message_in_thread(
        &self,
        state: Guard<'_, State<T>>,
        deadline: Option<Instant>,
    ) -> Result<Option<T>, Failure> {
        self.await_message_in(None, state, deadline)
    }

    #[inline(always)]
    fn await_message_in(
        &self,
        here: Here,
        mut state: Guard<'_, State<T>>,
        deadline: Option<Instant>,
    ) -> Result<Option<T>, Failure> {
        let waiter = Waiter::solo_of(here);
        let node = Node::new(&waiter, 0, Slot::receiver());
        // SAFETY: a claim or `stay` unlinks the node before node and waiter go.
        unsafe { state.receiving.push_back(&node) };
        drop(state);
        let stay = Stay::new(Receiving(self), &node);
        // SAFETY: slots have their own way to be shared: the stage tells who may touch what.
        let slot = unsafe { node.shared() };
        let failure = loop {
            let wanted = Reason::Receive.on(self);
            let woken = waiter.park_in(here, wanted, deadline, || stay.leave());
            if slot.stage() == Stage::Full {
                break None;
            }
            if let Some(failure) = self.look(&waiter, slot, woken) {
                break failure;
            }
        };
        stay.end();
        match failure {
            Some(failure) => Err(failure),
            // SAFETY: the slot is settled, and this is the waiter, so the message is its own.
            None => Ok(unsafe { slot.take() }),
        }
    }

    /// Finds out whether a wait goes on after a wake that brought no message. `None`: it does.
    /// `Some(None)`: the slot is settled, and its stage says more.
    #[cold]
    #[inline(never)]
    fn look(&self, waiter: &Waiter, slot: &Slot<T>, woken: Woken) -> Option<Option<Failure>> {
        if woken == Woken::TimedOut {
            return Some(Some(Failure::Time));
        }
        if slot.stage() == Stage::Waiting {
            waiter.claimed()?;
            // Whoever chose this slot holds the lock until its stage is written.
            drop(self.lock());
        }
        await_promise(waiter, slot);
        Some((slot.stage() == Stage::Closed).then_some(Failure::Closed))
    }

    /// Waits for the message of the promiser that was chosen for this receiver. `None`: the promise
    /// was not kept.
    #[cold]
    #[inline(never)]
    fn receive_promise(
        &self,
        state: Guard<'_, State<T>>,
        promiser: &SlotNode<T>,
        wake: Wake,
    ) -> Option<T> {
        let waiter = Waiter::solo();
        let node = Node::new(&waiter, 0, Slot::receiver());
        // SAFETY: slots have their own way to be shared: the stage tells who may touch what.
        let slot = unsafe { node.shared() };
        slot.settle(Stage::Promised);
        // SAFETY: `receive` has chosen the promiser in this hold of the lock, and nothing has
        // settled its slot since. The node stays in this frame until the promise is kept or
        // abandoned.
        unsafe { promiser.shared().pair(&node) };
        drop(state);
        wake.give();
        await_promise(&waiter, slot);
        // SAFETY: the slot is settled, and this is the waiter, so the message is its own.
        unsafe { slot.take() }
    }

    /// Sends the message to which a choice gave the right.
    pub(super) fn send_by(&self, right: Right<T>, message: T) -> Result<(), T> {
        match right {
            Right::Closed => Err(message),
            Right::Partner(node) => {
                // SAFETY: the receiver waits for this promise, and cannot leave before it is kept
                // or abandoned.
                let wake = unsafe { (*node).wake(current::here()) };
                // SAFETY: the receiver waits for this promise, which has not been kept or abandoned
                // before.
                unsafe { (*node).shared().fill(message) };
                wake.give();
                Ok(())
            }
            Right::Reserved => {
                let mut state = self.lock();
                state.unreserve();
                match state.outlet() {
                    Outlet::Closed => return Err(message),
                    Outlet::Receiver(node, wake) => {
                        // SAFETY: `outlet` has chosen the receiver's slot, and nothing has settled
                        // the slot since.
                        unsafe { node.shared().fill(message) };
                        // The message went to a receiver, so the reserved place is free for another
                        // sender.
                        let others = state.fill_room();
                        drop(state);
                        wake.give();
                        others.into_iter().for_each(Wake::give);
                    }
                    // If the buffer is full, messages that were given back have filled it: the
                    // place was reserved.
                    Outlet::Room | Outlet::Full => state.push(message),
                }
                Ok(())
            }
        }
    }

    /// Gives a right up, unused.
    pub(super) fn abandon(&self, right: &Right<T>) {
        match *right {
            Right::Closed => {}
            Right::Partner(node) => {
                // SAFETY: the receiver waits for this promise, and cannot leave before it is kept
                // or abandoned.
                let wake = unsafe { (*node).wake(current::here()) };
                // SAFETY: the receiver still waits, since the promise has not been kept or
                // abandoned before.
                unsafe { (*node).shared() }.settle(Stage::Abandoned);
                wake.give();
            }
            Right::Reserved => {
                let mut state = self.lock();
                state.unreserve();
                let wakes = state.fill_room();
                drop(state);
                wakes.into_iter().for_each(Wake::give);
            }
        }
    }

    /// Keeps a received message in the channel, for a choice that is not completed yet. Returns the
    /// ticket for which `redeem` gives it out.
    pub(super) fn hold(&self, message: T) -> u64 {
        self.lock().hold(message)
    }

    pub(super) fn redeem(&self, ticket: u64) -> Option<T> {
        self.lock().redeem(ticket)
    }

    /// Gives back a message that was held for a choice which was not completed.
    pub(super) fn undo(&self, ticket: u64) {
        let message = self.redeem(ticket);
        if let Some(message) = message {
            self.give_back(message);
        }
    }

    /// Gives back a message that was received and not used.
    pub(super) fn give_back(&self, message: T) {
        let wake = self.lock().give_back(message);
        if let Some(wake) = wake {
            wake.give();
        }
    }

    /// The number of places in the buffer. `None`: the channel has no bound.
    pub(super) fn capacity(&self) -> Option<usize> {
        Some(self.lock().capacity()).filter(|&capacity| capacity != UNBOUNDED)
    }

    /// Shows the channel, for the `Debug` of either side.
    pub(super) fn describe<'a, 'b, 'f>(
        &self,
        shown: &'a mut fmt::DebugStruct<'b, 'f>,
    ) -> &'a mut fmt::DebugStruct<'b, 'f> {
        let len = self.lock().len();
        let capacity = self.capacity();
        shown
            .field("len", &len)
            .field("capacity", &capacity)
            .field("senders", &self.senders.load(Relaxed))
            .field("receivers", &self.receivers.load(Relaxed))
    }

    pub(super) fn add_sender(&self) {
        self.senders.fetch_add(1, Relaxed);
    }

    pub(super) fn add_receiver(&self) {
        self.receivers.fetch_add(1, Relaxed);
    }

    /// Counts one sender less. With the last one, those who wait to receive are told.
    pub(super) fn remove_sender(&self) {
        if self.senders.fetch_sub(1, AcqRel) == 1 {
            let wakes = self.lock().close_sending();
            wakes.into_iter().for_each(Wake::give);
        }
    }

    /// Counts one receiver less. With the last one, those who wait to send are told, and the
    /// messages in the channel are dropped.
    pub(super) fn remove_receiver(&self) {
        if self.receivers.fetch_sub(1, AcqRel) == 1 {
            let (wakes, messages) = self.lock().close_receiving();
            wakes.into_iter().for_each(Wake::give);
            unwind::drop_each(messages);
        }
    }
}

/// Waits until a promise is kept or abandoned. The promise was chosen, so neither a cancel nor a
/// deadline cuts this short.
pub(super) fn await_promise<T>(waiter: &Waiter, slot: &Slot<T>) {
    while slot.stage() == Stage::Promised {
        let _ = waiter.park(Reason::Children.on(&Promised), None, || Left::Ended);
    }
}

/// A message that was promised to a receiver, and is being made.
struct Promised;

impl Legible for Promised {
    const PLAIN: Plain = Plain::of("recv of a message that its sender is making");
}

impl Described for Promised {
    fn in_words(&self, _: Reason, words: &mut Words) {
        words.say(format_args!("recv of a message that its sender is making"));
    }
}

impl<T> Legible for Chan<T> {
    const PLAIN: Plain =
        Plain::of_two("recv on a channel created at", "send on a channel created at")
            .site(offset_of!(Chan<T>, site));
}

impl<T> Described for Chan<T> {
    fn in_words(&self, reason: Reason, words: &mut Words) {
        let what = match reason {
            Reason::Send => "send on a channel",
            _ => "recv on a channel",
        };
        words.created(what, self.site);
    }
}

/// The list of those who wait to send.
struct Sending<'a, T>(&'a Chan<T>);

/// The list of those who wait to receive.
struct Receiving<'a, T>(&'a Chan<T>);

impl<T> Listed<Slot<T>> for Sending<'_, T> {
    fn remove(&self, node: &SlotNode<T>) -> bool {
        // SAFETY: `Sending` stands for the list that the node was linked to.
        unsafe { self.0.lock().sending.remove(node) }
    }
}

impl<T> Listed<Slot<T>> for Receiving<'_, T> {
    fn remove(&self, node: &SlotNode<T>) -> bool {
        // SAFETY: `Receiving` stands for the list that the node was linked to.
        unsafe { self.0.lock().receiving.remove(node) }
    }
}

impl<T> fmt::Debug for Chan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(&mut f.debug_struct("Chan")).finish()
    }
}
