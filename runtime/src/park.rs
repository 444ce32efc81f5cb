//! The waist: the one function that suspends a task, and the one that makes it runnable.
//!
//! Everything that waits is written on these. A return from [`park`] is a hint: the caller looks at
//! its own record, and parks again. What a wait must know of cancellation happens here, by the
//! rules on [`crate::task`]'s contract page: nothing is thrown into a task that unwinds. Whether it
//! does is asked of `thread::panicking()`, which answers for the running task: the count of panics
//! leaves the thread with a task that waits while it unwinds (`away`).

use std::ptr::NonNull;
use std::thread;
use std::time::Instant;

use crate::current::{self, Core};
use crate::task::boundary;
use crate::task::{self, Flags, Header, Reason, Run, Target, Unparker, Wake};
use crate::timer::{Alarm, TimerKey};
use crate::trace;

mod away;
mod bounds;
mod spend;
mod throw;

pub(crate) use bounds::{
    checkpoint, innermost, interrupt, io_deadline, is_interrupted_here, is_thrown, next_expiry,
    not_thrown, park_std, scoped, shielded, throw_in_thread, throw_in_thread_or_stay, timeout,
    with_io_deadline, within_value,
};
pub(crate) use spend::{looked, spent, spent_io};

/// Waits until it is woken, or until the deadline, or for no reason.
///
/// In a task it suspends the task, on a plain thread it blocks the thread. Unwinds if the task is
/// cancelled or a boundary of it has expired, unless the task unwinds already, or `reason` is
/// [`Reason::Children`].
#[inline(always)]
pub(crate) fn park(reason: Reason, deadline: Option<Instant>) {
    match current::task() {
        Some((core, task)) => park_task(core, task, reason, deadline),
        None => bounds::park_thread(&current::parker(), reason, deadline, &|| true),
    }
}

/// Who waits, for a waiter's record: this task or this thread.
#[inline(always)]
pub(crate) fn target() -> Target {
    match current::task() {
        Some((_, task)) => Target::Task(task),
        None => Target::Thread(current::parker()),
    }
}

/// What wakes this task or this thread, to be given away.
pub(crate) fn unparker() -> Unparker {
    // SAFETY: this is the waiter, and it runs.
    unsafe { target().unparker() }
}

/// Who waits and what wakes it, for a wait without a record: by [`park_record`].
pub(crate) fn waiter() -> (Target, Unparker) {
    let target = target();
    // SAFETY: this is the waiter, and it runs.
    let unparker = unsafe { target.unparker() };
    (target, unparker)
}

/// As [`park`], for the wait of a record: nothing is thrown once `done` says that it has ended, for a
/// wait either completes or is cancelled.
///
/// By the record's target, since a plain thread needs the same parker for its record and its sleep,
/// also where thread-locals are being destroyed.
#[inline(always)]
pub(crate) fn park_record(
    target: &Target,
    reason: Reason,
    deadline: Option<Instant>,
    done: impl Fn() -> bool,
) {
    park_record_or_leave(target, reason, deadline, &done, || !done());
}

/// As [`park_record`], for a wait whose end cannot be undone: when something is to be thrown,
/// `leave` first takes the wait back, or says with `false` that it has ended after all. So nothing
/// can end it between the decision to throw and the throw.
#[inline(always)]
pub(crate) fn park_record_or_leave(
    target: &Target,
    reason: Reason,
    deadline: Option<Instant>,
    done: impl Fn() -> bool,
    leave: impl Fn() -> bool,
) {
    match target {
        Target::Task(_) => {
            let (core, task) = current::task().expect("a task's record waits in that task");
            park_or_leave(core, task, reason, deadline, done, leave);
        }
        Target::Thread(parker) => bounds::park_thread(parker, reason, deadline, &leave),
    }
}

#[inline(always)]
pub(crate) fn park_task(core: &Core, task: &Header, reason: Reason, deadline: Option<Instant>) {
    park_unless(core, task, reason, deadline, || false);
}

#[inline(always)]
pub(crate) fn park_unless(
    core: &Core,
    task: &Header,
    reason: Reason,
    deadline: Option<Instant>,
    done: impl Fn() -> bool,
) {
    park_or_leave(core, task, reason, deadline, &done, || !done());
}

#[inline(always)]
fn park_or_leave(
    core: &Core,
    task: &Header,
    reason: Reason,
    deadline: Option<Instant>,
    done: impl Fn() -> bool,
    leave: impl Fn() -> bool,
) {
    if task.has(Flags::SLOW) || deadline.is_some() || thread::panicking() {
        return park_slow(core, task, reason, deadline, &done, &leave);
    }
    task.reason.set(reason);
    task.run.set(Run::Parked);
    switch(task);
    if task.has(Flags::SLOW) {
        returned_slow(task, reason, false, &leave);
    }
}

#[cold]
#[inline(never)]
fn park_slow(
    core: &Core,
    task: &Header,
    reason: Reason,
    deadline: Option<Instant>,
    done: &dyn Fn() -> bool,
    leave: &dyn Fn() -> bool,
) {
    if done() {
        return;
    }
    let unwinding = thread::panicking();
    if reason != Reason::Children && spend::spent_by_throw(core, task, unwinding) {
        return returned_slow(task, reason, unwinding, leave);
    }
    throw_or_stay(task, reason, unwinding, leave);
    if task.has(Flags::TOKEN) {
        task.clear(Flags::TOKEN);
        return;
    }
    if unwinding && reason.is_io() && is_interrupted(task) {
        return;
    }
    let _timer = deadline.map(|at| Timer::set(core, at, task));
    task.reason.set(reason);
    task.run.set(Run::Parked);
    switch_with_count(core, task, unwinding);
    returned_slow(task, reason, unwinding, leave);
}

/// The other side of a switch, if anything but a plain wake came.
#[cold]
#[inline(never)]
fn returned_slow(task: &Header, reason: Reason, unwinding: bool, leave: &dyn Fn() -> bool) {
    throw_or_stay(task, reason, unwinding, leave);
    task.clear(Flags::TOKEN);
}

fn throw_pending(task: &Header, reason: Reason, unwinding: bool) {
    throw_or_stay(task, reason, unwinding, &|| true);
}

/// Throws what is pending, if `leave` can take the wait back before.
fn throw_or_stay(task: &Header, reason: Reason, unwinding: bool, leave: &dyn Fn() -> bool) {
    if unwinding || reason == Reason::Children || !task.has(Flags::CANCEL | Flags::EXPIRED) {
        return;
    }
    // SAFETY: on the thread of the task that runs; nothing is closed meanwhile.
    match unsafe { boundary::pending(task.boundary.get(), task.has(Flags::CANCEL)) } {
        Some(throw) => throw::throw_now(Some(task), throw, leave),
        None => bounds::forget_expiry(task),
    }
}

/// Throws what is pending for the running task or thread, unless it unwinds already.
pub(crate) fn throw_if_pending() {
    match current::task() {
        Some((_, task)) => throw_pending(task, Reason::Park, thread::panicking()),
        None => bounds::throw_in_thread(),
    }
}

/// Suspends the running task; its spans go with it.
#[inline(always)]
fn switch(task: &Header) {
    if trace::is_on() {
        switch_with_spans(task);
    } else {
        suspend(task);
    }
}

#[cold]
#[inline(never)]
fn switch_with_spans(task: &Header) {
    let spans = current::off_task(trace::take_off);
    suspend(task);
    current::off_task(|| trace::put_back(&spans));
}

/// Suspends the running task; if it unwinds, the thread's count of panics goes with it.
#[inline(always)]
fn switch_with_count(core: &Core, task: &Header, unwinding: bool) {
    if unwinding {
        away::switch(core, task);
    } else {
        switch(task);
    }
}

#[inline(always)]
fn suspend(task: &Header) {
    let here = std::cell::Cell::new(0u8);
    let here = (&raw const here).addr();
    // SAFETY: on the owner's thread.
    let stack = unsafe { task.stack() }.expect("a task that runs has a stack");
    task.depth.set(stack.depth_of(here));
    // SAFETY: the task runs, on this stack.
    unsafe { stack.suspend(task.class.get(), here) };
}

/// Goes to the end of the queue: all tasks that are in it run first, or start.
///
/// A cancel point.
#[inline(always)]
pub(crate) fn yield_now() {
    match current::task() {
        Some((core, task)) => {
            yields_to_unstarted(core);
            yield_task(core, task);
        }
        None => {
            thread::yield_now();
            bounds::throw_in_thread();
        }
    }
}

/// Has the worker start those first that are to be started now: the running task is about to yield.
#[inline(always)]
fn yields_to_unstarted(core: &Core) {
    if core.unstarted.get() > 0 {
        keep_place(core);
    }
}

#[cold]
#[inline(never)]
fn keep_place(core: &Core) {
    let place = core.ready.end();
    let mut places = core.yielded.borrow_mut();
    if places.last() != Some(&place) {
        places.push(place);
    }
}

#[inline(always)]
fn yield_task(core: &Core, task: &Header) {
    if task.has(Flags::CANCEL | Flags::EXPIRED) || thread::panicking() {
        return yield_slow(core, task);
    }
    task.run.set(Run::Queued);
    core.ready.push(task);
    switch(task);
    if task.has(Flags::CANCEL | Flags::EXPIRED) {
        throw_pending(task, Reason::Park, false);
    }
}

#[cold]
#[inline(never)]
fn yield_slow(core: &Core, task: &Header) {
    let unwinding = thread::panicking();
    spend::spent_by_throw(core, task, unwinding);
    throw_pending(task, Reason::Park, unwinding);
    task.run.set(Run::Queued);
    core.ready.push(task);
    switch_with_count(core, task, unwinding);
    throw_pending(task, Reason::Park, unwinding);
}

/// Whether a cancel or an expiry is pending for the task, and no shield hides it.
pub(crate) fn is_interrupted(task: &Header) -> bool {
    task.has(Flags::CANCEL | Flags::EXPIRED)
        // SAFETY: on the owner's thread; nothing is closed meanwhile.
        && unsafe { boundary::is_pending(task.boundary.get(), task.has(Flags::CANCEL)) }
}

/// The current task unwinds and has a cancel or an expiry pending: I/O returns an error where it
/// would wait.
pub(crate) fn refuses_io() -> bool {
    thread::panicking() && current::task().is_some_and(|(_, task)| is_interrupted(task))
}

/// A timer of the running task, taken out when this is dropped.
struct Timer<'a> {
    core: &'a Core,
    key: TimerKey,
}

impl Timer<'_> {
    fn set<'a>(core: &'a Core, at: Instant, task: &Header) -> Timer<'a> {
        let alarm = Alarm { task: NonNull::from(task), boundary: std::ptr::null() };
        let key = core.timers.borrow_mut().insert(at, alarm);
        Timer { core, key }
    }
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        self.core.timers.borrow_mut().remove(self.key);
    }
}

impl Unparker {
    /// Makes whoever waits runnable; a wake of one that does not wait yet is kept for it.
    pub(crate) fn unpark(&self) {
        match self {
            Unparker::Task(task) => unpark(task),
            Unparker::Thread(parker) => parker.unpark(),
        }
    }
}

impl Wake {
    /// Makes whoever waits runnable: a task of this worker runs next.
    #[inline]
    pub(crate) fn give(self) {
        match self {
            Wake::Local(task) => {
                let core = current::core().expect("a local wake is given on its worker");
                // SAFETY: given before the next switch, until when the task cannot end.
                unpark_local(core, unsafe { &*task });
            }
            Wake::Other(unparker) => unparker.unpark(),
        }
    }

    /// As [`Wake::give`], but a task of this worker runs after those that are queued.
    pub(crate) fn give_later(self, core: &Core) {
        match self {
            // SAFETY: as in `give`.
            Wake::Local(task) => enqueue_local(core, unsafe { &*task }),
            Wake::Other(unparker) => unparker.unpark(),
        }
    }
}

/// Wakes a task, from wherever this is.
#[inline]
fn unpark(task: &task::TaskRef) {
    match current::core() {
        Some(core) if task.word.is_owned_by(core.mailbox.id()) => unpark_local(core, task),
        _ => task::push_if_asked(task, task.word.ask_wake()),
    }
}

/// Wakes a task of this worker: it runs next.
#[inline(always)]
pub(crate) fn unpark_local(core: &Core, task: &Header) {
    match task.run.get() {
        Run::Parked => {
            task.run.set(Run::Queued);
            let before = core.next.replace(task);
            if !before.is_null() {
                core.ready.push(before);
            }
        }
        Run::Running => task.set(Flags::TOKEN),
        Run::Queued | Run::Done => {}
    }
}

/// Wakes a task of this worker, behind those that are queued: for the worker itself.
pub(crate) fn enqueue_local(core: &Core, task: &Header) {
    if task.run.get() == Run::Parked {
        task.run.set(Run::Queued);
        core.ready.push(task);
    } else {
        unpark_local(core, task);
    }
}

/// Gives a task of this worker the public token: it is woken if that is what it waits for.
#[inline(always)]
pub(crate) fn permit_local(core: &Core, task: &Header) {
    task.set(Flags::PERMIT);
    if task.run.get() == Run::Parked && task.reason.get() == Reason::Park {
        unpark_local(core, task);
    }
}

/// Acts on a cancel or an expiry that was just marked on a task of this worker: wakes it unless it
/// must not be thrown to now.
pub(crate) fn interrupt_local(core: &Core, task: &Header) {
    if task.run.get() != Run::Parked || !is_interrupted(task) {
        return;
    }
    let unwinding = task.has(Flags::UNWINDING);
    if !unwinding || task.reason.get().is_io() {
        enqueue_local(core, task);
    }
}
