//! How long a worker has been running tasks without looking at its inbox, timers and poll. That
//! time is called a turn.
//!
//! A count of tasks does not bound a turn, for a task may take a nanosecond or a millisecond.
//! Reading the clock costs more than a switch between two tasks. So while tasks are short, the
//! clock is looked at once in some batches, and the longer they take, the more often.
//!
//! A *batch* is the tasks that a worker resumes in a turn, at most [`BATCH_TASKS`]. An *interval*
//! is the tasks between two looks at the clock; it may span batches. A *chunk* is the tasks until
//! the batch or the interval ends, whichever comes first: so the usual path counts down one number.

use std::cell::Cell;
use std::time::Instant;

use crate::clock;
use crate::limits::{BATCH_TASKS, LOOK_EVERY_MAX, TURN_MAX};

/// What one worker knows of how long its tasks take, and when it looks at the clock next.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Tasks of the chunk that are still to be resumed.
    left: Cell<u32>,
    /// How many tasks the chunk has in all.
    chunk: Cell<u32>,
    /// Tasks of the batch that come after the chunk.
    rest: Cell<u32>,
    /// Tasks of the interval that were still to be resumed when the chunk began.
    ahead: Cell<u32>,
    /// How many tasks the interval has in all.
    interval: Cell<u32>,
    /// How many tasks take a quarter of [`TURN_MAX`], judged by the last interval. That is the
    /// length of the next interval.
    every: Cell<u32>,
    /// When the clock was last looked at, if nothing but tasks has taken time since.
    last: Cell<Option<Instant>>,
    /// When this turn began, if that is known.
    since: Cell<Option<Instant>>,
    /// The last look at the clock had no look before it to compare with, and began an interval of
    /// one task, to learn how long tasks take.
    probes: Cell<bool>,
    /// A running task has found that the turn is over.
    over: Cell<bool>,
    /// How many turns ended without a known time.
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

    /// Begins a batch.
    #[inline(always)]
    pub(crate) fn begin(&self) {
        if self.every.get() < BATCH_TASKS / 4 {
            // Tasks take a microsecond or longer, so a look at the clock costs little beside them.
            self.begin_slow();
        }
        self.rest.set(BATCH_TASKS);
        self.next_chunk();
    }

    /// When the batch began, if the clock was looked at.
    pub(crate) fn begun(&self) -> Option<Instant> {
        self.since.get()
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

    /// Counts a task that was resumed and has suspended. Whether the worker may resume another one.
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
            // If the clock was just looked at, the beginning of the next turn is known.
            self.since.set(self.last.get().filter(|_| looks));
            return false;
        }
        self.next_chunk();
        true
    }

    /// Ends a batch because no task is left to run. The time that passes from now on is no task's.
    #[inline(always)]
    pub(crate) fn pause(&self) {
        self.ahead.set(self.ahead.get() - (self.chunk.get() - self.left.get()));
        self.last.set(None);
        self.since.set(None);
    }

    /// Looks at the clock, and chooses the next interval. Whether the turn is over.
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
            // One look tells nothing of how long tasks take, but a second one soon after does, if
            // the worker does not pause before.
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

    /// Whether the running task should let the worker look around. Called by that task.
    #[cold]
    #[inline(never)]
    pub(crate) fn is_over(&self) -> bool {
        if self.over.get() {
            return true;
        }
        let over = self.is_over_at(clock::now());
        if over {
            // Chunk and interval end with this task.
            self.ahead.set(1);
            self.last.set(None);
            self.left.set(0);
            self.over.set(true);
        }
        over
    }

    /// Whether this turn has lasted too long at the time `now`. A turn begins at the first look at
    /// the clock, or where the turn before was found to be over.
    fn is_over_at(&self, now: Instant) -> bool {
        let took = self.since.get().map(|since| now.saturating_duration_since(since));
        let over = took.is_some_and(|took| took >= TURN_MAX);
        if over || took.is_none() {
            self.since.set(Some(now));
        }
        over
    }

    /// The time at which a turn ended, if it is known. If it was not known for many turns, the
    /// clock is read.
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

    /// Resumes at most `most` tasks, which take `each` each, until the turn is over. How many it
    /// has resumed.
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
            // The pace learns that tasks are short.
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
        // A turn is shorter if this thread loses its processor, so the longest of many turns
        // counts.
        let most = (0..1000).map(|_| turn(&pace, BATCH_TASKS, Duration::ZERO)).max();
        assert_eq!(most, Some(BATCH_TASKS));
    }

    /// Time that passes outside of tasks is not counted as theirs, so the clock is still looked at
    /// seldom.
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
