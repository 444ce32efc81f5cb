//! Records of those who wait, and the claim that decides by which event a wait ended.
//!
//! A [`Waiter`] is one wait. It lies on the waiting stack, and each place that may end the wait
//! holds a node that points to the `Waiter`. The first claim wins. So a wait with many places ends
//! by exactly one of them, and the others have taken nothing.
//!
//! # The rule
//!
//! **Between publishing a wait and parking, a task does nothing that yields, waits or runs anybody
//! else's code.** A wait is published as soon as others can find its node or its `Unparker`. A wake
//! for a running task is kept for the task's next park, a wake for a queued task is dropped. A task
//! that yielded in between would be queued, and could lose its wake. A task that waited for
//! something else in between would use the wake up. A park does not look at the claim before it
//! switches: that makes a park cheap, and is right only as long as the rule is kept.
//!
//! Giving wakes, unlocking and cancelling keep the rule. They queue tasks, and nothing that they
//! drop has a destructor of a user's. A [`Choice`]'s `link` and `deadline` keep the rule too. A
//! choice's `unlink` and `settle` come after the claim, and no park follows its `has_turned`, so
//! these three need not.
//!
//! Code that cannot keep the rule looks at its own record again right before each park.
//!
//! A wake of somebody who polls a future is a call of anybody's code. It keeps the rule all the
//! same, since it runs as if there were no task.

mod arm;
mod awaiter;
mod choose;
mod claim;
mod future;
mod joiner;
mod list;
mod poll;
mod queue;

pub use arm::{Arm, Choice, Place, Receive, Selectable};
pub(crate) use arm::{ArmNode, Sealed};
pub(crate) use awaiter::Awaiter;
pub use choose::Limit;
pub(crate) use choose::{Aim, choose};
pub(crate) use claim::Waiter;
pub(crate) use future::ArmFuture;
pub(crate) use joiner::JoinNode;
pub(crate) use list::{List, Listed, Node, Stay};
pub(crate) use poll::{millis, poll};
pub(crate) use queue::{Locked, Queue, Wakes};
