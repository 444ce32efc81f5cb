//! Ticks that come once a period.

use std::iter::FusedIterator;
use std::time::{Duration, Instant};

use super::sleep_until;
use crate::{clock, park};

/// What an [`Interval`] does about ticks that were missed, because the work between two ticks took
/// too long.
///
/// # Examples
///
/// ```
/// use gocoro::time::{MissedTicks, interval};
/// use std::time::Duration;
///
/// let mut ticks = interval(Duration::from_secs(1));
/// assert_eq!(ticks.missed_ticks(), MissedTicks::Burst);
/// ticks.set_missed_ticks(MissedTicks::Skip);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum MissedTicks {
    /// Missed ticks are made up for: they come at once until the schedule is met again.
    #[default]
    Burst,
    /// Missed ticks are left out, and the schedule shifts: the next tick comes a period after the
    /// late one.
    Delay,
    /// Missed ticks are left out, and the schedule stays: the next tick comes at a multiple of the
    /// period.
    Skip,
}

/// Makes an endless iterator that waits for the next tick. The first tick comes at once, each other
/// a `period` after the one before.
///
/// # Parks
///
/// Never. The iterator's `next` does.
///
/// # Panics
///
/// If the period is zero.
///
/// # Examples
///
/// ```
/// use gocoro::time::interval;
/// use std::time::Duration;
///
/// let period = Duration::from_millis(2);
/// let ticks: Vec<_> = interval(period).take(3).collect();
/// assert!(ticks[2] - ticks[0] >= 2 * period);
/// ```
pub fn interval(period: Duration) -> Interval {
    assert!(!period.is_zero(), "an interval needs a period; for one of zero, yield in a loop");
    Interval { period, next: Some(clock::now()), missed: MissedTicks::Burst }
}

/// An iterator that waits for ticks: see [`interval`]. An item is the time at which its tick was
/// due.
///
/// # Parks
///
/// `next` waits until the tick is due, and returns at once if it is due already. A cancel point.
#[derive(Clone, Debug)]
#[must_use = "an interval waits when it is iterated over"]
pub struct Interval {
    period: Duration,
    /// When the next tick is due. `None`: later than an `Instant` can tell.
    next: Option<Instant>,
    missed: MissedTicks,
}

impl Interval {
    /// The time between ticks.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// What this interval does about missed ticks.
    pub fn missed_ticks(&self) -> MissedTicks {
        self.missed
    }

    /// Sets what this interval does about missed ticks.
    pub fn set_missed_ticks(&mut self, missed: MissedTicks) {
        self.missed = missed;
    }

    /// Starts the schedule anew: the next tick comes a period from now.
    pub fn reset(&mut self) {
        self.next = clock::after(self.period);
    }

    /// When the next tick is due, after one that was due at `due` and came at `now`.
    fn after(&self, due: Instant, now: Instant) -> Option<Instant> {
        let next = due.checked_add(self.period)?;
        if next > now {
            return Some(next);
        }
        match self.missed {
            MissedTicks::Burst => Some(next),
            MissedTicks::Delay => now.checked_add(self.period),
            MissedTicks::Skip => {
                let late = now.duration_since(due).as_nanos() % self.period.as_nanos();
                // The rest is less than the period, so it fits into a `Duration`.
                let late =
                    Duration::new((late / 1_000_000_000) as u64, (late % 1_000_000_000) as u32);
                now.checked_add(self.period - late)
            }
        }
    }
}

impl Iterator for Interval {
    type Item = Instant;

    fn next(&mut self) -> Option<Instant> {
        let Some(due) = self.next else {
            super::sleep(Duration::MAX);
            return None;
        };
        park::spent();
        let mut now = clock::now();
        if now < due {
            sleep_until(due);
            now = clock::now();
        }
        self.next = self.after(due, now);
        Some(due)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

impl FusedIterator for Interval {}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn times(missed: MissedTicks, lateness: &[u64]) -> Vec<u64> {
        let start = clock::now();
        let ms = Duration::from_millis;
        let mut ticks = Interval { period: ms(10), next: Some(start), missed };
        let mut due = Vec::new();
        for &late in lateness {
            let at = ticks.next.unwrap();
            due.push((at - start).as_millis() as u64);
            ticks.next = ticks.after(at, at + ms(late));
        }
        due
    }

    #[test]
    fn a_tick_in_time_moves_nothing() {
        for missed in [MissedTicks::Burst, MissedTicks::Delay, MissedTicks::Skip] {
            assert_eq!(times(missed, &[0, 9, 0, 3]), [0, 10, 20, 30]);
        }
    }

    #[test]
    fn missed_ticks_are_made_up_for_shifted_or_left_out() {
        assert_eq!(times(MissedTicks::Burst, &[35, 25, 15, 5, 0]), [0, 10, 20, 30, 40]);
        assert_eq!(times(MissedTicks::Delay, &[35, 0, 0]), [0, 45, 55]);
        assert_eq!(times(MissedTicks::Skip, &[35, 0, 0]), [0, 40, 50]);
        assert_eq!(times(MissedTicks::Skip, &[30, 10, 0]), [0, 40, 60]);
    }
}
