//! What threads that were just started report to whoever started them.

use std::io;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The reports of threads: that each could do what it is for, or why not.
///
/// A channel of std's would not do, since it waits by `std::thread::park`, whose token is the
/// program's.
#[derive(Debug, Default)]
pub(super) struct Reports {
    said: Mutex<Vec<io::Result<()>>>,
    more: Condvar,
}

impl Reports {
    pub(super) fn say(&self, result: io::Result<()>) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).push(result);
        self.more.notify_one();
    }

    /// Waits until so many threads have reported, no longer than `limit`, and takes the reports.
    pub(super) fn of(&self, threads: usize, limit: Duration) -> Vec<io::Result<()>> {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.more.wait_timeout_while(said, limit, |said| said.len() < threads);
        let (mut said, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *said)
    }
}
