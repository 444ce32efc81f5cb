//! Events that the runtime itself tells a `tracing` subscriber, each under a target by which it can
//! be filtered. The table for users is on the page of `gocoro::runtime`.
//!
//! A subscriber is anybody's code. It is called where the runtime calls it for spans as well: never
//! under a lock of the runtime's, nor between a wait's publication and its park. Its panic goes no
//! further. Callers leave the running task (`current::off_task`), so a subscriber that waits blocks
//! its thread, and switches nothing.
//!
//! What a subscriber does while it is told of an event may be an event itself: it may lock, or
//! spawn. It is told of no such event meanwhile, or the telling would never end.
//!
//! All of these functions are called only where [`is_on`](super::is_on) says that somebody listens.
//! So without a subscriber an event costs what the span at the same place does.

use std::cell::Cell;
use std::fmt::Display;
use std::panic::Location;
use std::time::Duration;

use tracing::{debug, error, trace, warn};

use crate::task::{Cause, Header};
use crate::unwind;

/// The life of tasks.
const TASK: &str = "gocoro::task";
/// What workers do.
const RUNTIME: &str = "gocoro::runtime";
/// Waits for locks.
const SYNC: &str = "gocoro::sync";

thread_local! {
    /// Whether this thread is telling a subscriber of an event.
    static TELLS: Cell<bool> = const { Cell::new(false) };
}

/// Calls the subscriber, unless it is being called.
fn tell(event: impl FnOnce()) {
    if !TELLS.replace(true) {
        unwind::run_quietly(event);
        TELLS.set(false);
    }
}

/// A task is about to be made. Told in the span of whoever spawns it.
#[cold]
pub(crate) fn spawned(id: u64, name: Option<&str>, at: &Location<'_>) {
    tell(|| trace!(target: TASK, id, name, spawned_at = %at, "spawned"));
}

/// A task's closure is gone, and the task is about to be done. Told in the task's span.
#[cold]
pub(crate) fn ended(task: &Header) {
    let (id, name, outcome) = (task.id, task.name(), task.outcome.get().as_str());
    tell(|| trace!(target: TASK, id, name, outcome, "ended"));
}

/// A panic has reached a task's root. Told in the task's span.
#[cold]
pub(crate) fn panicked(task: &Header, message: &str) {
    let (id, name, at) = (task.id, task.name(), task.spawned_at);
    tell(|| {
        error!(target: TASK, id, name, spawned_at = %at, panic = message, "panicked");
    });
}

/// A task was asked to end. Told in the span of whoever asks.
#[cold]
pub(crate) fn cancelled(task: &Header, cause: Cause) {
    let (id, name) = (task.id, task.name());
    tell(|| debug!(target: TASK, id, name, cause = %cause, "cancelled"));
}

/// Tasks that had to wait for their worker, and whom they have waited for.
#[derive(Debug)]
pub(crate) struct Late<'a> {
    pub(crate) runtime: u32,
    pub(crate) worker: usize,
    /// How many tasks wait. Those that have not started count as well.
    pub(crate) tasks: usize,
    /// The task that has run meanwhile.
    pub(crate) behind: &'a Header,
    pub(crate) waited: Duration,
}

/// A task has kept its worker from others for long. Told between two tasks, outside of any span.
#[cold]
pub(crate) fn resumed_late(late: &Late<'_>) {
    let &Late { runtime, worker, tasks, behind, waited } = late;
    let (id, name, at) = (behind.id, behind.name(), behind.spawned_at);
    let ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
    tell(|| {
        warn!(
            target: RUNTIME, runtime, worker, tasks, waited_ms = ms,
            behind.id = id, behind.name = name, behind.spawned_at = %at,
            "resumed late"
        );
    });
}

/// Somebody finds a lock taken. Told in the waiter's span, before the wait.
#[cold]
pub(crate) fn contended(
    lock: &'static str,
    address: usize,
    holder: Option<&dyn Display>,
    at: &Location<'_>,
) {
    let address = format_args!("{address:#x}");
    tell(|| {
        let holder = holder.map(tracing::field::display);
        trace!(target: SYNC, lock, %address, holder, at = %at, "contended");
    });
}
