//! What `select!` expands to.

use std::time::Duration;

use crate::channel::{SendArm, Sender};
use crate::join::Join;
use crate::reactor::{Readiness, ReadyArm};
use crate::waiters::{Aim, Arm, Choice, Limit, Receive, Selectable, choose};

/// Identity on `&mut T`: reborrows an arm's source for the choice, after which it is the user's
/// again.
pub fn unique<T: ?Sized>(source: &mut T) -> &mut T {
    source
}

/// `recv(r)`.
pub fn recv<R: Receive>(receiver: R) -> R::Arm {
    receiver.arm()
}

/// `send(s, …)`.
pub fn send<T>(sender: &Sender<T>) -> SendArm<'_, T> {
    sender.arm()
}

/// `join(&mut handle)`.
pub fn join<J: Join>(handle: J) -> J::Arm {
    handle.arm()
}

/// `readable(io)`.
pub fn readable<R: Readiness + ?Sized>(io: &R) -> ReadyArm<'_> {
    io.readable_arm()
}

/// `writable(io)`.
pub fn writable<R: Readiness + ?Sized>(io: &R) -> ReadyArm<'_> {
    io.writable_arm()
}

/// `wait(x)`.
pub fn wait<S: Selectable>(source: S) -> S::Arm {
    source.arm()
}

/// How the arms are chosen from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Of several that are ready any may be chosen.
    Fair,
    /// Of several that are ready the first is chosen.
    Listed,
}

/// How long the choice may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Time(Limit);

impl Time {
    /// There is no `default`.
    pub const ENDLESS: Time = Time(Limit::Never);
    /// `default`.
    pub const NONE: Time = Time(Limit::Now);

    /// `default(timeout)`.
    pub fn within(timeout: Duration) -> Time {
        Time(Limit::within(timeout))
    }
}

/// Chooses one of the arms and returns its number; the number after the last: the default.
#[inline]
pub fn run<const N: usize>(arms: [&dyn Choice; N], order: Order, time: Time) -> usize {
    let mut numbers: [usize; N] = std::array::from_fn(|number| number);
    let arm = |number: usize| arms[number];
    choose(&arm, &mut numbers, order == Order::Fair, time.0, Aim::Take).unwrap_or(N)
}

pub use std::mem::ManuallyDrop as Taken;

/// What a chosen arm gives, without its destructor: so what the `match` over it holds borrows nothing
/// while a body runs.
pub fn take<A: Arm>(arm: A) -> Taken<A::Output> {
    Taken::new(arm.take())
}

/// What was taken, with its destructor.
pub fn outcome<T>(taken: Taken<T>) -> T {
    Taken::into_inner(taken)
}
