//! What the workers of one runtime share.

use std::fmt;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, fence};
use std::sync::{Arc, OnceLock};

use crossbeam_deque::{Injector, Steal, Stealer, Worker as Deque};
use crossbeam_utils::CachePadded;

use super::OnPanic;
use super::idle::Idle;
use crate::lock::Lock;
use crate::stack::SizeClass;
use crate::task::mailbox::Mailbox;
use crate::task::{TaskRef, Unparker};

/// One runtime's common part.
pub(crate) struct Shared {
    /// Tells runtimes apart.
    pub(crate) id: u32,
    pub(crate) seats: Box<[CachePadded<Seat>]>,
    pub(crate) idle: Idle,
    pub(crate) class: SizeClass,
    closed: AtomicBool,
    /// Somebody waits for quiet.
    watched: AtomicBool,
    waiters: Lock<Waiters>,
    /// Closures of refused tasks that the blocking pool has still to drop.
    pub(super) refusing: AtomicUsize,
    /// Tasks spawned from outside the workers.
    foreign: CachePadded<Counts>,
    /// Tasks that panicked.
    pub(crate) panics: AtomicU64,
    /// What the program does when a panic is lost.
    pub(super) on_panic: OnPanic,
    /// A panic ended the program.
    pub(super) failed: AtomicBool,
}

/// Those who wait for quiet, or for the workers' end, by their numbers.
#[derive(Debug, Default)]
struct Waiters {
    next: u64,
    waiting: Vec<(u64, Unparker)>,
}

/// The entry of one of them; it is taken out when this is dropped.
#[derive(Debug)]
pub(crate) struct Watching<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        let mut waiters = self.shared.waiters.lock();
        waiters.waiting.retain(|&(number, _)| number != self.number);
    }
}

/// Tasks that the program waits for; each field grows only, by its one writer (the foreign ones by
/// read-modify-write).
#[derive(Debug, Default)]
struct Counts {
    spawned: AtomicUsize,
    ended: AtomicUsize,
}

/// A worker's place.
pub(crate) struct Seat {
    mailbox: OnceLock<&'static Mailbox>,
    /// The unstarted tasks of the worker, for thieves: oldest first.
    stealer: Stealer<TaskRef>,
    /// Unstarted tasks that others gave it.
    placed: Injector<TaskRef>,
    /// Live tasks, as of its last turn.
    live: AtomicUsize,
    counts: Counts,
    /// The worker has ended all its tasks and is gone.
    ended: AtomicBool,
    /// It has some that it cannot end: see [`Shared::note_stays`].
    stays: AtomicBool,
}

impl Shared {
    pub(crate) fn new(
        workers: usize,
        class: SizeClass,
        on_panic: OnPanic,
    ) -> (Arc<Shared>, Vec<Deque<TaskRef>>) {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let deques: Vec<_> = (0..workers).map(|_| Deque::new_lifo()).collect();
        let seats = deques.iter().map(|deque| {
            CachePadded::new(Seat {
                mailbox: OnceLock::new(),
                stealer: deque.stealer(),
                placed: Injector::new(),
                live: AtomicUsize::new(0),
                counts: Counts::default(),
                ended: AtomicBool::new(false),
                stays: AtomicBool::new(false),
            })
        });
        let shared = Shared {
            id: NEXT.fetch_add(1, Relaxed),
            seats: seats.collect(),
            idle: Idle::new(workers),
            class,
            closed: AtomicBool::new(false),
            watched: AtomicBool::new(false),
            waiters: Lock::new(Waiters::default()),
            refusing: AtomicUsize::new(0),
            foreign: CachePadded::default(),
            panics: AtomicU64::new(0),
            on_panic,
            failed: AtomicBool::new(false),
        };
        (Arc::new(shared), deques)
    }

    #[inline(always)]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Acquire)
    }

    /// Refuses new tasks and makes the workers cancel what they have, and end.
    pub(crate) fn close(self: &Arc<Self>) {
        self.closed.store(true, SeqCst);
        self.poke_all();
    }

    pub(crate) fn poke_all(&self) {
        for mailbox in self.seats.iter().filter_map(|seat| seat.mailbox.get()) {
            mailbox.poke();
        }
    }

    /// Counts a task spawned by no worker.
    fn count_foreign(&self, task: &TaskRef) {
        if !task.kind.daemon {
            self.foreign.spawned.fetch_add(1, AcqRel);
        }
    }

    /// Counts a task ended by no worker: after what it did.
    pub(super) fn count_foreign_ended(&self) {
        self.foreign.ended.fetch_add(1, AcqRel);
        // Not by way of the flag: a thread of the pool is not poked by who sets it.
        self.check_quiet_slow();
    }

    /// Gives an unstarted task to the worker with the fewest tasks, from outside.
    pub(crate) fn place(self: &Arc<Self>, task: TaskRef) {
        self.count_foreign(&task);
        let seat = self.seats.iter().min_by_key(|seat| seat.load());
        self.place_at(seat.expect("a runtime has a worker"), task);
    }

    /// Gives an unstarted, counted task to a worker.
    pub(crate) fn place_at(self: &Arc<Self>, seat: &Seat, task: TaskRef) {
        seat.placed.push(task);
        fence(SeqCst);
        if self.is_closed() {
            // The worker may be gone already, or this task is the one it did not see.
            self.refuse_placed();
        }
        if let Some(mailbox) = seat.mailbox.get() {
            mailbox.poke();
        }
        self.wake_thief();
    }

    /// Wakes a worker to look for unstarted tasks, if one sleeps and none is looking.
    #[inline]
    pub(crate) fn wake_thief(&self) {
        if self.seats.len() > 1 {
            self.wake_thief_slow();
        }
    }

    fn wake_thief_slow(&self) {
        if let Some(worker) = self.idle.wake_one()
            && let Some(mailbox) = self.seats[worker].mailbox.get()
        {
            mailbox.poke();
        }
    }

    /// Counts a task spawned by this seat's worker.
    #[inline(always)]
    pub(crate) fn count_spawned(&self, seat: &Seat) {
        let spawned = &seat.counts.spawned;
        spawned.store(spawned.load(Relaxed) + 1, Release);
    }

    /// Counts a task ended by this seat's worker.
    #[inline(always)]
    pub(crate) fn count_ended(&self, seat: &Seat) {
        let ended = &seat.counts.ended;
        ended.store(ended.load(Relaxed) + 1, Release);
    }

    /// Whether every task that the program waits for has ended, and so nothing but the outside can
    /// make another.
    pub(crate) fn is_quiet(&self) -> bool {
        fence(SeqCst);
        // The ended ones first: a task counted there was counted as spawned before, so equal sums
        // mean that at the time between the two readings nothing was alive.
        let counts = || self.seats.iter().map(|seat| &seat.counts).chain([&*self.foreign]);
        let ended: usize = counts().map(|c| c.ended.load(Acquire)).fold(0, usize::wrapping_add);
        let spawned: usize = counts().map(|c| c.spawned.load(Acquire)).fold(0, usize::wrapping_add);
        ended == spawned
    }

    /// As [`Shared::watch`], and has the waiter woken, as long as it keeps the answer.
    pub(crate) fn watch_for(&self, waiter: Unparker) -> Watching<'_> {
        let number = {
            let mut waiters = self.waiters.lock();
            waiters.next += 1;
            let number = waiters.next;
            waiters.waiting.push((number, waiter));
            number
        };
        self.watch();
        Watching { shared: self, number }
    }

    /// Has the workers look for quiet, until it is quiet. Whoever waits looks itself after this.
    pub(crate) fn watch(&self) {
        // Workers that run look at the end of their turn; those that sleep are woken to look once.
        if !self.watched.swap(true, SeqCst) {
            self.poke_all();
        }
    }

    /// By each worker once a turn: tells those who wait, if it is quiet.
    #[inline(always)]
    pub(crate) fn check_quiet(&self) {
        if self.watched.load(Relaxed) {
            self.check_quiet_slow();
        }
    }

    #[cold]
    fn check_quiet_slow(&self) {
        if self.is_quiet() && self.watched.swap(false, SeqCst) {
            self.notify_waiters();
        }
    }

    /// Wakes those who wait for quiet, or for the workers' end: they look for themselves.
    pub(crate) fn notify_waiters(&self) {
        let waiters = std::mem::take(&mut self.waiters.lock().waiting);
        for (_, waiter) in waiters {
            waiter.unpark();
        }
        // The main thread waits as worker 0.
        if let Some(mailbox) = self.seats[0].mailbox.get() {
            mailbox.poke();
        }
    }

    /// Whether every worker has ended, and what they refused is gone.
    pub(crate) fn all_ended(&self) -> bool {
        // In this order: a worker counts what it refuses before it ends.
        self.seats.iter().all(|seat| seat.ended.load(Acquire)) && !self.is_refusing()
    }

    /// Whether every worker but the first has ended.
    pub(crate) fn others_ended(&self) -> bool {
        self.seats[1..].iter().all(|seat| seat.ended.load(Acquire))
    }

    /// Of a closed runtime, where panics abort: the worker has tasks that have started, and nothing unwinds
    /// them.
    pub(crate) fn note_stays(&self, seat: &Seat) {
        if !seat.stays.swap(true, AcqRel) {
            self.notify_waiters();
        }
    }

    /// Whether a worker is known to stay.
    pub(crate) fn some_stay(&self) -> bool {
        self.seats.iter().any(|seat| seat.stays.load(Acquire))
    }

    /// Steals an unstarted task for worker `thief` from one that has at least so many; starts with its
    /// neighbour.
    pub(crate) fn steal(&self, thief: usize, least: usize) -> Option<TaskRef> {
        self.others(thief).find_map(|seat| seat.steal(least))
    }

    /// Whether another worker has an unstarted task.
    pub(crate) fn has_stealable(&self, thief: usize) -> bool {
        self.others(thief).any(|seat| !seat.stealer.is_empty() || !seat.placed.is_empty())
    }

    fn others(&self, thief: usize) -> impl Iterator<Item = &Seat> {
        let count = self.seats.len();
        (1..count).map(move |step| &*self.seats[(thief + step) % count])
    }

    /// The worker with the fewest live tasks.
    pub(crate) fn least_loaded(&self) -> (usize, usize) {
        let loads = self.seats.iter().enumerate().map(|(at, seat)| (seat.load(), at));
        loads.min().unwrap_or((0, 0))
    }
}

impl Seat {
    fn load(&self) -> usize {
        self.live.load(Relaxed) + self.stealer.len() + self.placed.len()
    }

    pub(crate) fn publish_load(&self, live: usize) {
        // Others read it all the time.
        if self.live.load(Relaxed) != live {
            self.live.store(live, Relaxed);
        }
    }

    pub(crate) fn set_mailbox(&self, mailbox: &'static Mailbox) {
        let _ = self.mailbox.set(mailbox);
    }

    pub(crate) fn set_ended(&self) {
        self.ended.store(true, Release);
    }

    fn steal(&self, least: usize) -> Option<TaskRef> {
        if self.stealer.len() + self.placed.len() < least {
            return None;
        }
        settle(|| self.stealer.steal()).or_else(|| settle(|| self.placed.steal()))
    }

    /// The worker's own oldest unstarted task.
    pub(crate) fn steal_oldest(&self) -> Option<TaskRef> {
        settle(|| self.stealer.steal())
    }

    /// Whether others gave it anything. Exact once the runtime is closed: the fence pairs with that of
    /// `Shared::place_at`, so what is not seen here is refused there.
    pub(crate) fn has_placed(&self) -> bool {
        fence(SeqCst);
        !self.placed.is_empty()
    }

    /// What others gave to this worker.
    pub(crate) fn take_placed(&self) -> Option<TaskRef> {
        settle(|| self.placed.steal())
    }
}

fn settle(mut steal: impl FnMut() -> Steal<TaskRef>) -> Option<TaskRef> {
    loop {
        match steal() {
            Steal::Success(task) => return Some(task),
            Steal::Empty => return None,
            Steal::Retry => {}
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("workers", &self.seats.len())
            .field("closed", &self.is_closed())
            .field("live", &self.seats.iter().map(|s| s.load()).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::limits::STACK_BYTES_DEFAULT;
    use crate::park;

    /// Each wait for a runtime's end that ran out of time left its waiter behind.
    #[test]
    fn who_stops_waiting_is_forgotten() {
        let class = SizeClass::holding(STACK_BYTES_DEFAULT).unwrap();
        let (shared, _) = Shared::new(1, class, OnPanic::Report);
        let watching = shared.watch_for(park::unparker());
        drop(shared.watch_for(park::unparker()));
        assert_eq!(shared.waiters.lock().waiting.len(), 1);
        shared.notify_waiters();
        drop(shared.watch_for(park::unparker()));
        drop(watching);
        assert!(shared.waiters.lock().waiting.is_empty());
    }
}
