//! What `select!` expands to.

use crate::channel::{SendArm, Sender};
use crate::join::Join;
use crate::reactor::{Readiness, ReadyArm};
use crate::waiters::{Aim, Arm, Choice, Receive, Selectable, choose};

pub use crate::waiters::Limit;

/// Identity on `&mut T`: reborrows an arm's source for the choice, after which it is the user's
/// again.
pub fn unique<T: ?Sized>(source: &mut T) -> &mut T {
    source
}

/// The arm of `recv(r)`.
pub fn recv<R: Receive>(receiver: R) -> R::Arm {
    receiver.arm()
}

/// The arm of `send(s, …)`.
pub fn send<T>(sender: &Sender<T>) -> SendArm<'_, T> {
    sender.arm()
}

/// The arm of `join(&mut handle)`.
pub fn join<J: Join>(handle: J) -> J::Arm {
    handle.arm()
}

/// The arm of `readable(io)`.
pub fn readable<R: Readiness + ?Sized>(io: &R) -> ReadyArm<'_> {
    io.readable_arm()
}

/// The arm of `writable(io)`.
pub fn writable<R: Readiness + ?Sized>(io: &R) -> ReadyArm<'_> {
    io.writable_arm()
}

/// The arm of `wait(x)`.
pub fn wait<S: Selectable>(source: S) -> S::Arm {
    source.arm()
}

/// How one of several ready arms is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Any of the ready arms may be chosen.
    Fair,
    /// The first of the ready arms is chosen.
    Listed,
}

/// Chooses one of the arms and returns its number. The number after the last stands for the
/// default: the limit came first.
#[inline]
pub fn run<const N: usize>(arms: [&dyn Choice; N], order: Order, limit: Limit) -> usize {
    let mut numbers: [usize; N] = std::array::from_fn(|number| number);
    let arm = |number: usize| arms[number];
    choose(&arm, &mut numbers, order == Order::Fair, limit, Aim::Take).unwrap_or(N)
}

pub use std::mem::ManuallyDrop as Taken;

/// Takes the value of a chosen arm, wrapped so that its destructor does not run. So the value that
/// the `match` over it holds borrows nothing while a body runs.
pub fn take<A: Arm>(arm: A) -> Taken<A::Output> {
    Taken::new(arm.take())
}

/// Unwraps a value that [`take`] gave, and so gives it its destructor back.
pub fn outcome<T>(taken: Taken<T>) -> T {
    Taken::into_inner(taken)
}
