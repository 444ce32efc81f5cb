//! What a worker counts while it runs, for whoever wants to see it.
//!
//! A worker alone writes its counters, with plain loads and stores; any thread may read them at any
//! time. What happens with each switch is counted in the worker's core, and shown here once a turn.
//! They are statistics: nothing decides by them, and those that are read together need not belong
//! to one moment.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use crate::clock;

/// A number that one thread writes.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline(always)]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    #[inline(always)]
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// Adds one. Returns the new value.
    #[inline(always)]
    pub(crate) fn count(&self) -> u64 {
        let value = self.get() + 1;
        self.set(value);
        value
    }

    pub(crate) fn add(&self, more: u64) {
        self.set(self.get() + more);
    }
}

/// How many buckets a [`Histogram`] has, the last of which is without a bound.
pub(crate) const BUCKETS: usize = 26;

/// The bound of the first bucket of a [`Histogram`], in nanoseconds. Each further one is twice the
/// one before, so that the last bound is 8.6 s.
const FIRST_BOUND: u64 = 512;

/// How often durations of some lengths have occurred.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [Counter; BUCKETS],
    sum: Counter,
}

impl Histogram {
    fn record(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let above = nanos.div_ceil(FIRST_BOUND).max(1).next_power_of_two();
        let bucket = (above.trailing_zeros() as usize).min(BUCKETS - 1);
        self.buckets[bucket].count();
        self.sum.set(self.sum.get().saturating_add(nanos));
    }

    /// How many durations are in each bucket, and their sum.
    pub(crate) fn read(&self) -> ([u64; BUCKETS], Duration) {
        (self.buckets.each_ref().map(Counter::get), Duration::from_nanos(self.sum.get()))
    }
}

/// The upper bound of a bucket of a [`Histogram`]. `None`: it has none.
pub(crate) fn bound(bucket: usize) -> Option<Duration> {
    (bucket < BUCKETS - 1).then(|| Duration::from_nanos(FIRST_BOUND << bucket))
}

/// In one turn of so many the queue is timed, which takes two looks at the clock.
pub(crate) const TURNS_TIMED_EVERY: u64 = 64;

/// What one worker counts. Numbers without a note grow from zero.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// How often a task was picked to be resumed.
    pub(crate) resumed: Counter,
    /// Tasks that have ended here.
    pub(crate) ended: Counter,
    /// Waiting tasks that other threads have made runnable.
    pub(crate) woken_from_afar: Counter,
    /// Tasks that were spawned here.
    pub(crate) spawned: Counter,
    /// Tasks that were refused.
    pub(crate) refused: Counter,
    /// Unstarted tasks that were taken from other workers.
    pub(crate) stolen: Counter,
    /// Rounds of the worker's loop.
    pub(crate) turns: Counter,
    /// Times that the worker has asked the system for events.
    pub(crate) polls: Counter,
    /// Events of descriptors.
    pub(crate) events: Counter,
    /// Timers that went off.
    pub(crate) fired: Counter,
    /// Nanoseconds that the worker has slept, without the sleep that goes on.
    pub(crate) slept: Counter,
    /// Since when the worker sleeps, by [`nanos`]; zero: it does not.
    pub(crate) asleep_since: Counter,
    /// How long it took, from the beginning of a turn, until the task was resumed that was then
    /// last in the queue, in one turn of [`TURNS_TIMED_EVERY`].
    pub(crate) latency: Histogram,
    /// How things stood at the end of the last turn.
    pub(crate) last: Standing,
}

/// How many things a worker has.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// Started tasks that have not ended.
    pub(crate) live: Counter,
    /// Of these, tasks that wait for the worker.
    pub(crate) ready: Counter,
    /// Unstarted tasks that no other worker may start.
    pub(crate) unstarted: Counter,
    /// Timers that are set.
    pub(crate) timers: Counter,
    /// Registered descriptors.
    pub(crate) descriptors: Counter,
    /// Stacks, of tasks and idle ones.
    pub(crate) stacks: Counter,
    /// The address space of these stacks.
    pub(crate) stack_bytes: Counter,
}

/// The counters of a worker, on cache lines of their own.
pub(crate) type Own = CachePadded<Counters>;

/// The time as nanoseconds since this was first called, and never zero.
pub(crate) fn nanos(time: Instant) -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let since = time.saturating_duration_since(*FIRST.get_or_init(clock::now));
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX).max(1)
}

impl Counters {
    /// Notes that the worker sleeps from `now` on.
    pub(crate) fn fall_asleep(&self, now: Instant) {
        self.asleep_since.set(nanos(now));
    }

    /// Notes the end of a sleep, if there was one. `now` is asked for the time only then.
    #[inline(always)]
    pub(crate) fn wake_up(&self, now: impl FnOnce() -> Instant) {
        let since = self.asleep_since.get();
        if since != 0 {
            self.slept.add(nanos(now()).saturating_sub(since));
            self.asleep_since.set(0);
        }
    }

    pub(crate) fn timed(&self, in_queue: Duration) {
        self.latency.record(in_queue);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_the_first_bucket_whose_bound_it_does_not_exceed() {
        for bucket in 0..BUCKETS - 1 {
            let bound = bound(bucket).unwrap();
            for (nanos, expected) in [(0, bucket), (1, bucket + 1)] {
                let histogram = Histogram::default();
                histogram.record(bound + Duration::from_nanos(nanos));
                let (counts, sum) = histogram.read();
                assert_eq!(counts.iter().position(|&n| n == 1), Some(expected), "{bound:?}");
                assert_eq!(sum, bound + Duration::from_nanos(nanos));
            }
        }
        let histogram = Histogram::default();
        histogram.record(Duration::ZERO);
        histogram.record(Duration::MAX);
        let (counts, _) = histogram.read();
        assert_eq!((counts[0], counts[BUCKETS - 1]), (1, 1));
        assert_eq!(bound(BUCKETS - 1), None);
    }
}
