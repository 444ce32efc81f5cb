//! A worker with nothing to run: it looks at the others' queues, then sleeps, by the protocol of
//! `SLEEP.md`.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::worker::{Wait, Worker};
use crate::limits::{SPIN, STEAL_PATIENCE, STILL, STILL_MAX, WATCH};
use crate::recorder::What;
use crate::{clock, current, thread_pool};

/// How many looks at the inbox have to fail in a row, after one that paid, before the worker sleeps
/// without looking first.
const SPINS_AFTER_SUCCESS: u32 = 4;

/// The most short sleeps that pass before a worker whose looks have not paid looks again.
const PAUSE_MAX: u32 = 256;

/// What a worker remembers from one sleep to the next.
#[derive(Debug, Default)]
pub(super) struct Sleep {
    spins: Spins,
    /// Whether others count on this worker to look for unstarted tasks in their queues.
    owes_look: Cell<bool>,
    /// Until when this worker counts as searching while it sleeps: set when a spawner wakes it, and
    /// cleared when it finds a task to steal.
    watch_until: Cell<Option<Instant>>,
    /// How often the worker had resumed a task, modulo 2³², when it last looked whether anything
    /// can go on.
    looked_after: Cell<u64>,
    /// After what time of sleep it looks again, if it has run nothing by then.
    looks_after: Cell<Duration>,
}

impl Sleep {
    /// Makes this worker owe a look, since another worker's look may have missed a task that this
    /// one has put back into its queue.
    pub(super) fn owe_look(&self) {
        self.owes_look.set(true);
    }
}

/// Whether it pays to look at the inbox for a while before a sleep: it does where two workers wake
/// each other often.
#[derive(Debug, Default)]
struct Spins {
    /// How many of the next sleeps begin with a look at the inbox.
    left: Cell<u32>,
    /// How many short sleeps pass before the next look, once `left` is zero.
    pause: Cell<u32>,
    /// The last value that `pause` was set to. It doubles each time.
    last_pause: Cell<u32>,
}

impl Spins {
    fn succeeded(&self) {
        self.left.set(SPINS_AFTER_SUCCESS);
        self.last_pause.set(0);
    }

    fn failed(&self) {
        self.left.set(self.left.get() - 1);
        if self.left.get() == 0 {
            self.last_pause.set((2 * self.last_pause.get()).clamp(1, PAUSE_MAX));
            self.pause.set(self.last_pause.get());
        }
    }

    /// Notes a sleep that another worker's task has ended soon: a look at the inbox might have
    /// saved it.
    fn slept_shortly(&self) {
        match self.pause.get() {
            0 => self.left.set(self.left.get().max(1)),
            pause => self.pause.set(pause - 1),
        }
    }
}

/// The most idle stacks that give pages back, and the most that are freed, before one sleep.
const TIDY_MOST: usize = 64;

impl Worker {
    /// Looks for unstarted tasks of other workers.
    ///
    /// Spawns that saw a search have woken nobody. So the last worker to end its search answers for
    /// them: if it found a task it wakes another thief, else it owes a look.
    pub(super) fn search(&self) -> bool {
        if self.shared.seats.len() == 1 || self.no_stack.has_handed_over() {
            return false;
        }
        // If there is plainly nothing, the counter of searching workers, which all of them share,
        // is left alone. A look that this worker owes it still owes.
        if !self.shared.has_stealable(self.index) {
            return false;
        }
        self.shared.idle.start_search();
        let found = self.steal();
        let last = self.shared.idle.end_search();
        self.sleep.owes_look.set(last && !found);
        if found {
            self.sleep.watch_until.set(None);
            if last {
                self.shared.wake_thief();
            }
        }
        found
    }

    /// Begins a search that lasts through the sleep that follows, if a spawner has woken this
    /// worker in vain a short time ago. Returns how long the search may last.
    ///
    /// A task that spawns others and waits between, as one does that accepts connections, would
    /// wake a sleeping worker for each of them, and most would have started before that worker
    /// looks.
    fn watch(&self) -> Option<Duration> {
        let until = self.sleep.watch_until.get()?;
        let left = until.saturating_duration_since(clock::now());
        if left.is_zero() {
            self.sleep.watch_until.set(None);
            return None;
        }
        self.shared.idle.start_search();
        Some(left)
    }

    /// Wakes another worker to look, if this worker owes a look and has work of its own to do
    /// first.
    pub(super) fn pass_look_on(&self) {
        if self.sleep.owes_look.replace(false) {
            self.shared.wake_thief();
        }
    }

    fn steal(&self) -> bool {
        let shared = &self.shared;
        let mut task = shared.steal(self.index, 2);
        if task.is_none() && self.stays(|| shared.has_stealable(self.index), STEAL_PATIENCE) {
            task = shared.steal(self.index, 1);
        }
        let Some(task) = task else { return false };
        self.core.counters.stolen.count();
        self.core.record(What::Stolen, task.id);
        self.unstarted.push(&self.core, task);
        true
    }

    /// Gives memory of idle stacks back while there is nothing to run, some stacks at a time.
    /// Returns how long the rest has to wait, if there is a rest.
    fn tidy_stacks(&self, now: Instant) -> Option<Duration> {
        let mut stacks = self.core.stacks.borrow_mut();
        stacks.trim(TIDY_MOST);
        stacks.clean(now);
        for _ in 0..TIDY_MOST {
            let Some((stack, class)) = stacks.pop_surplus(now) else { break };
            // SAFETY: the stack, which is idle and this worker's, has no job.
            unsafe { stack.free(class) };
        }
        let surplus_at = stacks.surplus_at(now)?;
        // The burst that left these stacks may have left memory there as well.
        self.unstarted.tidy();
        Some(surplus_at.saturating_duration_since(now))
    }

    /// Gives one surplus stack back between two turns of a busy worker, and what the queue of
    /// unstarted tasks does not need.
    #[inline]
    pub(super) fn tidy_a_bit(&self) {
        let Some(now) = self.core.pace.seen() else { return };
        self.unstarted.tidy();
        let mut stacks = self.core.stacks.borrow_mut();
        stacks.clean(now);
        let surplus = stacks.step(now);
        drop(stacks);
        if let Some((stack, class)) = surplus {
            // SAFETY: the stack, which is idle and this worker's, has no job.
            unsafe { stack.free(class) };
        }
    }

    /// Looks at the inbox for [`SPIN`], if that has paid lately. `true`: something has come.
    fn spin(&self) -> bool {
        if self.sleep.spins.left.get() == 0 {
            return false;
        }
        let timer = self.core.timers.borrow_mut().until_next(clock::now());
        self.stays(|| self.core.mailbox.is_empty(), timer.map_or(SPIN, |timer| timer.min(SPIN)));
        let came = !self.core.mailbox.is_empty();
        if came {
            self.sleep.spins.succeeded()
        } else {
            self.sleep.spins.failed()
        }
        came
    }

    /// Looks at `condition` for `time`, or until the inbox has something. `true`: it held all the
    /// while.
    fn stays(&self, condition: impl Fn() -> bool, time: Duration) -> bool {
        let start = clock::now();
        loop {
            for _ in 0..16 {
                if !condition() {
                    return false;
                }
                if !self.core.mailbox.is_empty() {
                    return true;
                }
                std::hint::spin_loop();
            }
            if clock::now().duration_since(start) >= time {
                return true;
            }
        }
    }

    /// Takes back what this worker has told the others before its sleep. `true`: it owes a look.
    fn retract(&self, watched: bool) -> bool {
        if watched {
            return self.shared.idle.end_search();
        }
        let called = self.shared.idle.retract(self.index);
        if called {
            self.sleep.watch_until.set(Some(clock::now() + WATCH));
        }
        called
    }

    /// Sleeps until something comes, by the protocol of `SLEEP.md`. `true`: something has come.
    pub(super) fn sleep(&self, wait: Wait) -> bool {
        let alone = self.shared.seats.len() == 1;
        let mut watch = None;
        let mut stood_still = None;
        if !alone {
            if self.spin() {
                self.drain();
                if self.has_work() {
                    self.pass_look_on();
                }
                return true;
            }
            watch = self.watch();
            if watch.is_none() {
                self.shared.idle.announce(self.index);
            }
            if !self.no_stack.has_handed_over() && self.shared.has_stealable(self.index) {
                // This worker searches again in its next turn. If work of its own comes first,
                // another worker is woken to search.
                let _ = self.retract(watch.is_some());
                self.sleep.owes_look.set(true);
                return true;
            }
            // A task that this worker has handed over is left to the other worker, and looked for
            // later.
            self.sleep.owes_look.set(self.no_stack.patience().is_some());
        }
        if self.core.mailbox.announce_sleep() {
            let now = clock::now();
            let timer = self.core.timers.borrow_mut().until_next(now);
            let limit = match wait {
                Wait::Until(at) => Some(at.saturating_duration_since(now)),
                Wait::Yes | Wait::No => None,
            };
            let patience = self.no_stack.patience();
            let timeout = timer.into_iter().chain(limit).chain(patience).chain(watch).min();
            let tidy = if timeout.is_none_or(|t| t > Duration::from_millis(1)) {
                self.tidy_stacks(now)
            } else {
                None
            };
            // The worker may be a thread of the blocking pool, whose call runs a runtime.
            let aside = thread_pool::aside(current::apart);
            self.core.counters.fall_asleep(now);
            let still = if timeout.is_none() { self.until_still() } else { None };
            self.poll(timeout.into_iter().chain(tidy).chain(still).min());
            drop(aside);
            stood_still = still.filter(|&still| clock::now().duration_since(now) >= still);
            // Two tasks that wake each other make each worker sleep for the time of two wakes.
            if !alone
                && !self.core.mailbox.is_empty()
                && clock::now().duration_since(now) < SPIN * 2
            {
                self.sleep.spins.slept_shortly();
            }
        }
        // A drain also clears SLEEPING in the inbox.
        self.drain();
        if !alone && self.retract(watch.is_some()) {
            self.sleep.owes_look.set(true);
        }
        let came = self.expire() | self.has_work();
        if came {
            self.pass_look_on();
        } else if let Some(slept) = stood_still {
            self.look_around_still(slept);
        }
        came
    }

    /// After what time of sleep the worker is to look whether anything can go on. `None`: never.
    fn until_still(&self) -> Option<Duration> {
        if self.shared.deadlocks.is_none() || self.shared.is_closed() {
            return None;
        }
        let has_looked = self.core.picked.get() == self.sleep.looked_after.get();
        // A worker that has never run a task has not looked either, whatever the numbers say.
        Some(if has_looked { self.sleep.looks_after.get().max(STILL) } else { STILL })
    }

    #[cold]
    fn look_around_still(&self, slept: Duration) {
        self.sleep.looked_after.set(self.core.picked.get());
        self.sleep.looks_after.set((slept * 2).min(STILL_MAX));
        if let Some(searches) = self.shared.deadlocks {
            (searches.when_still)(self);
        }
    }

    /// Whether this worker, which is between two tasks, has nothing to do now, or later by itself.
    pub(crate) fn is_still(&self) -> bool {
        let has_timer = self.core.timers.borrow_mut().until_next(clock::now()).is_some();
        !self.has_work()
            && !has_timer
            && self.seat().unstarted() == 0
            && self.no_stack.is_empty()
            && self.refused.is_empty()
            && !self.shared.is_refusing()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::scheduler::{Plan, Searches};

    /// A worker that never had a task looked again and again, without any pause.
    #[test]
    fn a_worker_that_never_ran_a_task_sleeps_before_it_looks() {
        let deadlocks = Some(Searches { when_still: |_| (), when_cyclic: |_| () });
        let seed = Plan { deadlocks, ..Plan::default() }.prepare_local().unwrap();
        let worker = Worker::new(seed).unwrap();
        assert_eq!(worker.until_still(), Some(STILL));
        for times in [2, 4, 8] {
            worker.look_around_still(worker.until_still().unwrap());
            assert_eq!(worker.until_still(), Some(STILL * times));
        }
        worker.core.picked.set(1);
        assert_eq!(worker.until_still(), Some(STILL));
        worker.shared().close();
        worker.run_to_end();
        worker.end();
    }
}
