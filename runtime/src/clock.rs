//! The only place where the runtime reads the clock, so that another clock can take its place.

use std::time::{Duration, Instant};

/// The time now.
#[inline]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The time `duration` from now. `None`: an [`Instant`] cannot hold that time, so it never comes.
#[inline]
pub(crate) fn after(duration: Duration) -> Option<Instant> {
    now().checked_add(duration)
}
