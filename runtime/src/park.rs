//! The waist: the one function that waits, on tasks and plain threads alike.
//!
//! Everything that waits is written on [`park`], and everything that ends a wait on
//! [`crate::wake`]. A return from [`park`] is a hint: the caller looks at its own record, and parks
//! again. What a wait must know of cancellation happens here, by the rules on [`crate::task`]'s
//! contract page: nothing is thrown into a task that unwinds. Whether it does is asked of
//! `thread::panicking()`, which answers for the running task: the count of panics leaves the thread
//! with a task that waits while it unwinds (`away`).

use std::ptr::NonNull;
use std::thread;
use std::time::Instant;

use crate::boundary::{Boundary, Waits};
use crate::clock;
use crate::current::{self, Core};
use crate::parker::Parker;
use crate::task::{Flags, Header, Reason, Run, Target, Unparker};
use crate::timer::{Alarm, TimerKey};
use crate::trace;
use crate::unwind::Throw;

mod away;
mod spend;

pub(crate) use spend::{checkpoint, looked, spent, spent_io};

/// Why a wait goes on in its caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "the caller's record, or the deadline, has ended the wait, or it goes on"]
pub(crate) enum Woken {
    /// Something woke it, perhaps for nothing: the caller's record tells.
    Perhaps,
    /// The deadline has passed, and the wait was taken back.
    TimedOut,
    /// A wait for I/O of a task that unwinds with a cancel or an expiry pending: it is not to wait.
    Refused,
}

/// What became of a wait that was to be taken back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Left {
    /// It was, and nothing can end it any more.
    Withdrawn,
    /// It had ended before: the caller's record says how.
    Ended,
}

impl Left {
    /// `withdrawn`: the wait was taken back before anything ended it.
    #[inline(always)]
    pub(crate) fn if_withdrawn(withdrawn: bool) -> Left {
        if withdrawn { Left::Withdrawn } else { Left::Ended }
    }
}

/// Waits until it is woken, or until the deadline, or for no reason.
///
/// `who` is the running task, which is suspended, or this plain thread, which is blocked. It is the
/// one that the wait's record names: a plain thread needs the same parker for its record and its
/// sleep, also where thread-locals are being destroyed.
///
/// Unwinds if the task is cancelled or a boundary around the wait has run out, unless the task
/// unwinds already or `reason` is [`Reason::Children`]. A wait completes or is cut short, never
/// both: so before anything is thrown, and before [`Woken::TimedOut`] is returned, `leave` takes
/// the wait back, or says that it has ended after all.
///
/// It does not look at the record before it switches: see the rule in [`crate::waiters`].
#[inline(always)]
pub(crate) fn park(
    who: &Target,
    reason: Reason,
    deadline: Option<Instant>,
    leave: impl Fn() -> Left,
) -> Woken {
    match who {
        Target::Task(_) => {
            let (core, task) = current::task().expect("a task's record waits in that task");
            park_task(core, task, reason, deadline, leave)
        }
        Target::Thread(parker) => park_thread(parker, reason, deadline, &leave),
    }
}

/// As [`park`], for a wait without a record: there is nothing to take back.
#[inline(always)]
pub(crate) fn pause(reason: Reason, deadline: Option<Instant>) -> Woken {
    let leave = || Left::Withdrawn;
    match current::task() {
        Some((core, task)) => park_task(core, task, reason, deadline, leave),
        None => park_thread(&current::parker(), reason, deadline, &leave),
    }
}

#[inline(always)]
fn park_task(
    core: &Core,
    task: &Header,
    reason: Reason,
    deadline: Option<Instant>,
    leave: impl Fn() -> Left,
) -> Woken {
    if task.has(Flags::SLOW) || deadline.is_some() || thread::panicking() {
        return park_slow(core, task, reason, deadline, &leave);
    }
    task.reason.set(reason);
    task.run.set(Run::Parked);
    switch(task);
    if task.has(Flags::SLOW) {
        woken_slow(task, reason, false, &leave);
    }
    Woken::Perhaps
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

#[cold]
#[inline(never)]
fn park_slow(
    core: &Core,
    task: &Header,
    reason: Reason,
    deadline: Option<Instant>,
    leave: &dyn Fn() -> Left,
) -> Woken {
    let unwinding = thread::panicking();
    if reason != Reason::Children && spend::spent_by_throw(core, task, unwinding) {
        // A wake that came on the way through the queue was not kept.
        woken_slow(task, reason, unwinding, leave);
        return Woken::Perhaps;
    }
    throw_if_due(task, reason, unwinding, leave);
    if task.has(Flags::TOKEN) {
        task.clear(Flags::TOKEN);
        return Woken::Perhaps;
    }
    let is_refused = || unwinding && reason.is_io() && task.is_interrupted();
    if !is_refused() {
        let _timer = deadline.map(|at| Timer::set(core, at, task, None));
        task.reason.set(reason);
        task.run.set(Run::Parked);
        switch_with_unwinding(core, task, unwinding);
        woken_slow(task, reason, unwinding, leave);
    }
    if is_refused() && leave() == Left::Withdrawn {
        return Woken::Refused;
    }
    timed_out(deadline, leave)
}

/// The other side of a switch, if anything but a plain wake came.
#[cold]
#[inline(never)]
fn woken_slow(task: &Header, reason: Reason, unwinding: bool, leave: &dyn Fn() -> Left) {
    throw_if_due(task, reason, unwinding, leave);
    task.clear(Flags::TOKEN);
}

fn timed_out(deadline: Option<Instant>, leave: &dyn Fn() -> Left) -> Woken {
    match deadline {
        Some(at) if clock::now() >= at && leave() == Left::Withdrawn => Woken::TimedOut,
        _ => Woken::Perhaps,
    }
}

/// Throws what is due at a wait of the running task.
fn throw_if_due(task: &Header, reason: Reason, unwinding: bool, leave: &dyn Fn() -> Left) {
    if unwinding || reason == Reason::Children || !task.has(Flags::CANCEL | Flags::EXPIRED) {
        return;
    }
    throw(&task.waits, task.has(Flags::CANCEL), leave);
    if !task.waits.any_has_run_out() {
        task.clear(Flags::EXPIRED);
    }
}

/// Throws what is due at a wait inside these boundaries, if `leave` can take the wait back before.
fn throw(waits: &Waits, cancelled: bool, leave: &dyn Fn() -> Left) {
    // Where panics abort, a cancel is only a flag, and no wait is left for it.
    if cfg!(panic = "unwind")
        && let Some(destination) = waits.due(cancelled)
        && leave() == Left::Withdrawn
    {
        Throw::raise(destination);
    }
}

/// Throws what is due at the running task or thread, unless it unwinds already.
pub(crate) fn throw_now() {
    let leave = || Left::Withdrawn;
    match current::task() {
        Some((_, task)) => throw_if_due(task, Reason::Park, thread::panicking(), &leave),
        None => throw_in_thread(&leave),
    }
}

/// Throws what is due at this plain thread, which no timer tells that a boundary has run out.
fn throw_in_thread(leave: &dyn Fn() -> Left) {
    let waits = current::thread_waits();
    if !waits.are_free() && !thread::panicking() {
        waits.expire(clock::now());
        throw(waits, false, leave);
    }
}

fn park_thread(
    parker: &Parker,
    reason: Reason,
    deadline: Option<Instant>,
    leave: &dyn Fn() -> Left,
) -> Woken {
    if reason == Reason::Children {
        parker.park(deadline);
        return timed_out(deadline, leave);
    }
    park_thread_by(deadline, leave, |until| parker.park(until))
}

/// Blocks this plain thread by `sleep`, which is told until when, as [`park`] suspends a task.
pub(crate) fn park_thread_by(
    deadline: Option<Instant>,
    leave: &dyn Fn() -> Left,
    sleep: impl FnOnce(Option<Instant>),
) -> Woken {
    throw_in_thread(leave);
    // A boundary may run out between the look above and the sleep, which then ends at once: the
    // look after it finds that.
    sleep(deadline.into_iter().chain(next_expiry()).min());
    throw_in_thread(leave);
    timed_out(deadline, leave)
}

/// When a wait of this plain thread that begins now has to end; a task is woken by its timers.
pub(crate) fn next_expiry() -> Option<Instant> {
    // A thread that unwinds is not thrown at.
    if current::task().is_some() || thread::panicking() {
        return None;
    }
    current::thread_waits().next_expiry()
}

/// Whether something is to be thrown at the running task or thread that no shield hides.
pub(crate) fn is_interrupted() -> bool {
    match current::task() {
        Some((_, task)) => task.is_interrupted(),
        None => {
            let waits = current::thread_waits();
            waits.expire(clock::now());
            waits.is_due(false)
        }
    }
}

/// The running task unwinds and has a cancel or an expiry pending: I/O returns an error where it
/// would wait.
pub(crate) fn refuses_io() -> bool {
    thread::panicking() && current::task().is_some_and(|(_, task)| task.is_interrupted())
}

/// Runs `f` until it returns, or is unwound from one of its waits because `deadline` has passed:
/// then `None`. `expired`: it has.
#[inline]
pub(crate) fn timeout<T>(
    deadline: Option<Instant>,
    expired: bool,
    f: impl FnOnce() -> T,
) -> Option<T> {
    let boundary = Boundary::timeout(deadline, expired);
    let Some((core, task)) = current::task() else {
        return current::thread_waits().timed(&boundary, f);
    };
    if expired {
        task.set(Flags::EXPIRED);
    }
    let _timer =
        deadline.filter(|_| !expired).map(|at| Timer::set(core, at, task, Some(&boundary)));
    task.waits.timed(&boundary, f)
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

/// Suspends the running task; if it unwinds, that goes with it.
#[inline(always)]
fn switch_with_unwinding(core: &Core, task: &Header, unwinding: bool) {
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
    // SAFETY: this is the thread of the task that runs, which is its owner's.
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
            throw_in_thread(&|| Left::Withdrawn);
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
        throw_now();
    }
}

#[cold]
#[inline(never)]
fn yield_slow(core: &Core, task: &Header) {
    let unwinding = thread::panicking();
    spend::spent_by_throw(core, task, unwinding);
    throw_now();
    task.run.set(Run::Queued);
    core.ready.push(task);
    switch_with_unwinding(core, task, unwinding);
    throw_now();
}

/// A timer of the running task, taken out when this is dropped.
struct Timer<'a> {
    core: &'a Core,
    key: TimerKey,
}

impl Timer<'_> {
    /// Of the task's wait, or of a boundary that it is about to open and that outlives the timer.
    fn set<'a>(
        core: &'a Core,
        at: Instant,
        task: &Header,
        boundary: Option<&Boundary<'static>>,
    ) -> Timer<'a> {
        let boundary = boundary.map_or(std::ptr::null(), std::ptr::from_ref);
        let alarm = Alarm { task: NonNull::from(task), boundary };
        let key = core.timers.borrow_mut().insert(at, alarm);
        Timer { core, key }
    }
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        self.core.timers.borrow_mut().remove(self.key);
    }
}
