//! A worker: the loop in which all tasks of a thread run.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_deque::Worker as Deque;

use super::start::WorkerSeed;
use super::{Seat, Shared};
use crate::clock;
use crate::current::{self, Core};
use crate::join;
use crate::limits::{
    BATCH_TASKS, BUDGET, ID_BLOCK, NEXT_STREAK_MAX, OLDEST_EVERY, PLACEMENT_SLACK,
};
use crate::park;
use crate::reactor::Driver;
use crate::stack::{self, AltStack, Fault, SizeClass};
use crate::task::word::Completed;
use crate::task::{Flags, Header, Reason, Run, TaskRef};
use crate::trace;
use crate::unwind::AbortIfPanic;

/// How long a turn may wait for something to happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wait {
    /// Not at all.
    No,
    /// Until something does.
    Yes,
    Until(Instant),
}

/// A worker. It stays on the thread that made it.
pub(crate) struct Worker {
    core: Core,
    driver: Driver,
    shared: Arc<Shared>,
    index: usize,
    /// Unstarted tasks that other workers may take; newest first for this one.
    deque: Deque<TaskRef>,
    /// Unstarted tasks that only this worker may start.
    local: RefCell<VecDeque<TaskRef>>,
    picks: Cell<u32>,
    streak: Cell<u32>,
    /// A stack was asked for and not had, since the last one was given back.
    starved: Cell<bool>,
    /// Of the task that just ended: its link is on its way, and holds the reference.
    link_due: Cell<bool>,
    /// The least loaded worker and its load, as of this turn.
    lightest: Cell<(usize, usize)>,
    ids: Cell<(u64, u64)>,
    cancelling: Cell<bool>,
    reported: RefCell<Vec<&'static std::panic::Location<'static>>>,
    _alt_stack: AltStack,
}

/// What an idle stack does: runs the current task, if there is one.
fn job() -> bool {
    let Some((core, task)) = current::task() else { return false };
    let span = task.meta.as_ref().and_then(|meta| meta.span.as_ref());
    if let Some(span) = span {
        span.with_subscriber(|(id, dispatch)| dispatch.enter(id));
    }
    let abort = AbortIfPanic("ending a task");
    // SAFETY: this worker claimed the task, and its stack runs it once.
    let completed = unsafe { task.execute(task.has(Flags::CANCEL)) };
    if span.is_some() || trace::is_on() {
        // Also what the task entered and forgot.
        drop(trace::take_off());
    }
    let Completed::Done { joiner, link } = completed else { unreachable!("execute ends a task") };
    if joiner {
        // SAFETY: DONE with JOINER, once.
        unsafe { join::wake_joiner(task) };
    }
    let worker = worker_of(core);
    worker.link_due.set(link);
    task.run.set(Run::Done);
    std::mem::forget(abort);
    true
}

fn worker_of(core: &Core) -> &Worker {
    // SAFETY: `Worker::new` sets it, and the worker outlives its core, which it holds.
    unsafe { &*core.worker.get().cast::<Worker>() }
}

/// The worker of this thread.
#[inline(always)]
pub(crate) fn current() -> Option<&'static Worker> {
    let core = current::core()?;
    // SAFETY: as in `worker_of`; the core is current, so its worker runs.
    Some(unsafe { &*core.worker.get().cast::<Worker>() })
}

/// What to report of a fault at this address: whether it lies in the running task's guard.
fn fault(address: usize) -> Option<Fault> {
    let (_, task) = current::task()?;
    // SAFETY: on the thread of the task that runs.
    let stack = unsafe { task.stack() }?;
    if !stack.guard(task.class).contains(&address) {
        return None;
    }
    // SAFETY: the process ends before the task does.
    let name = task.name().map(|name| unsafe { &*std::ptr::from_ref::<str>(name) });
    let at = task.spawned_at;
    Some(Fault { name, id: task.id, file: at.file(), line: at.line(), bytes: task.class.bytes() })
}

/// Prepares the process for stacks.
pub(super) fn prepare_process() {
    stack::install(job, fault);
}

impl Worker {
    /// Makes this thread's worker out of its seed. It is boxed, for its core points back to it.
    pub(crate) fn new(seed: WorkerSeed) -> std::io::Result<Rc<Worker>> {
        prepare_process();
        let WorkerSeed { shared, index, deque } = seed;
        let (driver, notifier) = Driver::new()?;
        let core = Core::new(notifier, shared.id)?;
        let seat = &shared.seats[index];
        seat.set_mailbox(core.mailbox);
        let worker = Rc::new(Worker {
            core,
            driver,
            index,
            deque,
            local: RefCell::default(),
            picks: Cell::new(0),
            streak: Cell::new(0),
            starved: Cell::new(false),
            link_due: Cell::new(false),
            lightest: Cell::new((index, 0)),
            ids: Cell::new((0, 0)),
            cancelling: Cell::new(false),
            reported: RefCell::default(),
            _alt_stack: AltStack::ensure(),
            shared,
        });
        worker.core.worker.set(Rc::as_ptr(&worker).cast());
        worker.driver.attach(&worker.core);
        Ok(worker)
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn seat(&self) -> &Seat {
        &self.shared.seats[self.index]
    }

    /// A new task's number.
    #[inline(always)]
    pub(crate) fn next_id(&self) -> u64 {
        let (next, end) = self.ids.get();
        if next < end {
            self.ids.set((next + 1, end));
            return next;
        }
        let first = super::start::take_ids(ID_BLOCK);
        self.ids.set((first + 1, first + ID_BLOCK));
        first
    }

    /// Queues a new task of this worker's.
    #[inline]
    pub(crate) fn spawn(&self, task: TaskRef) {
        if !task.kind.daemon {
            self.shared.count_spawned(self.seat());
        }
        if task.kind.local {
            self.local.borrow_mut().push_back(task);
            return;
        }
        let (lightest, load) = self.lightest.get();
        if self.core.live_count.get() > 2 * load + PLACEMENT_SLACK && lightest != self.index {
            self.lightest.set((lightest, load + 1));
            self.shared.place_at(&self.shared.seats[lightest], task);
            return;
        }
        self.deque.push(task);
        self.shared.wake_thief();
    }

    /// Makes this the thread's worker, and takes the thread's own spans off until it is left.
    pub(crate) fn enter(&self) -> InWorker<'_> {
        let spans = if trace::is_on() { Some(trace::take_off()) } else { None };
        // SAFETY: the core lives in the worker, which the answer borrows; it is not `Send`.
        let entered = unsafe { current::enter(&self.core) };
        InWorker { entered: Some(entered), spans, _worker: self }
    }

    /// Runs a batch of tasks, then looks at inbox, timers and poll, waiting there as told if there is
    /// nothing to run. `true`: something was done or came.
    ///
    /// The thread is this worker's.
    pub(crate) fn turn(&self, wait: Wait) -> bool {
        let mut ran = false;
        for _ in 0..BATCH_TASKS {
            let Some(task) = self.pick() else { break };
            self.resume(task);
            ran = true;
        }
        if self.core.unwinding.get() > 0 {
            self.release_held_back();
        }
        if !self.core.mailbox.is_empty() {
            self.drain();
            ran = true;
        }
        if self.shared.is_closed() {
            self.cancel_all();
        }
        self.seat().publish_load(self.core.live_count.get());
        if self.shared.seats.len() > 1 {
            self.lightest.set({
                let (load, at) = self.shared.least_loaded();
                (at, load)
            });
        }
        ran |= self.expire();
        if self.has_work() {
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
        if self.refuse_starved() {
            return true;
        }
        if ran || wait == Wait::No {
            self.poll(Some(Duration::ZERO));
            return ran | self.expire() | self.has_work();
        }
        self.sleep(wait)
    }

    /// Whether there is a task to run now.
    fn has_work(&self) -> bool {
        !self.core.next.get().is_null()
            || !self.core.ready.is_empty()
            || (!self.starved.get() && self.has_unstarted())
    }

    fn has_unstarted(&self) -> bool {
        !self.deque.is_empty() || !self.local.borrow().is_empty()
    }

    /// The next task to resume, with its stack.
    #[inline(always)]
    fn pick(&self) -> Option<*const Header> {
        let picks = self.picks.get().wrapping_add(1);
        self.picks.set(picks);
        if picks % OLDEST_EVERY == 0
            && let Some(task) = self.start_oldest()
        {
            return Some(task);
        }
        let next = self.core.next.get();
        if !next.is_null() && (self.streak.get() < NEXT_STREAK_MAX || self.core.ready.is_empty()) {
            self.streak.set(self.streak.get() + 1);
            self.core.next.set(std::ptr::null());
            return Some(next);
        }
        self.streak.set(0);
        if let Some(task) = self.core.ready.pop() {
            return Some(task);
        }
        self.start_newest()
    }

    #[cold]
    fn start_oldest(&self) -> Option<*const Header> {
        let local = self.local.borrow_mut().pop_front();
        let task = local.or_else(|| self.seat().steal_oldest())?;
        self.start(task)
    }

    fn start_newest(&self) -> Option<*const Header> {
        loop {
            if self.starved.get() {
                return None;
            }
            let local = self.local.borrow_mut().pop_front();
            let task = local.or_else(|| self.deque.pop())?;
            if let Some(task) = self.start(task) {
                return Some(task);
            }
        }
    }

    /// Gives an unstarted task a stack and claims it. `None`: another has claimed it, or there is no
    /// stack; then it is queued again.
    #[inline]
    fn start(&self, task: TaskRef) -> Option<*const Header> {
        let class = task.class;
        let Ok(stack) = self.core.stacks.borrow_mut().take(class) else {
            self.starved.set(true);
            self.queue_again(task);
            return None;
        };
        let Some(requests) = task.word.claim(self.core.mailbox.id()) else {
            self.put_stack(stack, class);
            return None;
        };
        let raw = self.core.adopt(task, requests);
        // SAFETY: claimed by this worker just now, so alive, and its fields are this thread's.
        let header = unsafe { &*raw };
        if self.cancelling.get() {
            header.word.mark_cancelled();
            header.set(Flags::CANCEL);
        }
        // SAFETY: as above.
        unsafe { header.give_stack(stack) };
        Some(raw)
    }

    fn queue_again(&self, task: TaskRef) {
        if task.kind.local {
            self.local.borrow_mut().push_front(task);
        } else {
            self.deque.push(task);
        }
    }

    fn put_stack(&self, stack: stack::Stack, class: SizeClass) {
        self.starved.set(false);
        let surplus = self.core.stacks.borrow_mut().put(stack, class);
        if let Some(stack) = surplus {
            // SAFETY: idle, and with no current task the job function returns `false`.
            unsafe { stack.free(class) };
        }
    }

    /// Runs a task until it suspends or ends.
    #[inline(always)]
    fn resume(&self, task: *const Header) {
        // SAFETY: a queued task is alive, and this worker's.
        let header = unsafe { &*task };
        let core = &self.core;
        core.task.set(task);
        core.budget.set(BUDGET);
        header.run.set(Run::Running);
        // SAFETY: this worker's task, suspended; only this thread ever resumed its stack.
        unsafe {
            let stack = header.stack().expect("a started task has a stack");
            stack.resume();
            if stack.is_ended() {
                vanished(header);
            }
        }
        core.task.set(std::ptr::null());
        if header.run.get() == Run::Done {
            self.finish(header);
        }
    }

    /// Lets go of a task that ended.
    #[inline(always)]
    fn finish(&self, task: &Header) {
        self.core.unlink_live(task);
        // SAFETY: this worker's task, and its stack is idle: the job loop has suspended.
        let stack = unsafe { task.take_stack() }.expect("a started task has a stack");
        self.put_stack(stack, task.class);
        if !task.kind.daemon {
            self.shared.count_ended(self.seat());
        }
        if self.link_due.get() {
            // Its link holds the reference now.
            self.core.links_due.set(self.core.links_due.get() + 1);
        } else {
            // SAFETY: the reference that `adopt` took over.
            drop(unsafe { TaskRef::from_raw(task) });
        }
    }

    /// Acts on what others left.
    fn drain(&self) {
        let drained = self.core.mailbox.drain();
        let poked = drained.poked;
        for task in drained {
            // SAFETY: a link in the inbox holds its task.
            let header = unsafe { &*task };
            let requests = header.word.take_requests();
            if requests.is_done() {
                self.core.links_due.set(self.core.links_due.get() - 1);
                // SAFETY: the reference that `finish` left to the link.
                drop(unsafe { TaskRef::from_raw(task) });
                continue;
            }
            if requests.permit() {
                header.set(Flags::PERMIT);
            }
            if requests.cancel() && !header.has(Flags::CANCEL) {
                header.set(Flags::CANCEL);
                park::interrupt_local(&self.core, header);
            }
            let permitted = requests.permit() && header.reason.get() == Reason::Park;
            if requests.wake() || permitted {
                park::enqueue_local(&self.core, header);
            }
        }
        if poked {
            for message in self.core.mailbox.take_messages() {
                message.deliver();
            }
            while let Some(task) = self.seat().take_placed() {
                self.deque.push(task);
            }
        }
    }

    /// Wakes the tasks whose deadlines have passed.
    fn expire(&self) -> bool {
        if self.core.timers.borrow().is_empty() {
            return false;
        }
        let now = clock::now();
        let mut any = false;
        loop {
            let alarm = self.core.timers.borrow_mut().pop_expired(now);
            let Some(alarm) = alarm else { return any };
            any = true;
            // SAFETY: a task takes its timers out before it ends, and boundaries before they close.
            unsafe {
                let task = &*alarm.task;
                match alarm.boundary.as_ref() {
                    None => park::enqueue_local(&self.core, task),
                    Some(boundary) => {
                        boundary.expired.set(true);
                        task.set(Flags::EXPIRED);
                        park::interrupt_local(&self.core, task);
                    }
                }
            }
        }
    }

    fn poll(&self, timeout: Option<Duration>) {
        if let Err(error) = self.driver.turn(&self.core, timeout) {
            eprintln!("gocoro: the poll of a worker fails: {error}; aborting");
            std::process::abort();
        }
        if super::is_forked() {
            eprintln!(
                "gocoro: a forked child would run its parent's tasks a second time; \
                 exec, or exit without returning to the runtime"
            );
            std::process::abort();
        }
    }

    /// Tasks that entered their park while the thread unwound were taken for unwinding. Once it
    /// does not, none of them is: those whose cancel was held back are woken.
    #[cold]
    fn release_held_back(&self) {
        if std::thread::panicking() {
            return;
        }
        self.core.unwinding.set(0);
        for task in self.core.live() {
            if task.has(Flags::UNWINDING) {
                task.clear(Flags::UNWINDING);
                park::interrupt_local(&self.core, task);
            }
        }
    }

    /// Looks for unstarted tasks of other workers.
    fn search(&self) -> bool {
        if self.shared.seats.len() == 1 || self.starved.get() {
            return false;
        }
        self.shared.idle.start_search();
        let found = self.steal();
        let last = self.shared.idle.end_search();
        if !found {
            return false;
        }
        if last {
            // While this one was looking, spawns woke nobody.
            self.shared.wake_thief();
        }
        true
    }

    fn steal(&self) -> bool {
        let Some(task) = self.shared.steal(self.index) else { return false };
        self.deque.push(task);
        true
    }

    /// Tasks for which there is no stack, and nothing to wait for that would give one back soon.
    #[cold]
    fn refuse_starved(&self) -> bool {
        if !self.starved.replace(false) || !self.has_unstarted() {
            return false;
        }
        // Once more: another worker may have given memory back.
        if let Some(task) = self.start_newest() {
            self.core.ready.push(task);
            return true;
        }
        let local = self.local.borrow_mut().pop_front();
        if let Some(task) = local.or_else(|| self.deque.pop()) {
            self.report_refused(&task);
            self.shared.refuse(task);
        }
        true
    }

    fn report_refused(&self, task: &TaskRef) {
        let mut reported = self.reported.borrow_mut();
        if reported.contains(&task.spawned_at) {
            return;
        }
        reported.push(task.spawned_at);
        let why = match stack::Stack::new(task.class) {
            // Had after all: it is kept for the next task.
            Ok(stack) => {
                drop(reported);
                self.put_stack(stack, task.class);
                return;
            }
            Err(error) => error,
        };
        eprintln!(
            "gocoro: no stack of {} bytes can be had for tasks spawned at {}: {why} \
             (guards: {:?}); such tasks are refused",
            task.class.bytes(),
            task.spawned_at,
            stack::guard_kind(),
        );
    }

    /// Waits until something comes. The protocol is in SLEEP.md.
    fn sleep(&self, wait: Wait) -> bool {
        let alone = self.shared.seats.len() == 1;
        if !alone {
            self.shared.idle.announce(self.index);
            // Not counted as a search: a spawn that sees one going on does not look for sleepers.
            if !self.starved.get() && self.steal() {
                self.shared.idle.retract(self.index);
                return true;
            }
        }
        let mut came = true;
        if self.core.mailbox.announce_sleep() {
            let now = clock::now();
            let timer = self.core.timers.borrow_mut().until_next(now);
            let limit = match wait {
                Wait::Until(at) => Some(at.saturating_duration_since(now)),
                Wait::Yes | Wait::No => None,
            };
            let timeout = timer.into_iter().chain(limit).min();
            if timeout.is_none_or(|t| t > Duration::from_millis(1)) {
                self.core.stacks.borrow_mut().trim(TRIM_MOST);
            }
            self.poll(timeout);
            came = self.has_work() || timer.is_some();
        }
        // Also takes the announcement back.
        self.drain();
        if !alone {
            self.shared.idle.retract(self.index);
        }
        came | self.has_work()
    }

    /// Once the runtime is closed: everything that lives here is cancelled.
    fn cancel_all(&self) {
        if self.cancelling.replace(true) {
            return;
        }
        let live: Vec<_> = self.core.live().map(std::ptr::from_ref).collect();
        for task in live {
            // SAFETY: live, and nothing is started or ended here.
            let task = unsafe { &*task };
            task.word.mark_cancelled();
            task.set(Flags::CANCEL);
            park::interrupt_local(&self.core, task);
        }
    }

    /// Whether a closed runtime's worker has nothing left.
    pub(crate) fn is_finished(&self) -> bool {
        self.shared.is_closed()
            && self.core.live_count.get() == 0
            && !self.has_unstarted()
            && self.core.links_due.get() == 0
            && self.core.mailbox.is_empty()
    }

    /// Whether this worker alone has nothing to run and nothing to wait for but the outside.
    pub(crate) fn is_idle(&self) -> bool {
        self.core.live_count.get() == 0 && !self.has_unstarted()
    }

    /// Turns until the closed runtime's worker has nothing left.
    pub(crate) fn run_to_end(&self) {
        while !self.is_finished() {
            self.turn(Wait::Yes);
        }
    }

    /// Ends the worker: its tasks have ended.
    pub(crate) fn end(&self) {
        debug_assert!(self.is_finished());
        while let Some((stack, class)) = { self.core.stacks.borrow_mut().pop_any() } {
            // SAFETY: idle, and with no current task the job function returns `false`.
            unsafe { stack.free(class) };
        }
        self.seat().set_ended();
        self.shared.notify_waiters();
    }
}

/// Idle stacks that give pages back before one sleep.
const TRIM_MOST: usize = 64;

impl Drop for Worker {
    fn drop(&mut self) {
        if self.core.live_count.get() > 0 {
            // Borrowed frames and lent thread-locals must stay, so the thread must not end.
            eprintln!("gocoro: a worker is dropped with started tasks; its thread stays for ever");
            loop {
                crate::parker::Parker::default().park(None);
            }
        }
        self.core.mailbox.release();
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

/// A thread that is a worker's, until this is dropped.
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
            trace::put_back(spans);
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
