//! Who runs what, where, and when: workers, their queues, stealing, placement, sleep.
//!
//! The scheduler knows of what tasks wait for only whether others can bring it. How workers fall
//! asleep and are woken is in `SLEEP.md`, with the argument that no wake is lost.

mod alone;
mod default_runtime;
mod expire;
pub(crate) mod idle;
mod ids;
mod job;
mod lifetimes;
mod no_stack;
mod oldest;
mod owed;
mod panics;
mod pick;
mod plan;
mod process;
mod pulse;
mod quiet;
mod refuse;
mod registry;
mod reports;
mod shared;
mod sleep;
mod start;
mod stay;
mod stop;
mod table;
mod unstarted;
mod watched;
mod worker;

pub(crate) use default_runtime::{check_open, default_shared, set_default};
pub(crate) use ids::take_id;
pub(crate) use panics::{NoFamily, OnPanic, drop_unclaimed, lose};
pub(crate) use plan::{Plan, Searches};
pub(crate) use process::{check_not_forked, prepare_process};
pub(crate) use pulse::{Beat, Busy, Frames, busy};
pub(crate) use registry::all as all_runtimes;
pub(crate) use shared::{Seat, Shared};
pub(crate) use start::Threads;
pub(crate) use stay::leave;
pub(crate) use stop::await_cancel_of_closed;
pub(crate) use worker::{Wait, Worker, current_worker, worker_of};
