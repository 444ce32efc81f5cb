//! A task: its memory, its state, and the rights to it. This page is the contract: it says who may
//! touch what, and when.
//!
//! A task is one allocation: a [`Header`], and behind it the parts whose types depend on the task's
//! closure. A task is reached by counted references ([`TaskRef`]). Whatever will run the task (a
//! queue, then its worker) holds one, the join handle holds one, and so does each [`Task`] and each
//! stored [`Unparker`].
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
//! | PERMIT | anyone but the owner | give the task the public token |
//! | EXPIRED | anyone but the owner | look whether a scope that failed ends the task's wait |
//! | POLL | anyone but the owner, by a waker of the task | poll the future again that the task waits for |
//! | HANDLE | creation; cleared by the drop of the join handle | somebody may want the result |
//! | JOINER | the join handle's holder, who also clears it | the joiner slot holds the node of somebody who waits |
//!
//! # Who may touch what
//!
//! | field | who |
//! |---|---|
//! | `word`, `refs` | anyone: they are atomic, and change by their own operations only |
//! | `run`, `flags`, `reason`, `stack`, `own_stack`, `waits`, `outcome`, the `live` links | the owner's thread; before the claim nobody |
//! | `link` | whoever has set LINK on a STARTED task, until the owner has drained the link; then the owner |
//! | the joiner slot | the join handle's holder while JOINER is clear; whoever completes the task once it is DONE with JOINER set |
//! | `class`, `depth` | before the claim whoever holds the queue's reference; then the owner's thread |
//! | the packet: the closure, later the end | whoever claimed the task, until DONE; then whoever has the right to the end: see [`packet`] |
//! | `meta` | the cause: whoever cancels the task first; the span: whoever claimed the task; the task-locals: the task itself |
//! | the note of a parked task, on its stack | the owner's thread while the task is PARKED: see [`note`] |
//! | all else | immutable |
//!
//! A task that is joined by a task of its own worker, and that nobody else refers to, is reached by
//! one thread alone until that join ends. Then `word` and `refs` change by plain stores
//! ([`Header::is_alone_here`]). The worker finds that out at the claim and at the end, by
//! JOINED_HERE and the count: what others did before they let go of the task is seen by whoever
//! reads the count. The joiner finds it out when it announces itself, by the count and by where the
//! task is: only while it is unstarted, and nobody else may start it. One that has started may wait
//! where others find it, and take a reference.
//!
//! # Transitions
//!
//! - **claim**, by whoever holds the queue's reference, so nobody else can be first: UNSTARTED →
//!   STARTED, with the claimer as owner. The claimer is the worker that was given the task, or one
//!   that stole it; a local task is claimed by its own worker only.
//! - **unpark by the owner**: PARKED → QUEUED; a RUNNING task gets the flag TOKEN; nothing
//!   otherwise.
//! - **unpark by another thread**: sets WAKE and LINK. If the task was STARTED and LINK was clear,
//!   the waker pushes the link, and after that touches only the mailbox, which is never freed. If
//!   the task was UNSTARTED, the claim finds WAKE and sets TOKEN.
//! - **drain**, by the owner between tasks: reads the next link, clears the requests in the word,
//!   then acts on them as the owner. A drain of a DONE task drops the reference that the link held.
//! - **park**, by the task: if TOKEN is set, takes it and returns. Otherwise the task becomes
//!   PARKED and switches. The owner drains its inbox only between tasks, on this same thread. So
//!   nothing can come between the publication of a waiter and the switch: a wake by another thread
//!   stays in the inbox until then.
//! - **complete**, by the owner: the end is written, then DONE, then the family is told and the
//!   joiner woken; [`packet`] has the steps. If LINK was set, the link now holds the worker's
//!   reference, and the worker does not end before it has drained the link.
//!
//! # The awkward cases
//!
//! - *Expiry beside a wake by another thread*: both end in the owner's unpark, on the owner's
//!   thread, and the second finds QUEUED. The waiter reads from its own node and the clock what
//!   happened.
//! - *Cancel of an unstarted task*: CANCEL stays in the word. The worker that claims the task finds
//!   it, and drops the closure on the task's stack. A local task is claimed by its own worker, so
//!   its closure is dropped there.
//! - *A refused task*: its worker claims it like any other task, and drops the closure in place of
//!   running it, on a stack in reserve. Where there may be no worker, a thread of the blocking pool
//!   claims the task in nobody's name, and drops the closure.
//! - *An unpark of a task that has no owner*: WAKE or PERMIT waits in the word for the claim.
//! - *The inbox of a worker that ended*: such a worker has no tasks, so no link can be on its way
//!   to it; see [`mailbox`].

mod allocation;
mod cause;
mod family;
mod handle;
mod header;
pub(crate) mod inbox;
mod locals;
pub(crate) mod mailbox;
mod meta;
mod note;
mod packet;
mod plain;
mod poller;
mod ready;
mod reason;
mod reference;
mod spawned;
mod unparker;
pub(crate) mod word;

pub(crate) use cause::{Cause, CauseKind};
pub(crate) use family::{Family, PlainScope};
pub use family::{TaskScope, TaskScopeKind};
pub(crate) use handle::{Naming, when_panicked};
pub use handle::{Task, TaskId};
pub(crate) use header::{Flags, Header, How, Kind, Outcome, Run};
pub(crate) use locals::{Locals, Lookup};
pub(crate) use mailbox::push_if_asked;
pub(crate) use meta::{Meta, Parent};
pub use note::Words;
pub(crate) use note::{Described, Legible, Note, On, TimedNote, Wanted, Whom};
pub(crate) use packet::{Created, End, create, panic_of};
pub(crate) use plain::{Plain, padded};
pub(crate) use poller::Poller;
pub(crate) use ready::ReadyQueue;
pub(crate) use reason::Reason;
pub(crate) use reference::TaskRef;
pub(crate) use spawned::Spawned;
pub(crate) use unparker::{Target, Unparker, Wake};
