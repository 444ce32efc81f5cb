//! How long a worker has been running tasks without looking at its inbox, timers and poll.
//!
//! A count of tasks does not bound that: one may take a nanosecond or a millisecond. The clock
//! costs more than a switch between two tasks, so it is looked at once in some batches while tasks
//! are short, and more often the longer they take.

use std::cell::Cell;
use std::time::Instant;

use crate::clock;
use crate::limits::{BATCH_TASKS, LOOK_EVERY_MAX, TURN_MAX};

/// What one worker knows of how long its tasks take, and when it looks at the clock next.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Tasks to resume before the clock is looked at, or the batch ends.
    left: Cell<u32>,
    /// The value of `left` when the chunk began.
    chunk: Cell<u32>,
    /// Tasks of the batch that come after the chunk.
    rest: Cell<u32>,
    /// Tasks to resume before the clock is looked at, in this batch or a later one, as of the
    /// chunk's beginning.
    ahead: Cell<u32>,
    /// The value of `ahead` when the interval began.
    interval: Cell<u32>,
    /// How many tasks take a quarter of a turn, judged by the last ones.
    every: Cell<u32>,
    /// When the clock was looked at, if only tasks have run since.
    last: Cell<Option<Instant>>,
    /// When this turn began, if that is known.
    since: Cell<Option<Instant>>,
    /// The last look was only the beginning of an interval, a short one.
    probes: Cell<bool>,
    /// A task has found that the turn is over.
    over: Cell<bool>,
    /// Turns after which the time was not known.
    unseen: Cell<u32>,
}

impl Pace {
    pub(super) fn new() -> Pace {
        Pace {
            left: Cell::new(0),
            chunk: Cell::new(0),
            rest: Cell::new(0),
            ahead: Cell::new(1),
            interval: Cell::new(1),
            every: Cell::new(1),
            last: Cell::new(None),
            since: Cell::new(None),
            probes: Cell::new(false),
            over: Cell::new(false),
            unseen: Cell::new(0),
        }
    }

    /// A batch begins.
    #[inline(always)]
    pub(crate) fn begin(&self) {
        if self.every.get() < BATCH_TASKS / 4 {
            // Tasks take a microsecond or longer.
            self.begin_slow();
        }
        self.rest.set(BATCH_TASKS);
        self.next_chunk();
    }

    #[cold]
    fn begin_slow(&self) {
        let now = Some(clock::now());
        self.since.set(now);
        self.last.set(now);
        self.interval.set(self.ahead.get());
    }

    #[inline(always)]
    fn next_chunk(&self) {
        let chunk = self.ahead.get().min(self.rest.get());
        self.left.set(chunk);
        self.chunk.set(chunk);
        self.rest.set(self.rest.get() - chunk);
    }

    /// A task has been resumed, and suspended; whether another one may be.
    #[inline(always)]
    pub(crate) fn goes_on(&self) -> bool {
        let left = self.left.get();
        if left > 1 {
            self.left.set(left - 1);
            return true;
        }
        self.goes_on_slow()
    }

    #[cold]
    #[inline(never)]
    fn goes_on_slow(&self) -> bool {
        if self.over.replace(false) {
            return false;
        }
        self.ahead.set(self.ahead.get() - self.chunk.get());
        let looks = self.ahead.get() == 0;
        if looks && self.look() {
            return false;
        }
        if self.rest.get() == 0 {
            // The next turn begins now.
            self.since.set(self.last.get().filter(|_| looks));
            return false;
        }
        self.next_chunk();
        true
    }

    /// Nothing is left to run: what comes now takes no task's time.
    #[inline(always)]
    pub(crate) fn pause(&self) {
        self.ahead.set(self.ahead.get() - (self.chunk.get() - self.left.get()));
        self.last.set(None);
        self.since.set(None);
    }

    /// Looks at the clock; whether the turn is over.
    fn look(&self) -> bool {
        let now = clock::now();
        let every = match self.last.replace(Some(now)) {
            Some(last) => {
                self.probes.set(false);
                let took = now.saturating_duration_since(last).as_nanos() as u64;
                let a_part = TURN_MAX.as_nanos() as u64 / 4;
                let fit = u64::from(self.interval.get()) * a_part / took.max(1);
                let most = (2 * self.every.get()).min(LOOK_EVERY_MAX);
                self.every.set(fit.clamp(1, u64::from(most)) as u32);
                self.every.get()
            }
            // Now it would tell something: soon, if the worker does not pause again before.
            None if !self.probes.replace(true) => 1,
            None => {
                self.probes.set(false);
                self.every.get()
            }
        };
        self.ahead.set(every);
        self.interval.set(every);
        self.is_over_at(now)
    }

    /// By the task that runs: whether it should let the worker look around.
    #[cold]
    #[inline(never)]
    pub(crate) fn is_over(&self) -> bool {
        if self.over.get() {
            return true;
        }
        let over = self.is_over_at(clock::now());
        if over {
            // The chunk ends with this task, and so does the interval.
            self.ahead.set(1);
            self.last.set(None);
            self.left.set(0);
            self.over.set(true);
        }
        over
    }

    /// Whether this turn has lasted too long; the first look begins it, and its end the next one.
    fn is_over_at(&self, now: Instant) -> bool {
        let took = self.since.get().map(|since| now.saturating_duration_since(since));
        let over = took.is_some_and(|took| took >= TURN_MAX);
        if over || took.is_none() {
            self.since.set(Some(now));
        }
        over
    }

    /// After a turn: the time, if it is known, or has not been for long.
    #[inline]
    pub(crate) fn seen(&self) -> Option<Instant> {
        let since = self.since.get();
        if since.is_none() {
            self.unseen.set(self.unseen.get().wrapping_add(1));
            return self.unseen.get().is_multiple_of(BATCH_TASKS).then(clock::now);
        }
        since
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Resumes at most so many tasks that take so long each, until the turn is over; how many.
    fn turn(pace: &Pace, most: u32, each: Duration) -> u32 {
        pace.begin();
        for count in 1..=most {
            let end = clock::now() + each;
            while clock::now() < end {}
            if !pace.goes_on() {
                return count;
            }
        }
        pace.pause();
        most
    }

    #[test]
    fn a_turn_of_long_tasks_is_short_once_they_are_known_to_be() {
        for most in [10, BATCH_TASKS] {
            let pace = Pace::new();
            // Now short ones are known.
            for _ in 0..200 {
                turn(&pace, BATCH_TASKS, Duration::ZERO);
            }
            // The pace learns from the first looks at the clock that tasks are long, and does not
            // forget it while they are: a thread that loses its processor makes them longer still.
            assert!((0..10_000).any(|_| {
                turn(&pace, most, TURN_MAX / 4);
                pace.every.get() == 1
            }));
            for _ in 0..10 {
                assert!(turn(&pace, most, TURN_MAX / 4) <= 8);
            }
            assert_eq!(turn(&pace, most, TURN_MAX), 1);
        }
    }

    #[test]
    fn a_turn_of_short_tasks_is_a_whole_batch_in_the_end() {
        let pace = Pace::new();
        for _ in 0..10 {
            turn(&pace, BATCH_TASKS, TURN_MAX);
        }
        assert_eq!(pace.every.get(), 1);
        // Unless this thread loses its processor: in one of many turns it does not.
        let most = (0..1000).map(|_| turn(&pace, BATCH_TASKS, Duration::ZERO)).max();
        assert_eq!(most, Some(BATCH_TASKS));
    }

    /// What takes long outside of tasks is not theirs, and the clock is looked at seldom all the
    /// same.
    #[test]
    fn a_worker_that_pauses_after_each_task_looks_seldom() {
        let pace = Pace::new();
        for _ in 0..1000 {
            turn(&pace, BATCH_TASKS, Duration::ZERO);
        }
        let mut looks = 0;
        for _ in 0..1000 {
            assert_eq!(turn(&pace, 1, Duration::ZERO), 1);
            looks += u32::from(pace.ahead.get() == pace.interval.get());
        }
        assert!(looks <= 1000 / 32, "{looks} looks");
    }

    #[test]
    fn a_task_that_finds_the_turn_over_ends_it() {
        let pace = Pace::new();
        pace.begin();
        while !pace.is_over() {}
        assert!(pace.is_over());
        assert!(!pace.goes_on());
        pace.begin();
        assert!(!pace.over.get());
    }
}
