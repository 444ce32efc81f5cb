//! A worker: the loop that resumes all tasks of a thread.

use std::cell::Cell;
use std::fmt;
use std::mem::offset_of;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ids::Ids;
use super::lifetimes::Lifetimes;
use super::no_stack::NoStack;
use super::oldest::OldestFirst;
use super::owed::Owed;
use super::pick::Picks;
use super::refuse::Refused;
use super::sleep::Sleep;
use super::start::WorkerSeed;
use super::unstarted::Unstarted;
use super::{Seat, Shared};
use crate::clock::{self, Coarse};
use crate::current::{self, Core};
use crate::limits::{BUDGET, PLACEMENT_SLACK};
use crate::reactor::Driver;
use crate::recorder::{By, What};
use crate::stack::{AltStack, Pool};
use crate::task::{Flags, Header, Reason, Run, TaskRef};
use crate::trace;
use crate::{unwind, wake};

/// How long a turn of a worker with nothing to run may wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wait {
    /// Not at all.
    No,
    /// Until something happens.
    Yes,
    /// Until something happens, or until this time.
    Until(Instant),
}

/// A worker. It stays on the thread that made it.
pub(crate) struct Worker {
    pub(super) core: Core,
    driver: Driver,
    pub(super) shared: Arc<Shared>,
    pub(super) index: usize,
    /// The worker's seat in `shared`.
    seat: NonNull<Seat>,
    pub(super) unstarted: Unstarted,
    pub(super) oldest_first: OldestFirst,
    pub(super) owed: Owed,
    pub(super) picks: Picks,
    pub(super) no_stack: NoStack,
    pub(super) refused: Refused,
    pub(super) sleep: Sleep,
    /// Whether the runtime is closed and this worker's tasks have been cancelled. A task that
    /// starts after that is cancelled from its start.
    pub(super) cancelling: Cell<bool>,
    /// The index of the least loaded worker and its load, as this worker saw them in its last turn,
    /// plus what it has placed there since.
    lightest: Cell<(usize, usize)>,
    lifetimes: Lifetimes,
    ids: Ids,
    _alt_stack: Rc<AltStack>,
}

/// The worker that this core is a part of.
#[inline(always)]
pub(crate) fn worker_of(core: &Core) -> &Worker {
    // SAFETY: `Worker::new` stores the worker's own address in the core, which the worker owns: so
    // the worker lives as long as the borrow of the core.
    unsafe { &*core.worker.get().cast::<Worker>() }
}

/// The worker of this thread.
#[inline(always)]
pub(crate) fn current_worker() -> Option<&'static Worker> {
    current::core().map(worker_of)
}

impl Worker {
    /// Where the parts lie, for other processes.
    pub(super) const FIELDS: &[(&str, u64)] = &[("worker.index", offset_of!(Worker, index) as u64)];

    /// Makes this thread's worker out of its seed. The worker is boxed, since its core points back
    /// to it.
    pub(crate) fn new(seed: WorkerSeed) -> std::io::Result<Rc<Worker>> {
        let WorkerSeed { shared, index, deque, warm_stacks } = seed;
        // The pool is made before all else, so that what a switch touches of this thread lies
        // together in memory.
        let stacks = Pool::new()?;
        let (driver, notifier) = Driver::new()?;
        let seat = &shared.seats[index];
        let counters = seat.counters.clone();
        let (home, is_internal) = (shared.id, shared.is_internal);
        let recorder = seat.recorder.clone();
        let attend = super::alone::attend;
        let core = Core::new(notifier, home, counters, recorder, attend, stacks, is_internal)?;
        let warmed = core.stacks.borrow_mut().warm(shared.class, warm_stacks);
        let reserve = match warmed.and_then(|()| core.stacks.borrow_mut().make(shared.class)) {
            Ok(stack) => stack,
            Err(error) => {
                super::stop::free_stacks(&core);
                core.mailbox.release();
                return Err(error);
            }
        };
        core.when_cyclic.set(shared.deadlocks.map(|searches| searches.when_cyclic));
        seat.set_mailbox(core.mailbox);
        let worker = Rc::new(Worker {
            core,
            driver,
            index,
            seat: NonNull::from(&**seat),
            unstarted: Unstarted::new(deque, shared.seats.len() == 1),
            oldest_first: OldestFirst::new(),
            owed: Owed::default(),
            picks: Picks::default(),
            no_stack: NoStack::default(),
            refused: Refused::new(reserve),
            sleep: Sleep::default(),
            cancelling: Cell::new(false),
            lightest: Cell::new((index, 0)),
            lifetimes: Lifetimes::new(clock::now()),
            ids: Ids::default(),
            _alt_stack: AltStack::ensure(),
            shared,
        });
        super::alone::say_if_alone(&worker.core);
        worker.core.worker.set(Rc::as_ptr(&worker).cast());
        worker.driver.attach(&worker.core);
        if !is_internal {
            super::table::show(&worker.core);
            worker.start_pulse();
        }
        Ok(worker)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The part of the worker that the layers below the scheduler see.
    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    /// The worker's number among those of its runtime.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    #[inline(always)]
    pub(super) fn seat(&self) -> &Seat {
        // SAFETY: `Worker::new` stored the address of a seat in `shared`, which the worker owns a
        // part of, and which never drops or moves a seat.
        unsafe { self.seat.as_ref() }
    }

    /// The number of a new task.
    #[inline(always)]
    pub(crate) fn next_id(&self) -> u64 {
        self.ids.next()
    }

    /// Queues a new task that this worker's thread spawns. If the runtime is closed, the task is
    /// refused.
    #[inline(never)]
    pub(crate) fn spawn(&self, task: TaskRef) {
        self.core.spawned.set(self.core.spawned.get() + 1);
        if !task.kind.daemon {
            self.shared.count_spawned(self.seat());
        }
        if self.shared.is_special() {
            self.core.record(What::Spawned, task.id);
            if self.shared.is_closed() {
                return self.refuse(task);
            }
        }
        if task.kind.local || self.unstarted.is_alone() {
            return self.unstarted.push(&self.core, task);
        }
        self.spawn_among(task);
    }

    /// Queues a new task that other workers may start too, here or at another one.
    #[inline(never)]
    fn spawn_among(&self, task: TaskRef) {
        let (lightest, load) = self.lightest.get();
        let live = self.core.live_count.get();
        if live > 2 * load + PLACEMENT_SLACK && lightest != self.index && !self.is_passing(live) {
            self.lightest.set((lightest, load + 1));
            self.shared.place_at(&self.shared.seats[lightest], task);
            return;
        }
        self.unstarted.push(&self.core, task);
        self.shared.wake_thief();
    }

    /// Whether the worker's tasks live too short for it to pay that another worker is woken for
    /// one.
    #[cold]
    fn is_passing(&self, live: usize) -> bool {
        self.lifetimes.are_short(clock::now(), live, self.core.ended.get())
    }

    /// Makes this worker the thread's current one, until the answer is dropped. Meanwhile the
    /// thread's own spans are left, and so is its count of panics, if it is unwinding.
    pub(crate) fn enter(&self) -> InWorker<'_> {
        let spans = trace::is_on().then(|| current::off_task(trace::take_off));
        // SAFETY: the core lives in the worker, which the answer borrows, and the answer stays on
        // this thread, since it is not `Send`.
        let entered = unsafe { current::enter(&self.core) };
        InWorker { entered: Some(entered), spans, _worker: self }
    }

    /// Runs a batch of tasks, then looks at inbox, timers and poll. If there is nothing to run,
    /// waits there as `wait` says. `true`: something was done, or has come.
    ///
    /// Called on the worker's thread, while the answer of [`Worker::enter`] lives.
    pub(crate) fn turn(&self, wait: Wait) -> bool {
        let mut ran = false;
        super::check_not_forked();
        if self.shared.is_closed() {
            // Tasks are cancelled before any is picked, so that no unstarted one runs its closure.
            self.cancel_all();
        }
        self.core.turned.set(Coarse::now());
        let pace = &self.core.pace;
        pace.begin();
        // What followed the last sleep counts as sleep up to here, so that the clock need not be
        // looked at twice.
        self.core.counters.wake_up(|| pace.begun().unwrap_or_else(clock::now));
        self.core.time_queue();
        if self.is_watched() {
            ran = self.run_watched();
        } else {
            loop {
                let Some(task) = self.pick() else {
                    self.core.picked.set(self.core.picked.get().wrapping_sub(1));
                    pace.pause();
                    break;
                };
                self.resume(task);
                super::check_not_forked();
                ran = true;
                if !pace.goes_on() {
                    break;
                }
            }
        }
        if !self.core.mailbox.is_empty() {
            self.drain();
            ran = true;
        }
        if self.shared.is_closed() {
            self.cancel_all();
            self.take_placed();
            if cfg!(panic = "abort") && self.has_live() {
                self.shared.note_stays(self.seat());
            }
        }
        self.core.counters.turns.count();
        self.show();
        self.seat().publish_load(self.core.live_count.get());
        if self.shared.seats.len() > 1 {
            self.lightest.set({
                let (load, at) = self.shared.least_loaded();
                (at, load)
            });
        }
        ran |= self.expire();
        if !self.refused.is_empty() {
            self.start_refused();
        }
        if !self.no_stack.is_empty() {
            self.serve_waiting();
        }
        if self.has_work() {
            self.pass_look_on();
            self.tidy_a_bit();
            if self.driver.len() > 0 {
                self.poll(Some(Duration::ZERO));
            }
            self.shared.check_quiet();
            return true;
        }
        if self.search() {
            return true;
        }
        self.shared.check_quiet();
        if self.refuse_one_waiting() {
            return true;
        }
        if ran {
            // A task that ran may have done what the caller waits for, so the caller looks before
            // any sleep.
            return true;
        }
        if wait == Wait::No {
            self.poll(Some(Duration::ZERO));
            return self.expire() | self.has_work();
        }
        self.sleep(wait)
    }

    /// Shows what this worker counts to whoever looks from outside.
    pub(crate) fn show(&self) {
        self.core.show(self.unstarted.own(&self.core), self.driver.len());
    }

    /// Whether there is a task to run now.
    pub(super) fn has_work(&self) -> bool {
        !self.core.next.get().is_null()
            || !self.core.ready.is_empty()
            || !self.unstarted.is_empty(&self.core)
    }

    /// Runs a task until it suspends or ends, and lets go of it if it has ended.
    #[inline(always)]
    fn resume(&self, task: *const Header) {
        // SAFETY: a picked task is alive, and belongs to this worker.
        let header = unsafe { &*task };
        self.switch_to(header);
        if header.run.get() == Run::Done {
            self.finish(header);
        }
    }

    /// Runs a task of this worker, which was picked, until it suspends or ends.
    #[inline(always)]
    pub(super) fn switch_to(&self, header: &Header) {
        let core = &self.core;
        core.task.set(header);
        core.budget.set(BUDGET);
        header.run.set(Run::Running);
        // SAFETY: `header` is this worker's, and suspended, and only this thread has ever resumed
        // its stack.
        unsafe {
            let stack = header.stack().expect("a started task has a stack");
            stack.resume();
            if stack.is_ended() {
                vanished(header);
            }
        }
        // After the switch and not before it, where the store costs a nanosecond: the next task is
        // to find no mark of what this one was thrown, and has kept.
        unwind::not_thrown();
        core.task.set(std::ptr::null());
    }

    /// Lets go of a task that has ended.
    #[inline(always)]
    pub(super) fn finish(&self, task: &Header) {
        self.core.unlink_live(task);
        // SAFETY: `task` is this worker's, and its stack is idle: the job loop has suspended after
        // the end.
        let stack = unsafe { task.take_stack() }.expect("a started task has a stack");
        if task.own_stack.get() {
            self.look_at_stack(task, &stack);
        }
        if task.has(Flags::REFUSED) {
            self.put_stack_of_refused(stack);
        } else {
            self.put_stack(stack, task.class.get());
        }
        if !task.kind.daemon {
            self.shared.count_ended(self.seat());
        }
        // SAFETY: `Core::adopt` put the worker's reference to the task into this pointer, and a
        // task is finished once.
        unsafe { TaskRef::from_raw(task) }.release(task.is_alone_here());
    }

    /// Acts on what other threads have left in the mailbox.
    pub(super) fn drain(&self) {
        let mark = self.mark();
        let drained = self.core.mailbox.drain();
        let poked = drained.poked;
        for task in drained {
            // SAFETY: a link in the inbox keeps its task alive.
            let header = unsafe { &*task };
            let requests = header.word.take_requests();
            if requests.is_done() {
                self.core.links_due.set(self.core.links_due.get() - 1);
                // SAFETY: a link of a DONE task holds the reference that `job` retained for it, and
                // is drained once.
                drop(unsafe { TaskRef::from_raw(task) });
                continue;
            }
            let waits = header.run.get() == Run::Parked;
            if requests.permit() {
                header.set(Flags::PERMIT);
            }
            if requests.cancel() && !header.has(Flags::CANCEL) {
                header.set(Flags::CANCEL);
                wake::interrupt(&self.core, header);
            }
            if requests.expired() {
                wake::expire(&self.core, header);
            }
            let permitted = requests.permit() && header.reason.get() == Reason::Park;
            if requests.poll() {
                header.set(Flags::POLL);
            }
            let polled = requests.poll() && header.reason.get() == Reason::Future;
            if requests.wake() || permitted || polled {
                wake::queue_last(&self.core, header);
            }
            if waits && header.run.get() != Run::Parked {
                self.core.counters.woken_from_afar.count();
            }
        }
        self.record_woken(mark, By::Thread);
        if poked {
            for message in self.core.mailbox.take_messages() {
                message.deliver();
            }
            self.take_placed();
        }
    }

    fn take_placed(&self) {
        while let Some(task) = self.seat().take_placed() {
            self.unstarted.push(&self.core, task);
        }
    }

    pub(super) fn poll(&self, timeout: Option<Duration>) {
        let mark = self.mark_poll(timeout);
        if let Err(error) = self.driver.turn(&self.core, timeout) {
            eprintln!("gocoro: the poll of a worker fails: {error}; aborting");
            std::process::abort();
        }
        self.record_poll(mark, timeout);
        super::check_not_forked();
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("index", &self.index)
            .field("live", &self.core.live_count.get())
            .field("ready", &self.core.ready.len())
            .finish_non_exhaustive()
    }
}

/// Keeps a worker current on its thread until this is dropped.
#[derive(Debug)]
pub(crate) struct InWorker<'a> {
    entered: Option<current::Entered>,
    spans: Option<trace::Taken>,
    _worker: &'a Worker,
}

impl Drop for InWorker<'_> {
    fn drop(&mut self) {
        self.entered = None;
        if let Some(spans) = &self.spans {
            current::off_task(|| trace::put_back(spans));
        }
    }
}

#[cold]
fn vanished(task: &Header) -> ! {
    eprintln!(
        "gocoro: the stack of {} ended behind the runtime's back; aborting",
        crate::task::Naming(task)
    );
    std::process::abort();
}
