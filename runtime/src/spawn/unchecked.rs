//! The one way from a closure to a queued task.

use std::io;
use std::panic::Location;
use std::sync::Arc;

use super::Options;
use crate::join::JoinHandle;
use crate::scheduler::{self, NoFamily, Shared, Worker};
use crate::task::{self, Family};

/// Which worker a new task is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Placement<'a> {
    /// Any worker of the runtime whose task spawns the new one, or of the default runtime if no
    /// task does.
    Here,
    /// The worker whose task spawns the new one, and no other.
    Local,
    /// Any worker of this runtime.
    On(&'a Arc<Shared>),
    /// This worker, and no other. Its thread need not be the current one's worker now.
    Worker(&'a Worker),
}

const NO_WORKER: &str = "spawn_local outside a runtime: this thread has no worker that the task \
     could stay on; run it in a task, or make a runtime::LocalRuntime";

/// The family of a task that is spawned by itself, for [`spawn_unchecked`].
pub(crate) fn no_family<T>(handle: JoinHandle<T>) -> (NoFamily, JoinHandle<T>) {
    (NoFamily, handle)
}

/// Makes a task and queues it. A closed runtime refuses the task. This is what
/// `Builder::spawn_unchecked` is in std.
///
/// The task enters its family by `enter`, before it is queued, unless the spawn fails. What `enter`
/// makes of the handle is returned.
///
/// Inlined, so that for each caller, with its one placement and its options, little code is left.
///
/// # Errors
///
/// The errors of [`Builder::spawn`](super::Builder::spawn), except for a closed runtime.
///
/// # Safety
///
/// What the closure and its value borrow lives until the family is told of the task's end, and
/// until the handle is gone. Closure and value are `Send`, unless the placement is
/// [`Local`](Placement::Local) or [`Worker`](Placement::Worker).
#[inline(always)]
pub(crate) unsafe fn spawn_unchecked<F, T, M, H>(
    f: F,
    options: Options,
    placement: Placement<'_>,
    at: &'static Location<'static>,
    enter: impl FnOnce(JoinHandle<T>) -> (M, H),
) -> io::Result<H>
where
    F: FnOnce() -> T,
    M: Family,
{
    scheduler::check_not_forked();
    let here = scheduler::current_worker();
    let (worker, shared) = match (placement, here) {
        (Placement::Here | Placement::Local, Some(worker)) => (Some(worker), worker.shared()),
        (Placement::Here, None) => (None, scheduler::default_shared()?),
        (Placement::Local, None) => return Err(io::Error::other(NO_WORKER)),
        (Placement::On(shared), _) => (here.filter(|own| own.shared().id == shared.id), shared),
        (Placement::Worker(worker), _) => (Some(worker), worker.shared()),
    };
    let id = worker.map_or_else(scheduler::take_id, Worker::next_id);
    let local = matches!(placement, Placement::Local | Placement::Worker(_));
    let created = options.resolve(local, shared, id, at)?;
    let (task, entered) = task::create(f, created, |spawned| enter(JoinHandle::new(spawned)));
    match worker {
        Some(worker) => worker.spawn(task),
        None => shared.place(task),
    }
    Ok(entered)
}
