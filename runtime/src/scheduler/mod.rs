//! Who runs what, where, and when: workers, their queues, stealing, placement, sleep.
//!
//! The scheduler knows tasks, not what they wait for. How workers fall asleep and are woken is in
//! `SLEEP.md`, with the argument that no wake is lost.

mod alone;
mod default;
mod early;
pub(crate) mod idle;
mod job;
mod owed;
mod panics;
mod pick;
mod refuse;
mod shared;
mod sleep;
mod start;
mod starved;
mod stay;
mod stop;
mod unstarted;
mod worker;

pub(crate) use default::{Plan, check_open, default_shared, env_number, set_default};
pub(crate) use panics::{NoFamily, OnPanic, drop_unclaimed, lose};
pub(crate) use shared::{Seat, Shared};
pub(crate) use start::{Threads, check_not_forked, take_ids};
pub(crate) use stay::leave;
pub(crate) use stop::await_cancel_of_closed;
pub(crate) use worker::{Wait, Worker, current as current_worker};
