//! The operations of a channel that has senders: one hold of the lock each, and a wait where it
//! takes one.

use std::fmt;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::time::Instant;

use super::slot::{Slot, SlotNode, Stage};
use super::state::{Found, Outlet, State, UNBOUNDED};
use crate::current;
use crate::lock::{Guard, Lock};
use crate::loom::AtomicUsize;
use crate::park::{self, Left, Woken};
use crate::task::{Reason, Wake};
use crate::unwind;
use crate::waiters::{Limit, Listed, Node, Stay, Waiter};

/// Why an operation has ended without a message's passing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Failure {
    /// It would have to wait, or waited long enough.
    Time,
    Closed,
}

/// The right to send one message, of a choice that has been made.
pub(super) enum Right<T> {
    /// A place in the buffer.
    Place,
    /// A receiver that waits for this message alone.
    Partner(*const SlotNode<T>),
    /// To be told that no receiver is left.
    Closed,
}

pub(super) struct Chan<T> {
    state: Lock<State<T>>,
    senders: AtomicUsize,
    receivers: AtomicUsize,
}

impl<T> Chan<T> {
    /// A channel with one sender and one receiver.
    pub(super) fn new(capacity: usize) -> Chan<T> {
        Chan {
            state: Lock::new(State::new(capacity)),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
        }
    }

    #[inline(always)]
    pub(super) fn lock(&self) -> Guard<'_, State<T>> {
        self.state.lock()
    }

    /// Sends a message; gives it back with the reason if it cannot.
    #[inline(always)]
    pub(super) fn send(&self, message: T, limit: Limit) -> Result<(), (T, Failure)> {
        park::spent();
        let mut state = self.lock();
        match state.outlet() {
            Outlet::Receiver(node, wake) => {
                // SAFETY: chosen and not settled.
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
        mut state: Guard<'_, State<T>>,
        message: T,
        deadline: Option<Instant>,
    ) -> Result<(), (T, Failure)> {
        let waiter = Waiter::solo();
        let node = Node::new(&waiter, 0, Slot::sender(message));
        // SAFETY: `stay` unlinks it before node and waiter go, unless it was chosen.
        unsafe { state.sending.push_back(&node) };
        drop(state);
        let stay = Stay::new(Sending(self), &node);
        // SAFETY: slots have their own way to be shared.
        let slot = unsafe { node.shared() };
        let failure = loop {
            let woken = waiter.park(Reason::Send, deadline, || stay.leave());
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
        // SAFETY: settled, or in no list.
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

    /// Receives what is there; `Ok(None)`: nothing will ever be. `Err`: nothing yet, with the lock, so
    /// that the wait can begin in the same hold of it.
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
                // One that is not kept leaves all as it was before.
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
        mut state: Guard<'_, State<T>>,
        deadline: Option<Instant>,
    ) -> Result<Option<T>, Failure> {
        let waiter = Waiter::solo();
        let node = Node::new(&waiter, 0, Slot::receiver());
        // SAFETY: `stay` unlinks it before node and waiter go, unless it was chosen.
        unsafe { state.receiving.push_back(&node) };
        drop(state);
        let stay = Stay::new(Receiving(self), &node);
        // SAFETY: slots have their own way to be shared.
        let slot = unsafe { node.shared() };
        let failure = loop {
            let woken = waiter.park(Reason::Receive, deadline, || stay.leave());
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
            // SAFETY: the slot is settled.
            None => Ok(unsafe { slot.take() }),
        }
    }

    /// After a wake that brought no message: `None`: wait on; `Some(None)`: the slot is settled and
    /// says more.
    #[cold]
    #[inline(never)]
    fn look(&self, waiter: &Waiter, slot: &Slot<T>, woken: Woken) -> Option<Option<Failure>> {
        if woken == Woken::TimedOut {
            return Some(Some(Failure::Time));
        }
        if slot.stage() == Stage::Waiting {
            waiter.claimed()?;
            // Whoever chose it is just writing, under the lock.
            drop(self.lock());
        }
        await_promise(waiter, slot);
        Some((slot.stage() == Stage::Closed).then_some(Failure::Closed))
    }

    /// Waits for the message of a promiser that was chosen for this receiver; `None`: it was not
    /// kept.
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
        // SAFETY: slots have their own way to be shared.
        let slot = unsafe { node.shared() };
        slot.settle(Stage::Promised);
        // SAFETY: chosen under this hold of the lock, and not settled; the wait below ends with the
        // promise.
        unsafe { promiser.shared().pair(&node) };
        drop(state);
        wake.give();
        await_promise(&waiter, slot);
        // SAFETY: the slot is settled.
        unsafe { slot.take() }
    }

    /// Sends by a right.
    pub(super) fn send_by(&self, right: Right<T>, message: T) -> Result<(), T> {
        match right {
            Right::Closed => Err(message),
            Right::Partner(node) => {
                // SAFETY: the receiver stays until its promise is kept or abandoned.
                let wake = unsafe { (*node).wake(current::here()) };
                // SAFETY: as above; the promise is this one.
                unsafe { (*node).shared().fill(message) };
                wake.give();
                Ok(())
            }
            Right::Place => {
                let mut state = self.lock();
                state.unreserve();
                match state.outlet() {
                    Outlet::Closed => return Err(message),
                    Outlet::Receiver(node, wake) => {
                        // SAFETY: chosen and not settled.
                        unsafe { node.shared().fill(message) };
                        // The place was not used.
                        let others = state.fill_room();
                        drop(state);
                        wake.give();
                        others.into_iter().for_each(Wake::give);
                    }
                    // Full only by messages that were given back: the place was promised.
                    Outlet::Room | Outlet::Full => state.push(message),
                }
                Ok(())
            }
        }
    }

    /// Gives a right up.
    pub(super) fn abandon(&self, right: &Right<T>) {
        match *right {
            Right::Closed => {}
            Right::Partner(node) => {
                // SAFETY: the receiver stays until its promise is kept or abandoned.
                let wake = unsafe { (*node).wake(current::here()) };
                // SAFETY: as above.
                unsafe { (*node).shared() }.settle(Stage::Abandoned);
                wake.give();
            }
            Right::Place => {
                let mut state = self.lock();
                state.unreserve();
                let wakes = state.fill_room();
                drop(state);
                wakes.into_iter().for_each(Wake::give);
            }
        }
    }

    /// Keeps a received message for a choice that is to be completed.
    pub(super) fn hold(&self, message: T) -> u64 {
        self.lock().hold(message)
    }

    pub(super) fn redeem(&self, ticket: u64) -> Option<T> {
        self.lock().redeem(ticket)
    }

    /// Gives a message back that was kept and not used.
    pub(super) fn undo(&self, ticket: u64) {
        let wake = {
            let mut state = self.lock();
            state.redeem(ticket).and_then(|message| state.give_back(message))
        };
        if let Some(wake) = wake {
            wake.give();
        }
    }

    /// Places in the buffer; `None` without a bound.
    pub(super) fn capacity(&self) -> Option<usize> {
        Some(self.lock().capacity()).filter(|&capacity| capacity != UNBOUNDED)
    }

    /// What the `Debug` of either side shows.
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

    /// One sender less; after the last one receivers wait no longer.
    pub(super) fn remove_sender(&self) {
        if self.senders.fetch_sub(1, AcqRel) == 1 {
            let wakes = self.lock().close_sending();
            wakes.into_iter().for_each(Wake::give);
        }
    }

    /// One receiver less; after the last one senders wait no longer, and what is in the channel is
    /// dropped.
    pub(super) fn remove_receiver(&self) {
        if self.receivers.fetch_sub(1, AcqRel) == 1 {
            let (wakes, messages) = self.lock().close_receiving();
            wakes.into_iter().for_each(Wake::give);
            unwind::drop_each(messages);
        }
    }
}

/// Waits until a promise is kept or abandoned. It was chosen, so nothing cuts this short.
pub(super) fn await_promise<T>(waiter: &Waiter, slot: &Slot<T>) {
    while slot.stage() == Stage::Promised {
        let _ = waiter.park(Reason::Children, None, || Left::Ended);
    }
}

/// Where those wait who have a message.
struct Sending<'a, T>(&'a Chan<T>);

/// Where those wait who want one.
struct Receiving<'a, T>(&'a Chan<T>);

impl<T> Listed<Slot<T>> for Sending<'_, T> {
    fn remove(&self, node: &SlotNode<T>) -> bool {
        // SAFETY: the node was linked to this list.
        unsafe { self.0.lock().sending.remove(node) }
    }
}

impl<T> Listed<Slot<T>> for Receiving<'_, T> {
    fn remove(&self, node: &SlotNode<T>) -> bool {
        // SAFETY: the node was linked to this list.
        unsafe { self.0.lock().receiving.remove(node) }
    }
}

impl<T> fmt::Debug for Chan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(&mut f.debug_struct("Chan")).finish()
    }
}
