//! The only place where the runtime reads the clock, so that another clock can take its place.

use std::sync::OnceLock;
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

/// A clock for what happens often: the processor's own counter, where that is known to run evenly
/// and alike on all cores, and the system's clock elsewhere. It counts ticks, of which [`Scale`]
/// knows the length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticker {
    by_counter: bool,
}

/// The first look at the clock of a [`Ticker`], which is what its times are compared with.
static FIRST: OnceLock<(u64, Instant)> = OnceLock::new();

impl Ticker {
    pub(crate) fn new() -> Ticker {
        let ticker = Ticker { by_counter: counter::is_even() };
        FIRST.get_or_init(|| {
            let time = now();
            (if ticker.by_counter { counter::read() } else { 0 }, time)
        });
        ticker
    }

    /// The time now, in ticks.
    #[inline(always)]
    pub(crate) fn now(self) -> u64 {
        if self.by_counter { counter::read() } else { since_first() }
    }
}

/// Nanoseconds since the first [`Ticker`] was made.
fn since_first() -> u64 {
    FIRST.get().map_or(0, |(_, first)| now().saturating_duration_since(*first).as_nanos() as u64)
}

/// How long ticks are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    first: u64,
    nanos_per_tick: f64,
}

impl Scale {
    /// Measures the ticks, which are counted since the first [`Ticker`] was made: more exactly the
    /// longer that is ago. If it is less than a tenth of a millisecond, until it is that.
    pub(crate) fn now() -> Scale {
        let ticker = Ticker::new();
        let first = FIRST.get().map_or(0, |(ticks, _)| *ticks);
        loop {
            let (ticks, nanos) = (ticker.now().saturating_sub(first), since_first());
            if nanos > 100_000 {
                let nanos_per_tick = nanos as f64 / ticks.max(1) as f64;
                return Scale { first, nanos_per_tick };
            }
            std::hint::spin_loop();
        }
    }

    /// Nanoseconds since the first [`Ticker`] was made.
    pub(crate) fn nanos(&self, ticks: u64) -> u64 {
        (ticks.saturating_sub(self.first) as f64 * self.nanos_per_tick) as u64
    }
}

/// The processor's counter of time.
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod counter {
    use std::arch::x86_64::{__cpuid, _rdtsc};

    /// Whether the processor says that its counter runs at one speed, whatever its cores do.
    pub(super) fn is_even() -> bool {
        const POWER: u32 = 0x8000_0007;
        const EVEN: u32 = 1 << 8;
        #[allow(unused_unsafe, reason = "newer compilers know that this is safe")]
        // SAFETY: every x86_64 processor has this instruction.
        unsafe {
            __cpuid(0x8000_0000).eax >= POWER && __cpuid(POWER).edx & EVEN != 0
        }
    }

    #[inline(always)]
    pub(super) fn read() -> u64 {
        // SAFETY: every x86_64 processor has this instruction, and Linux lets every process use it
        // unless the process has forbidden it to itself.
        unsafe { _rdtsc() }
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
mod counter {
    pub(super) fn is_even() -> bool {
        false
    }

    pub(super) fn read() -> u64 {
        0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_as_long_as_time() {
        let ticker = Ticker::new();
        let (ticks, time) = (ticker.now(), now());
        while time.elapsed() < Duration::from_millis(20) {}
        let (later, took) = (ticker.now(), time.elapsed());
        let scale = Scale::now();
        let nanos = scale.nanos(later) - scale.nanos(ticks);
        let took = took.as_nanos() as f64;
        // The thread may lose its core between the two looks, but not each time for long.
        assert!((nanos as f64) < took * 1.5 && nanos as f64 > took * 0.5, "{nanos} {took}");
        assert!(scale.nanos(later) <= since_first() + 1_000_000);
    }
}
