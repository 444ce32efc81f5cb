//! Numbers by which threads and workers are told apart.

use super::CORE;

/// A number that tells this thread's worker from all others that are alive; zero on a plain thread.
#[inline(always)]
pub(crate) fn worker_number() -> usize {
    CORE.get().addr()
}

/// A number that tells this thread from all other threads that are alive.
#[inline(always)]
pub(crate) fn thread_mark() -> usize {
    #[cfg(all(test, loom))]
    return crate::loom::thread_mark();
    #[cfg(not(all(test, loom)))]
    CORE.with(|core| std::ptr::from_ref(core).addr())
}
