//! Quiet: no task that the program waits for is alive, so only the outside can make another.
//!
//! Who counts which tasks, and why equal sums mean quiet, is in `SLEEP.md`.

use std::mem::offset_of;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicUsize, fence};
use std::time::Instant;

use crossbeam_utils::CachePadded;

use super::{Seat, Shared};
use crate::task::{Described, Legible, Plain, Reason, TaskRef, Words};
use crate::waiters::Queue;

/// Who waits for quiet, and the counts of tasks that no worker counts.
pub(super) struct Quiet {
    /// Whether somebody waits for quiet.
    watched: AtomicBool,
    /// Those who wait for quiet or for the workers' end.
    waiters: Queue<()>,
    /// Tasks spawned or ended by threads that are no workers of the runtime.
    foreign: CachePadded<Counts>,
}

impl Quiet {
    pub(super) fn new() -> Quiet {
        Quiet {
            watched: AtomicBool::new(false),
            waiters: Queue::new(),
            foreign: CachePadded::default(),
        }
    }
}

/// Counts of the tasks that the program waits for. They only grow. A seat's counts are written by
/// its worker alone, the foreign ones by read-modify-write.
#[derive(Debug, Default)]
pub(super) struct Counts {
    spawned: AtomicUsize,
    ended: AtomicUsize,
}

impl Shared {
    /// Counts a task that was spawned by no worker.
    pub(super) fn count_foreign(&self, task: &TaskRef) {
        if !task.kind.daemon {
            self.quiet.foreign.spawned.fetch_add(1, AcqRel);
        }
    }

    /// Counts a task that was ended by no worker, after all effects of its end.
    pub(super) fn count_foreign_ended(&self) {
        self.quiet.foreign.ended.fetch_add(1, AcqRel);
        // The flag `watched` does not matter here: whoever sets it pokes the workers, and this
        // thread is none.
        self.check_quiet_slow();
    }

    /// Counts a task that this seat's worker spawned.
    #[inline(always)]
    pub(crate) fn count_spawned(&self, seat: &Seat) {
        let spawned = &seat.counts.spawned;
        spawned.store(spawned.load(Relaxed) + 1, Release);
    }

    /// Counts a task that this seat's worker has ended.
    #[inline(always)]
    pub(crate) fn count_ended(&self, seat: &Seat) {
        let ended = &seat.counts.ended;
        ended.store(ended.load(Relaxed) + 1, Release);
    }

    /// Whether every task that the program waits for has ended, so that only the outside can make
    /// another.
    pub(crate) fn is_quiet(&self) -> bool {
        fence(SeqCst);
        // The ended tasks are read first. A task counted as ended was counted as spawned before, so
        // equal sums mean that no task was alive between the two readings.
        let counts = || self.seats.iter().map(|seat| &seat.counts).chain([&*self.quiet.foreign]);
        let ended: usize = counts().map(|c| c.ended.load(Acquire)).fold(0, usize::wrapping_add);
        let spawned: usize = counts().map(|c| c.spawned.load(Acquire)).fold(0, usize::wrapping_add);
        ended == spawned
    }

    /// Waits until `done`, which is about quiet or the workers' end. `false`: the deadline came
    /// first.
    pub(crate) fn wait_until(
        &self,
        reason: Reason,
        deadline: Option<Instant>,
        done: impl Fn(&Shared) -> bool,
    ) -> bool {
        // Who has just come into the queue looks once more. All are woken if it is done by then,
        // this one among them.
        let look = || {
            self.watch();
            if done(self) {
                self.notify_waiters();
            }
        };
        let mut late = false;
        while !done(self) {
            if late {
                return false;
            }
            let queue = self.quiet.waiters.lock();
            let wanted = reason.on(self);
            let woken = self.quiet.waiters.wait_with(queue, (), wanted, deadline, look, |_| ());
            late = woken.is_none();
        }
        true
    }

    /// Makes the workers look for quiet until it is found. Whoever waits looks itself after this
    /// call.
    pub(crate) fn watch(&self) {
        // A running worker looks at the end of its turn. A sleeping one is woken to look once.
        if !self.quiet.watched.swap(true, SeqCst) {
            self.poke_all();
        }
    }

    /// Wakes those who wait for quiet, if it is quiet. Each worker calls this once a turn.
    #[inline(always)]
    pub(crate) fn check_quiet(&self) {
        if self.quiet.watched.load(Relaxed) {
            self.check_quiet_slow();
        }
    }

    #[cold]
    fn check_quiet_slow(&self) {
        if self.is_quiet() && self.quiet.watched.swap(false, SeqCst) {
            self.notify_waiters();
        }
    }

    /// Wakes those who wait for quiet or for the workers' end. They look for themselves.
    pub(crate) fn notify_waiters(&self) {
        let wakes = self.quiet.waiters.lock().claim_all(|()| ());
        wakes.give();
        // The main thread waits as worker 0, and is not in the list.
        self.seats[0].poke();
    }
}

impl Legible for Shared {
    const PLAIN: Plain =
        Plain::of("the ends of the tasks of runtime").number(offset_of!(Shared, id));
}

impl Described for Shared {
    fn in_words(&self, _: Reason, words: &mut Words) {
        words.say(format_args!("the ends of the tasks of runtime {}", self.id));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;

    use super::*;
    use crate::clock;
    use crate::limits::STACK_BYTES_DEFAULT;
    use crate::scheduler::Plan;
    use crate::stack::SizeClass;

    fn shared() -> Arc<Shared> {
        let class = SizeClass::holding(STACK_BYTES_DEFAULT).unwrap();
        Shared::new(1, class, 0, &Plan::default()).0
    }

    #[test]
    fn who_stops_waiting_is_forgotten() {
        let shared = shared();
        assert!(!shared.wait_until(Reason::Join, Some(clock::now()), |_| false));
        assert!(shared.quiet.waiters.lock().is_empty());
    }

    /// What is done between the first look and the wait, with nobody there to tell of it, is seen.
    #[test]
    fn who_begins_to_wait_looks_again() {
        let shared = shared();
        let looks = Cell::new(0);
        assert!(shared.wait_until(Reason::Join, None, |_| looks.replace(looks.get() + 1) > 0));
        assert!(shared.quiet.waiters.lock().is_empty());
    }
}
