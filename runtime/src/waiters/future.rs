//! A wait that is a future: an arm of a choice, alone, for whoever polls.
//!
//! The arm and its [`Waiter`] lie in the pinned future, as those of a `select!` lie on a stack. The
//! waiter's target is a [`Poller`]: a wake calls the waker that the last poll has left there. All
//! else is as in a choice. Each poll attempts the arm, or looks at the claim, and links the arm
//! before it returns that it is not ready.
//!
//! - *No wake is lost.* A poll leaves its waker first and looks at the claim then. Whoever ends the
//!   wait claims it first and takes the waker then.
//! - *Nothing stays behind.* The destructor takes the link back. If the wait was claimed before, it
//!   undoes what the arm was granted: a message goes back to the channel, a permit to the next. A
//!   pinned future's memory is not used again before its destructor has run, so nodes that are
//!   linked stay valid for as long as they are, also if the future is leaked.

use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomPinned;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::choose::NOBODY;
use super::{Arm, Awaiter, Place, Waiter};
use crate::clock;
use crate::current;
use crate::park;
use crate::task::Poller;
use crate::unwind::{self, AbortIfPanic};

/// A future that is ready when its arm is, with the arm's value. Not `Unpin`, for the nodes of its
/// arm and its waiter are.
pub(crate) struct ArmFuture<A: Arm> {
    /// `None` once the future was ready.
    arm: Option<A>,
    /// The wait, made anew for each link. Others reach it while the arm is linked.
    waiter: UnsafeCell<Option<Waiter>>,
    /// Whether the arm is linked, or was until a claim chose it.
    linked: Cell<bool>,
    /// Made by the first poll that has to wait.
    poller: Option<Arc<Poller>>,
    _pinned: PhantomPinned,
}

impl<A: Arm> ArmFuture<A> {
    pub(crate) fn new(arm: A) -> ArmFuture<A> {
        ArmFuture {
            arm: Some(arm),
            waiter: UnsafeCell::new(None),
            linked: Cell::new(false),
            poller: None,
            _pinned: PhantomPinned,
        }
    }

    pub(crate) fn was_ready(&self) -> bool {
        self.arm.is_none()
    }

    /// When the arm becomes ready by the clock, of which nobody tells the future.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.arm.as_ref()?.deadline()
    }

    /// Where the waker of the last poll is, once a poll had to wait.
    pub(crate) fn poller(&self) -> Option<&Arc<Poller>> {
        self.poller.as_ref()
    }

    /// Polls, as [`Future::poll`] does.
    ///
    /// # Panics
    ///
    /// If the future was ready before.
    pub(crate) fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<A::Output> {
        if park::polled() {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        // SAFETY: the arm is moved out only when it is chosen, and linked nowhere any more. Nothing
        // else is moved.
        let this = unsafe { self.get_unchecked_mut() };
        assert!(this.arm.is_some(), "a future was polled after it had been ready");
        if !this.is_chosen(context.waker()) {
            return Poll::Pending;
        }
        this.leave();
        Poll::Ready(this.arm.take().expect("it was looked at").take())
    }

    /// Whether the arm was chosen. If not, it is linked, and the waker will be called.
    fn is_chosen(&mut self, waker: &Waker) -> bool {
        let arm = self.arm.as_ref().expect("the caller has looked");
        if self.poller.is_none() && arm.attempt_at(None) {
            return true;
        }
        let poller = self.poller.get_or_insert_with(Arc::default);
        loop {
            if self.linked.get() {
                poller.listen(waker);
                // SAFETY: the waiter is replaced below only, when the arm is linked nowhere.
                let waiter = unsafe { (*self.waiter.get()).as_ref() }.expect("a linked arm's wait");
                if waiter.claimed().is_some() {
                    if !arm.is_settled() {
                        return false;
                    }
                    self.linked.set(false);
                    if arm.settle() {
                        return true;
                    }
                } else if arm.deadline().is_none_or(|at| clock::now() < at) {
                    return false;
                } else if waiter.claim(NOBODY) {
                    self.linked.set(false);
                    arm.unlink();
                } else {
                    continue;
                }
            }
            // SAFETY: the arm is linked nowhere, so nobody refers to the wait that this replaces.
            let waiter = unsafe { &mut *self.waiter.get() }.insert(Waiter::polled(poller.clone()));
            let place = Place { waiter, arm: 0, watches: false, waits: true };
            if arm.attempt_at(Some(place)) {
                return true;
            }
            self.linked.set(true);
            if waiter.claimed().is_none() && arm.link(place) && waiter.claim(NOBODY) {
                self.linked.set(false);
                arm.unlink();
            }
        }
    }

    /// Drops the waker, so that it is dropped here and not by whoever goes last. What its
    /// destructor does is not to cost the future's value.
    fn leave(&self) {
        if let Some(poller) = &self.poller {
            unwind::drop_quietly(poller.take());
        }
    }
}

impl<A: Arm> Drop for ArmFuture<A> {
    fn drop(&mut self) {
        let (Some(arm), Some(poller)) = (&self.arm, &self.poller) else { return };
        if self.linked.get() {
            // SAFETY: the waiter is replaced by polls only.
            let waiter = unsafe { (*self.waiter.get()).as_ref() }.expect("a linked arm's wait");
            if waiter.claim(NOBODY) {
                arm.unlink();
            } else {
                if !arm.is_settled() {
                    // Nothing cuts this wait short, for the other side uses the arm's node until
                    // the arm is settled.
                    let abort = AbortIfPanic("the destructor of a future");
                    current::waits().shielded(|| await_settled(poller, || arm.is_settled()));
                    mem::forget(abort);
                }
                arm.undo();
            }
        }
        self.leave();
    }
}

/// Waits until the other side has settled the arm that it has chosen.
#[cold]
#[inline(never)]
fn await_settled(poller: &Poller, is_settled: impl Fn() -> bool) {
    // The waker's destructor is anybody's code, and its panic must not get out of here.
    unwind::drop_quietly(poller.take());
    let awaiter = Awaiter::here();
    loop {
        awaiter.begin();
        poller.listen(awaiter.waker());
        if is_settled() {
            return;
        }
        awaiter.wait("the other side of a choice", None);
    }
}
