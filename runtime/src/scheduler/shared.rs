//! What the workers of one runtime share, and what other threads may reach of it.

use std::fmt;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, fence};
use std::sync::{Arc, OnceLock};

use crossbeam_deque::{Injector, Steal, Stealer, Worker as Deque};
use crossbeam_utils::CachePadded;

use super::idle::Idle;
use super::pulse::Pulse;
use super::quiet::{Counts, Quiet};
use super::registry;
use super::{OnPanic, Plan, Searches};
use crate::counters;
use crate::recorder::Recorder;
use crate::stack::SizeClass;
use crate::task::TaskRef;
use crate::task::mailbox::Mailbox;

/// The runtime refuses new tasks, and its workers end.
const CLOSED: u8 = 1 << 0;

/// The runtime's workers record what they do.
const RECORDS: u8 = 1 << 1;

/// What any thread may reach of one runtime.
pub(crate) struct Shared {
    /// The runtime's number in this process.
    pub(crate) id: u32,
    pub(crate) seats: Box<[CachePadded<Seat>]>,
    pub(crate) idle: Idle,
    pub(crate) class: SizeClass,
    /// What is so of the runtime, as bits: [`CLOSED`] and [`RECORDS`].
    is: AtomicU8,
    pub(super) quiet: Quiet,
    /// How many closures of refused tasks the blocking pool has still to drop.
    pub(super) refusing: AtomicUsize,
    /// Tasks that were spawned by threads that are no workers of the runtime.
    pub(crate) spawned_elsewhere: AtomicU64,
    /// Tasks that were refused when no worker had them.
    pub(crate) refused_elsewhere: AtomicU64,
    /// What the program does when a panic is lost.
    pub(super) on_panic: OnPanic,
    /// How deadlocks are searched for, if they are.
    pub(super) deadlocks: Option<Searches>,
    /// Whether this is one of gocoro's own runtimes, which is left out of what is said of the
    /// program.
    pub(super) is_internal: bool,
    /// Whether a lost panic has ended the program.
    pub(super) failed: AtomicBool,
}

/// A worker's place in its runtime: what other threads may reach of the worker.
pub(crate) struct Seat {
    mailbox: OnceLock<&'static Mailbox>,
    pub(super) recorder: Option<Arc<Recorder>>,
    /// The worker's unstarted tasks, oldest first, as thieves see them.
    stealer: Stealer<TaskRef>,
    /// Unstarted tasks that others have given to this worker.
    placed: Injector<TaskRef>,
    /// How many started, unfinished tasks the worker had at the end of its last turn.
    live: AtomicUsize,
    pub(super) counts: Counts,
    pub(crate) counters: Arc<counters::Own>,
    pub(crate) pulse: Pulse,
    /// Whether the worker has ended all its tasks and is gone.
    ended: AtomicBool,
    /// Whether the worker has tasks that it cannot end: see [`Shared::note_stays`].
    stays: AtomicBool,
}

impl Shared {
    /// What a runtime that is made by `plan` shares.
    pub(crate) fn new(
        workers: usize,
        class: SizeClass,
        recorded: usize,
        plan: &Plan,
    ) -> (Arc<Shared>, Vec<Deque<TaskRef>>) {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let deques: Vec<_> = (0..workers).map(|_| Deque::new_lifo()).collect();
        let id = NEXT.fetch_add(1, Relaxed);
        let seats = deques.iter().enumerate().map(|(worker, deque)| {
            CachePadded::new(Seat {
                mailbox: OnceLock::new(),
                recorder: (recorded > 0).then(|| Recorder::new(id, worker, recorded)),
                stealer: deque.stealer(),
                placed: Injector::new(),
                live: AtomicUsize::new(0),
                counts: Counts::default(),
                counters: Arc::default(),
                pulse: Pulse::new(),
                ended: AtomicBool::new(false),
                stays: AtomicBool::new(false),
            })
        });
        let shared = Shared {
            id,
            seats: seats.collect(),
            idle: Idle::new(workers),
            class,
            is: AtomicU8::new(if recorded > 0 { RECORDS } else { 0 }),
            quiet: Quiet::new(),
            refusing: AtomicUsize::new(0),
            spawned_elsewhere: AtomicU64::new(0),
            refused_elsewhere: AtomicU64::new(0),
            on_panic: plan.on_panic,
            deadlocks: plan.deadlocks,
            is_internal: plan.is_internal,
            failed: AtomicBool::new(false),
        };
        let shared = Arc::new(shared);
        if !shared.is_internal {
            registry::enter(&shared);
        }
        (shared, deques)
    }

    #[inline(always)]
    pub(crate) fn is_closed(&self) -> bool {
        self.is.load(Acquire) & CLOSED != 0
    }

    /// Whether a spawn has more to do than to queue its task: the runtime is closed, or records.
    #[inline(always)]
    pub(super) fn is_special(&self) -> bool {
        self.is.load(Acquire) != 0
    }

    /// Closes the runtime: it refuses new tasks, and its workers cancel theirs and end.
    pub(crate) fn close(self: &Arc<Self>) {
        self.is.fetch_or(CLOSED, SeqCst);
        self.poke_all();
    }

    pub(crate) fn poke_all(&self) {
        self.seats.iter().for_each(|seat| seat.poke());
    }

    /// Gives an unstarted task to the worker with the fewest tasks, from a thread that is no worker
    /// of this runtime.
    pub(crate) fn place(self: &Arc<Self>, task: TaskRef) {
        self.spawned_elsewhere.fetch_add(1, Relaxed);
        self.count_foreign(&task);
        let seat = self.seats.iter().min_by_key(|seat| seat.load());
        self.place_at(seat.expect("a runtime has a worker"), task);
    }

    /// Gives an unstarted task, which is counted as spawned already, to the worker at `seat`.
    pub(crate) fn place_at(self: &Arc<Self>, seat: &Seat, task: TaskRef) {
        seat.placed.push(task);
        fence(SeqCst);
        if self.is_closed() {
            // The worker may be gone already, or end without having seen this task: see `SLEEP.md`,
            // Closing.
            self.refuse_placed();
        }
        seat.poke();
        self.wake_thief();
    }

    /// Wakes a sleeping worker to look for unstarted tasks, unless another worker is looking
    /// already.
    #[inline]
    pub(crate) fn wake_thief(&self) {
        if self.seats.len() > 1 {
            self.wake_thief_slow();
        }
    }

    fn wake_thief_slow(&self) {
        if let Some(worker) = self.idle.wake_one() {
            self.seats[worker].poke();
        }
    }

    /// Whether every worker has ended, and the closures of all refused tasks are gone.
    pub(crate) fn all_ended(&self) -> bool {
        // A worker's end is read first, then the refused tasks: what a worker leaves to the
        // blocking pool is counted before the worker ends.
        self.seats.iter().all(|seat| seat.ended.load(Acquire)) && !self.is_refusing()
    }

    /// Whether every worker but the first has ended.
    pub(crate) fn others_ended(&self) -> bool {
        self.seats[1..].iter().all(|seat| seat.ended.load(Acquire))
    }

    /// Notes that the worker at `seat`, of this closed runtime, has started tasks that nothing can
    /// unwind, since panics abort.
    pub(crate) fn note_stays(&self, seat: &Seat) {
        if !seat.stays.swap(true, AcqRel) {
            self.notify_waiters();
        }
    }

    /// Whether a worker is known to have tasks that nothing can unwind.
    pub(crate) fn some_stay(&self) -> bool {
        self.seats.iter().any(|seat| seat.stays.load(Acquire))
    }

    /// Steals an unstarted task for the worker `thief`, from a worker that has at least `least`.
    /// The thief's neighbour is tried first, so that thieves don't all go to the same worker.
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

    /// The load of the least loaded worker, and its index.
    pub(crate) fn least_loaded(&self) -> (usize, usize) {
        let loads = self.seats.iter().enumerate().map(|(at, seat)| (seat.load(), at));
        loads.min().unwrap_or((0, 0))
    }
}

impl Seat {
    /// How many unstarted tasks other threads may see here.
    pub(crate) fn unstarted(&self) -> usize {
        self.stealer.len() + self.placed.len()
    }

    /// Makes the worker look around once. A worker that is not there yet looks when it comes.
    pub(super) fn poke(&self) {
        if let Some(mailbox) = self.mailbox.get() {
            mailbox.poke();
        }
    }

    fn load(&self) -> usize {
        self.live.load(Relaxed) + self.unstarted()
    }

    pub(crate) fn publish_load(&self, live: usize) {
        // The store is left out if nothing changes, since the other workers read this cache line
        // all the time.
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
        if self.unstarted() < least {
            return None;
        }
        settle(|| self.stealer.steal()).or_else(|| settle(|| self.placed.steal()))
    }

    /// Takes the worker's oldest unstarted task, for the worker itself.
    pub(crate) fn steal_oldest(&self) -> Option<TaskRef> {
        settle(|| self.stealer.steal())
    }

    /// Whether others have given tasks to this worker. Once the runtime is closed the answer is
    /// exact: the fence pairs with that of [`Shared::place_at`], so a task that is not seen here is
    /// refused there.
    pub(crate) fn has_placed(&self) -> bool {
        fence(SeqCst);
        !self.placed.is_empty()
    }

    /// Takes an unstarted task that others have given to this worker.
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
