//! Who runs what, where, and when: workers, their queues, stealing, placement, sleep.
//!
//! The scheduler knows tasks, not what they wait for. How workers fall asleep and are woken is in
//! `SLEEP.md`, with the argument that no wake is lost.

mod idle;
mod shared;
mod start;
mod worker;

pub(crate) use shared::{Seat, Shared};
pub(crate) use start::{Threads, WorkerSeed, is_forked, note_process, take_ids};
pub(crate) use worker::{Wait, Worker, current as current_worker};
