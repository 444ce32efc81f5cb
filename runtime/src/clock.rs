//! The one place where the clock is read, so that another clock can stand here.

use std::time::{Duration, Instant};

/// The time now.
#[inline]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// `duration` from now; `None` if that is beyond what an [`Instant`] holds, which is to say never.
#[inline]
pub(crate) fn after(duration: Duration) -> Option<Instant> {
    now().checked_add(duration)
}
