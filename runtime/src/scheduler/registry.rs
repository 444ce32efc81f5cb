//! The runtimes of the process, for whoever wants to see all of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::Shared;

static RUNTIMES: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

fn runtimes() -> MutexGuard<'static, Vec<Weak<Shared>>> {
    RUNTIMES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes a new runtime, and forgets those that are gone.
pub(super) fn enter(shared: &Arc<Shared>) {
    let mut runtimes = runtimes();
    runtimes.retain(|known| known.strong_count() > 0);
    runtimes.push(Arc::downgrade(shared));
}

/// All runtimes that are alive, in the order in which they were made.
pub(crate) fn all() -> Vec<Arc<Shared>> {
    // The answer may be the last to hold a runtime, so it is dropped by the caller, without the
    // lock.
    runtimes().iter().filter_map(Weak::upgrade).collect()
}
