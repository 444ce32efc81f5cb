//! Who polls a future that is a wait.

use std::fmt;
use std::task::Waker;

use crate::lock::Lock;

/// The place of the waker that the last poll of a future has left, for a wait that is a future.
///
/// It is what stands for the waiting side in the wait's record: whoever ends the wait keeps a
/// reference to this place, which may outlive the future. A waker is anybody's code, its clones and
/// its destructor included. None of that runs under the lock of this place, nor under that of a
/// primitive.
pub(crate) struct Poller(Lock<Option<Waker>>);

impl Default for Poller {
    fn default() -> Poller {
        Poller(Lock::new(None))
    }
}

impl Poller {
    /// Keeps the waker of a poll in place of the one that was kept before. The poll then looks at
    /// the claim: whoever claims the wait looks here after that, so one of the two sees the other.
    pub(crate) fn listen(&self, waker: &Waker) {
        let known = self.0.lock().as_ref().is_some_and(|kept| kept.will_wake(waker));
        if !known {
            let waker = waker.clone();
            let before = self.0.lock().replace(waker);
            drop(before);
        }
    }

    /// Takes the waker out, which whoever gets it calls or drops.
    pub(crate) fn take(&self) -> Option<Waker> {
        self.0.lock().take()
    }
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller").finish_non_exhaustive()
    }
}
