//! Records of those who wait, and the claim that decides who was woken by what.
//!
//! A [`Waiter`] is one wait: it lies on the waiting stack, and every place that may end the wait
//! holds a node that points to it. Of all that try, the first claim wins; so one wait with many
//! places ends by exactly one of them, and the others have taken nothing.
//!
//! # The rule
//!
//! **Between the time a wait is published, which is when others can find its node or its `Unparker`, and its
//! park, its task does nothing that yields, waits or runs anybody else's code.** A wake that finds the
//! task running is kept for its next park, and a wake that finds it queued is not kept at all. A yield in
//! between would be queued, so a wake that comes then is lost; a wait in between takes the wake for
//! its own. A park does not look at the claim before it switches: that is what makes it cheap, and it is
//! right as long as the rule is kept. To give wakes, to unlock and to cancel are none of the three:
//! they queue tasks, and nothing that they let go of has a destructor of a user's. A
//! [`Choice`]'s `link` and `deadline` keep the rule too, and `unlink` and `settle` need not: they come
//! after the claim. Nor need `has_turned`, after which nothing parks.
//!
//! Code that cannot keep it looks at its own record once more, right before each park, as
//! [`crate::blocking`] does.

mod arm;
mod claim;
mod joiner;
mod list;
mod poll;
mod queue;
mod select;

pub use arm::{Arm, Choice, Place, Receive, Selectable};
pub(crate) use arm::{ArmNode, Sealed};
pub(crate) use claim::Waiter;
pub(crate) use joiner::JoinNode;
pub(crate) use list::{List, Listed, Node, Stay};
pub(crate) use queue::{Locked, Queue, Wakes};
pub(crate) use select::{Aim, Limit, choose};
