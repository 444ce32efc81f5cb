//! Quiet: no task that the program waits for is alive, so only the outside can make another.
//!
//! Who counts which tasks, and why equal sums mean quiet, is in `SLEEP.md`.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicUsize, fence};

use crossbeam_utils::CachePadded;

use super::{Seat, Shared};
use crate::lock::Lock;
use crate::task::{TaskRef, Unparker};

/// Who waits for quiet, and the counts of tasks that no worker counts.
pub(super) struct Quiet {
    /// Whether somebody waits for quiet.
    watched: AtomicBool,
    waiters: Lock<Waiters>,
    /// Tasks spawned or ended by threads that are no workers of the runtime.
    foreign: CachePadded<Counts>,
}

impl Quiet {
    pub(super) fn new() -> Quiet {
        Quiet {
            watched: AtomicBool::new(false),
            waiters: Lock::new(Waiters::default()),
            foreign: CachePadded::default(),
        }
    }
}

/// Those who wait for quiet or for the workers' end. Each has a number, by which its entry is
/// found.
#[derive(Debug, Default)]
struct Waiters {
    next: u64,
    waiting: Vec<(u64, Unparker)>,
}

/// The entry of one who waits. Dropping it takes the entry out.
#[derive(Debug)]
pub(crate) struct Watching<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        let entry = {
            let waiting = &mut self.shared.quiet.waiters.lock().waiting;
            let at = waiting.iter().position(|&(number, _)| number == self.number);
            at.map(|at| waiting.remove(at))
        };
        drop(entry);
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

    /// Has `waiter` woken when it is quiet or the workers have ended, as long as the answer is
    /// kept.
    pub(crate) fn watch_for(&self, waiter: Unparker) -> Watching<'_> {
        let number = {
            let mut waiters = self.quiet.waiters.lock();
            waiters.next += 1;
            let number = waiters.next;
            waiters.waiting.push((number, waiter));
            number
        };
        self.watch();
        Watching { shared: self, number }
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
        let waiters = std::mem::take(&mut self.quiet.waiters.lock().waiting);
        for (_, waiter) in waiters {
            waiter.unpark();
        }
        // The main thread waits as worker 0, and is not in the list.
        self.seats[0].poke();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::limits::STACK_BYTES_DEFAULT;
    use crate::park;
    use crate::scheduler::OnPanic;
    use crate::stack::SizeClass;

    /// A wait for a runtime's end that runs out of time takes its entry back.
    #[test]
    fn who_stops_waiting_is_forgotten() {
        let class = SizeClass::holding(STACK_BYTES_DEFAULT).unwrap();
        let (shared, _) = Shared::new(1, class, OnPanic::Report);
        let watching = shared.watch_for(park::unparker());
        drop(shared.watch_for(park::unparker()));
        assert_eq!(shared.quiet.waiters.lock().waiting.len(), 1);
        shared.notify_waiters();
        drop(shared.watch_for(park::unparker()));
        drop(watching);
        assert!(shared.quiet.waiters.lock().waiting.is_empty());
    }
}
