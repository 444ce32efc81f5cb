//! How many of the process's threads cannot go on by themselves, for whoever asks whether anything
//! can: the search for deadlocks.
//!
//! Workers and the blocking pool know their own threads. Here are the others of gocoro's.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

static STILL: AtomicUsize = AtomicUsize::new(0);
static BEGUN: AtomicUsize = AtomicUsize::new(0);
static INTERNAL: AtomicUsize = AtomicUsize::new(0);

/// Threads that are none of a runtime's or of the blocking pool's, at one time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Census {
    /// Plain threads that wait without a deadline for a token which has not been given.
    pub(crate) still: usize,
    /// How many such waits have ever begun. If this and `still` are what they were, no such thread
    /// has run meanwhile.
    begun: usize,
    /// gocoro's own threads, which wake nobody but on an event from outside that nobody counts on.
    pub(crate) internal: usize,
}

/// Counts now.
pub(crate) fn census() -> Census {
    Census { still: STILL.load(SeqCst), begun: BEGUN.load(SeqCst), internal: INTERNAL.load(SeqCst) }
}

/// Notes that a plain thread waits. Called under the lock of its token, as [`end_still`].
pub(crate) fn begin_still() {
    BEGUN.fetch_add(1, SeqCst);
    STILL.fetch_add(1, SeqCst);
}

/// Notes, before the thread can run, that what it waits for has come.
pub(crate) fn end_still() {
    STILL.fetch_sub(1, SeqCst);
}

/// While this lives, the thread that made it is one of gocoro's own.
#[derive(Debug)]
pub(crate) struct Internal(());

impl Internal {
    pub(crate) fn new() -> Internal {
        INTERNAL.fetch_add(1, SeqCst);
        Internal(())
    }
}

impl Drop for Internal {
    fn drop(&mut self) {
        INTERNAL.fetch_sub(1, SeqCst);
    }
}

/// How many threads the process has. `None`: the system does not say.
pub(crate) fn threads() -> Option<usize> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use std::os::linux::fs::MetadataExt;
        // The folder has a link for each thread, one for itself and one of its parent. Asking for
        // that takes the same two microseconds however many threads there are.
        let links = std::fs::metadata("/proc/self/task").ok()?.st_nlink();
        usize::try_from(links).ok()?.checked_sub(2).filter(|&threads| threads > 0)
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    None
}
