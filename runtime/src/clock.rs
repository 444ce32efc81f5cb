//! The only place where the runtime reads the clock, so that another clock can take its place.

use std::time::{Duration, Instant};

/// How long a tick of the kernel takes at most.
pub(crate) const COARSE_TICK_MAX: Duration = Duration::from_millis(10);

/// A time that costs a few nanoseconds to read, and is exact to a tick of the kernel (1 to 10 ms):
/// for what is only shown. In nanoseconds since some time in the past, of which the lowest bit is
/// left for a mark.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Coarse(u64);

impl Coarse {
    /// The time now.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[inline]
    pub(crate) fn now() -> Coarse {
        let mut read = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `read` is a `timespec` that this call may write for as long as it lasts.
        let failed = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut read) };
        debug_assert_eq!(failed, 0, "Linux has had this clock since 2.6.32");
        Coarse((read.tv_sec as u64 * 1_000_000_000 + read.tv_nsec as u64) & !1)
    }

    /// The time now.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn now() -> Coarse {
        use std::sync::OnceLock;
        static START: OnceLock<Instant> = OnceLock::new();
        Coarse(START.get_or_init(now).elapsed().as_nanos() as u64 & !1)
    }

    /// This time, marked.
    pub(crate) fn marked(self) -> Coarse {
        Coarse(self.0 | 1)
    }

    pub(crate) fn is_marked(self) -> bool {
        self.0 & 1 != 0
    }

    /// How long ago this was.
    pub(crate) fn elapsed(self) -> Duration {
        Duration::from_nanos(Coarse::now().0.saturating_sub(self.0))
    }
}

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
