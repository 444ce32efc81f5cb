//! The timers of one worker's tasks.
//!
//! There is a slab of live timers and a heap of their deadlines. Taking a timer out empties its
//! slab slot and leaves its heap entry. Such a stale entry is skipped when its deadline comes, or
//! swept when stale entries outnumber the live ones. So setting a timer and taking it out are
//! cheap, and no entry is kept until a far deadline that no longer matters.

use std::cmp::Reverse;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use dary_heap::QuaternaryHeap;
use slab::Slab;

use crate::boundary::Boundary;
use crate::clock;
use crate::task::Header;

/// How many stale heap entries are never worth a sweep.
const STALE_MIN: usize = 64;

/// Whom a timer goes off for: a task's wait, or one of the task's boundaries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Alarm {
    pub(crate) task: NonNull<Header>,
    /// The boundary that expires; null: the timer is for the task's wait.
    pub(crate) boundary: *const Boundary<'static>,
}

/// Names a timer that was set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TimerKey {
    slot: u32,
    /// Tells this use of the slot from all its other uses.
    turn: u64,
}

/// A timer that is set.
#[derive(Clone, Copy, Debug)]
struct Live {
    turn: u64,
    /// The deadline, in nanoseconds after [`Timers::base`].
    at: u64,
    task: NonNull<Header>,
    boundary: *const Boundary<'static>,
}

// `task` is never null, so the slab can mark an empty slot there and needs no more room.
const _: () = assert!(size_of::<Option<Live>>() == 32);

/// A heap entry, ordered by deadline. It is stale if the slot is empty or has another use.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Entry {
    at: u64,
    slot: u32,
    /// The low half of the turn of the slot's use. A stale entry may match a later use of its slot
    /// in this and in the deadline. Then it stands for the later use, whose timer goes off on time
    /// all the same.
    turn: u32,
}

const _: () = assert!(size_of::<Entry>() == 16);

/// The timers of a worker.
#[derive(Debug)]
pub(crate) struct Timers {
    base: Instant,
    live: Slab<Live>,
    heap: QuaternaryHeap<Reverse<Entry>>,
    turn: u64,
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
        self.turn += 1;
        let (turn, at) = (self.turn, self.nanos(at));
        let slot = self.live.insert(Live { turn, at, task: alarm.task, boundary: alarm.boundary });
        let slot = slot as u32;
        self.heap.push(Reverse(Entry { at, slot, turn: turn as u32 }));
        TimerKey { slot, turn }
    }

    /// Takes a timer out. Nothing happens if the timer has gone off already.
    pub(crate) fn remove(&mut self, key: TimerKey) {
        let slot = key.slot as usize;
        if self.live.get(slot).is_some_and(|live| live.turn == key.turn) {
            self.live.remove(slot);
            if self.heap.len() > STALE_MIN + 2 * self.live.len() {
                self.sweep();
            }
        }
    }

    /// Removes the stale entries from the heap.
    fn sweep(&mut self) {
        let live = &self.live;
        self.heap.retain(|Reverse(entry)| is_live(live, entry));
    }

    /// How long it is from `now` until the earliest deadline; zero if that has passed.
    pub(crate) fn until_next(&mut self, now: Instant) -> Option<Duration> {
        while let Some(Reverse(entry)) = self.heap.peek() {
            if is_live(&self.live, entry) {
                return Some(Duration::from_nanos(entry.at.saturating_sub(self.nanos(now))));
            }
            self.heap.pop();
        }
        None
    }

    /// Whether the heap is empty, so that no timer can go off. Cheaper than reading the clock.
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// How many timers are set.
    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    /// Takes out one timer whose deadline has passed, if there is one.
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
            let Live { task, boundary, .. } = self.live.remove(entry.slot as usize);
            return Some(Alarm { task, boundary });
        }
    }
}

fn is_live(live: &Slab<Live>, entry: &Entry) -> bool {
    live.get(entry.slot as usize)
        .is_some_and(|live| live.turn as u32 == entry.turn && live.at == entry.at)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn alarm(n: usize) -> Alarm {
        let task = NonNull::new(std::ptr::without_provenance_mut(n * 8)).unwrap();
        Alarm { task, boundary: std::ptr::null() }
    }

    /// When as many timers were set as 32 bits count, a key of the slot's old use must not match.
    #[test]
    fn a_key_is_old_for_ever() {
        let mut timers = Timers::new();
        let (soon, late) = (timers.base, timers.base + Duration::from_secs(1));
        let old = timers.insert(late, alarm(1));
        timers.remove(old);
        timers.turn += u64::from(u32::MAX);
        let key = timers.insert(late + Duration::from_secs(1), alarm(2));
        assert_eq!((key.slot, key.turn as u32), (old.slot, old.turn as u32));
        timers.remove(old);
        assert_eq!(timers.len(), 1);
        assert_eq!(timers.pop_expired(soon), None);
        assert_eq!(timers.pop_expired(late), None);
        assert_eq!(timers.pop_expired(late + Duration::from_secs(1)), Some(alarm(2)));
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
