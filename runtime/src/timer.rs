//! Deadlines of one worker's tasks.
//!
//! A slab of live timers and a heap of their deadlines. Taking a timer out empties its slab entry and
//! leaves the heap's, which is skipped when its time comes, or swept when such entries outnumber
//! the live ones: both ends cost a constant, and nothing is kept until a deadline that no longer
//! matters.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use dary_heap::QuaternaryHeap;
use slab::Slab;

use crate::clock;
use crate::task::Header;
use crate::task::boundary::Boundary;

/// Stale heap entries that are never worth sweeping.
const STALE_MIN: usize = 64;

/// What a deadline concerns: a task's wait, or one of its boundaries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Alarm {
    pub(crate) task: *const Header,
    /// Null for a wait.
    pub(crate) boundary: *const Boundary,
}

/// A timer that was set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TimerKey {
    slot: u32,
    turn: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Entry {
    /// Nanoseconds after the base.
    at: u64,
    slot: u32,
    /// Tells this use of the slot from others.
    turn: u32,
}

/// The timers of a worker.
#[derive(Debug)]
pub(crate) struct Timers {
    base: Instant,
    live: Slab<(u32, Alarm)>,
    heap: QuaternaryHeap<Reverse<Entry>>,
    turn: u32,
}

impl Timers {
    pub(crate) fn new() -> Timers {
        Timers { base: clock::now(), live: Slab::new(), heap: QuaternaryHeap::new(), turn: 0 }
    }

    fn nanos(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.base).as_nanos()).unwrap_or(u64::MAX)
    }

    /// Sets a timer.
    pub(crate) fn insert(&mut self, at: Instant, alarm: Alarm) -> TimerKey {
        self.turn = self.turn.wrapping_add(1);
        let slot = self.live.insert((self.turn, alarm)) as u32;
        let entry = Entry { at: self.nanos(at), slot, turn: self.turn };
        self.heap.push(Reverse(entry));
        TimerKey { slot, turn: self.turn }
    }

    /// Takes a timer out. Nothing happens if it has gone off.
    pub(crate) fn remove(&mut self, key: TimerKey) {
        let slot = key.slot as usize;
        if self.live.get(slot).is_some_and(|&(turn, _)| turn == key.turn) {
            self.live.remove(slot);
            if self.heap.len() > STALE_MIN + 2 * self.live.len() {
                self.sweep();
            }
        }
    }

    fn sweep(&mut self) {
        let live = &self.live;
        self.heap.retain(|Reverse(entry)| is_live(live, entry));
    }

    /// How long until the earliest deadline, from `now`; zero if it has passed.
    pub(crate) fn until_next(&mut self, now: Instant) -> Option<Duration> {
        while let Some(Reverse(entry)) = self.heap.peek() {
            if is_live(&self.live, entry) {
                return Some(Duration::from_nanos(entry.at.saturating_sub(self.nanos(now))));
            }
            self.heap.pop();
        }
        None
    }

    /// Whether there is nothing to look at: cheaper than a clock read.
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// How many timers are set.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    /// Takes one timer whose time has come.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<Alarm> {
        let now = self.nanos(now);
        loop {
            let Reverse(entry) = self.heap.peek()?;
            let entry = *entry;
            if !is_live(&self.live, &entry) {
                self.heap.pop();
                continue;
            }
            if entry.at > now {
                return None;
            }
            self.heap.pop();
            return Some(self.live.remove(entry.slot as usize).1);
        }
    }
}

fn is_live(live: &Slab<(u32, Alarm)>, entry: &Entry) -> bool {
    live.get(entry.slot as usize).is_some_and(|&(turn, _)| turn == entry.turn)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn alarm(n: usize) -> Alarm {
        Alarm { task: std::ptr::without_provenance(n * 8), boundary: std::ptr::null() }
    }

    #[test]
    fn goes_off_in_order_of_deadlines() {
        let mut timers = Timers::new();
        let now = timers.base;
        for n in [3, 1, 2] {
            timers.insert(now + Duration::from_millis(n), alarm(n as usize));
        }
        assert_eq!(timers.until_next(now), Some(Duration::from_millis(1)));
        assert_eq!(timers.pop_expired(now), None);
        let late = now + Duration::from_secs(1);
        for n in 1..=3 {
            assert_eq!(timers.pop_expired(late), Some(alarm(n)));
        }
        assert_eq!(timers.pop_expired(late), None);
        assert_eq!(timers.until_next(late), None);
    }

    #[test]
    fn removed_timers_leave_nothing() {
        let mut timers = Timers::new();
        let far = timers.base + Duration::from_secs(3600);
        let kept = timers.insert(far, alarm(1));
        for _ in 0..100_000 {
            let key = timers.insert(far, alarm(2));
            timers.remove(key);
        }
        assert_eq!(timers.len(), 1);
        assert!(timers.heap.len() <= STALE_MIN + 3, "stale entries: {}", timers.heap.len());
        timers.remove(kept);
        timers.remove(kept);
        assert_eq!(timers.len(), 0);
    }

    #[test]
    fn an_old_key_does_not_touch_a_slots_next_user() {
        let mut timers = Timers::new();
        let at = timers.base;
        let old = timers.insert(at, alarm(1));
        assert_eq!(timers.pop_expired(at), Some(alarm(1)));
        timers.insert(at, alarm(2));
        timers.remove(old);
        assert_eq!(timers.pop_expired(at), Some(alarm(2)));
    }
}
