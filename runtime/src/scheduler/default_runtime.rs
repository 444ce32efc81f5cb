//! The default runtime: it takes tasks that are spawned outside of any runtime.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::process::prepare_process;
use super::{Plan, Shared, Worker, current_worker};

/// The runtime of `#[go_main]`, or one that was started by a spawn outside of any.
static DEFAULT: OnceLock<Arc<Shared>> = OnceLock::new();

/// The default runtime. It is started if there is none.
pub(crate) fn default_shared() -> io::Result<&'static Arc<Shared>> {
    static STARTING: Mutex<()> = Mutex::new(());
    if let Some(shared) = DEFAULT.get() {
        return Ok(shared);
    }
    // The process is prepared before the lock is taken, since that may wait long, and others may
    // wait for the lock.
    prepare_process()?;
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if DEFAULT.get().is_none() {
        let (shared, threads) = Plan::default().start()?;
        // The workers' threads live as long as the process, so nobody joins them.
        std::mem::forget(threads);
        let _ = DEFAULT.set(shared);
    }
    Ok(DEFAULT.get().expect("set just now"))
}

/// The default runtime, if it was started.
pub(super) fn default_if_any() -> Option<&'static Arc<Shared>> {
    DEFAULT.get()
}

/// An error if the runtime that a spawn on this thread would use is closed.
pub(crate) fn check_open() -> io::Result<()> {
    let shared = current_worker().map(Worker::shared).or_else(|| DEFAULT.get());
    if shared.is_some_and(|shared| shared.is_closed()) {
        return Err(io::Error::other("the runtime is closed: it takes no more tasks"));
    }
    Ok(())
}

/// Makes `shared` the default runtime, unless there is one.
pub(crate) fn set_default(shared: &Arc<Shared>) {
    let _ = DEFAULT.set(shared.clone());
}
