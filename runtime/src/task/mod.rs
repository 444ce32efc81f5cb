//! A task: its memory, its state, and the rights to it. This page is the contract.
//!
//! A task is one allocation: a [`Header`], and behind it what is of its closure's type. It is
//! reached by counted references ([`TaskRef`]): one is held by whatever will run it (a queue, then
//! its worker), one by the join handle, one by each [`Task`] and each [`Unparker`] that is stored.
//!
//! # The word
//!
//! | bits | set by | meaning |
//! |---|---|---|
//! | phase | claim, complete | UNSTARTED → STARTED → DONE, never back |
//! | owner | claim | the mailbox of the worker that started the task; it never changes |
//! | LINK | anyone but the owner | the task's link is on its way to the owner's inbox, or in it; on an unstarted task: it was asked something early |
//! | WAKE | anyone but the owner | make the task runnable |
//! | CANCEL | anyone; never cleared | unwind the task; on an unstarted task: its body never runs |
//! | PERMIT | anyone but the owner | the public token was given |
//! | HANDLE | creation; cleared by the join handle's end | somebody wants the result |
//! | JOINER | the join handle's holder | the joiner slot holds a node |
//!
//! # Who may touch what
//!
//! | field | who |
//! |---|---|
//! | `run`, `flags`, `reason`, `stack`, `waits`, `live` links, `timers` | the owner's thread; before the claim nobody |
//! | `link` | whoever set LINK on a STARTED task, until the owner has drained it; then the owner |
//! | the joiner slot | the join handle's holder while JOINER is clear; whoever completes the task once it is DONE with JOINER set |
//! | `class`, `depth` | before the claim whoever holds the queue's reference; then the owner's thread |
//! | the packet: the closure, later the end | whoever claimed the task, until DONE; then whoever has the right to the end: see [`packet`] |
//! | `cold` | the cause: whoever cancels the task first; the span: whoever claimed the task; the task-locals: the task itself |
//! | all else | immutable |
//!
//! # Transitions
//!
//! - **claim**, by whoever holds the queue's reference, so nobody else can be first: UNSTARTED →
//!   STARTED, with the claimer as owner. The claimer is the worker that was given the task, or one
//!   that stole it; a local task is claimed by its own worker only.
//! - **unpark by the owner**: PARKED → QUEUED; RUNNING → the TOKEN flag; else nothing.
//! - **unpark by another**: sets WAKE and LINK. If the task was STARTED and LINK was clear, it
//!   pushes the link, and after that touches only the mailbox, which is never freed. Unstarted: the
//!   claim finds WAKE and sets TOKEN.
//! - **drain**, by the owner between tasks: reads the next link, clears the requests, then acts on
//!   them as the owner. A drain of a DONE task drops the reference that the link held.
//! - **park**: with TOKEN set, takes it and returns. Else PARKED, and the switch. The inbox is
//!   drained only between tasks, on this same thread, so nothing can come between a waiter's being
//!   published and the switch: a remote wake is in the inbox, and is drained after it.
//! - **complete**, by the owner: the end is written, then DONE, then the family is told and the
//!   joiner woken; [`packet`] has the steps. If LINK was set, the link still holds the worker's
//!   reference, and the worker does not end before it has drained it.
//!
//! # The awkward cases
//!
//! - *Expiry beside a remote wake*: both end in the owner's unpark, on the owner's thread; the
//!   second finds QUEUED. What happened is read from the waiter's own node and the clock.
//! - *Cancel of an unstarted task*: CANCEL stays in the word; the claim finds it, and the closure
//!   is dropped on the task's stack, by its worker if it is local.
//! - *A refused task*: its worker claims it as any other, to drop its closure in place of running
//!   it, on a stack in reserve. Where there may be no worker, a thread of the blocking pool claims
//!   it in nobody's name, and drops its closure.
//! - *An unpark of a task that has no owner*: WAKE (and PERMIT) wait in the word for the claim.
//! - *The inbox of a worker that ended*: it has no tasks, so no link can be on its way; see
//!   [`mailbox`].

mod allocation;
mod cause;
mod cell;
mod handle;
pub(crate) mod inbox;
mod locals;
pub(crate) mod mailbox;
mod meta;
mod packet;
mod queue;
mod reason;
mod reference;
mod unparker;
pub(crate) mod word;

pub(crate) use cause::{Cause, CauseKind};
pub(crate) use cell::{Flags, Header, Kind, Run};
pub(crate) use handle::{Naming, report_panic};
pub use handle::{Task, TaskId};
pub(crate) use locals::{Locals, Lookup};
pub(crate) use meta::{Meta, Parent};
pub(crate) use packet::{Created, End, Family, Spawned, create, panic_of};
pub(crate) use queue::ReadyQueue;
pub(crate) use reason::Reason;
pub(crate) use reference::TaskRef;
pub(crate) use unparker::{Target, Unparker, Wake, push_if_asked};
