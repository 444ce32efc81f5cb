//! The waist: the one function that waits, in tasks and on plain threads alike.
//!
//! Everything that waits uses [`park`], and everything that ends a wait uses [`crate::wake`]. A
//! return from [`park`] is a hint: the caller looks at its own record, and parks again if nothing
//! has happened. Cancels and timeouts are thrown here, and nowhere else, and never into a task that
//! unwinds. `thread::panicking()` says whether the running task unwinds, since the count of panics
//! leaves the thread with a task that waits while it unwinds (`unwinding`).

use std::ptr::NonNull;
use std::thread;
use std::time::Instant;

use crate::boundary::{Boundary, Waits};
use crate::clock;
use crate::current::{self, Core, Here};
use crate::parker::Parker;
use crate::task::{Flags, Header, Note, On, Reason, Run, Target, TimedNote, Wanted};
use crate::thread_pool;
use crate::timer::{Alarm, TimerKey};
use crate::trace;
use crate::unwind::Throw;

mod note;
mod spend;
mod unwinding;

#[cfg(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64"))]
pub(crate) use note::each_stack;
pub(crate) use note::{noted, stack_touched};
pub(crate) use spend::{checkpoint, looked, polled, spent, spent_io};

/// Why [`park`] has returned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "the caller's record, or the deadline, has ended the wait, or it goes on"]
pub(crate) enum Woken {
    /// A wake came, perhaps for nothing: the caller's record tells what happened.
    Perhaps,
    /// The deadline has passed, and the wait was taken back.
    TimedOut,
    /// The task unwinds, has a cancel or an expiry pending, and was to wait for I/O. It must not
    /// wait: the operation is to fail.
    Refused,
}

/// What the caller of [`park`] answers when it is to take its wait back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Left {
    /// The wait was taken back, and nothing can end it any more.
    Withdrawn,
    /// The wait had ended before: the caller's record says how.
    Ended,
}

impl Left {
    /// [`Left::Withdrawn`] if `withdrawn`: the wait was taken back before anything ended it.
    #[inline(always)]
    pub(crate) fn if_withdrawn(withdrawn: bool) -> Left {
        if withdrawn { Left::Withdrawn } else { Left::Ended }
    }
}

/// Waits until a wake comes or the deadline passes. It may also return for no reason.
///
/// `who` is the waiter that the wait's record names: the running task, which is suspended, or this
/// plain thread, which is blocked. A plain thread needs the same parker for its record and its
/// sleep, also where thread-locals are being destroyed.
///
/// `wanted` says what the wait is for: a [`Reason`], and with [`Reason::on`] the object. A task
/// leaves it on its stack as its note, for whoever asks the worker what its tasks wait for.
///
/// Unwinds if the task is cancelled or a boundary around the wait has run out, unless the task
/// unwinds already or the reason is [`Reason::Children`]. A wait completes or is cut short, never
/// both. So before anything is thrown, and before [`Woken::TimedOut`] is returned, `leave` takes
/// the wait back, or says that the wait has ended after all.
///
/// The caller's record is not looked at again before the switch: see the rule in
/// [`crate::waiters`].
#[inline(always)]
pub(crate) fn park<'a>(
    who: &Target,
    wanted: impl Into<Wanted<'a>>,
    deadline: Option<Instant>,
    leave: impl Fn() -> Left,
) -> Woken {
    if let Target::Thread(parker) = who {
        // Also in a task, which has resumed a foreign coroutine that began the wait on a thread.
        return park_thread(parker, wanted.into().reason, deadline, &leave);
    }
    park_in(current::task(), who, wanted, deadline, leave)
}

/// Waits as [`park`] does. `here` is what runs, as [`target_of`] was told when it made `who`.
#[inline(always)]
pub(crate) fn park_in<'a>(
    here: Here,
    who: &Target,
    wanted: impl Into<Wanted<'a>>,
    deadline: Option<Instant>,
    leave: impl Fn() -> Left,
) -> Woken {
    if let Some((core, task)) = here {
        return park_task(core, task, wanted.into(), deadline, leave);
    }
    let Target::Thread(parker) = who else {
        unreachable!("a task's record waits in that task, and a future is polled, and parks nobody")
    };
    park_thread(parker, wanted.into().reason, deadline, &leave)
}

/// Waits as [`park`] does, without a record: there is nothing to take back.
#[inline(always)]
pub(crate) fn pause<'a>(wanted: impl Into<Wanted<'a>>, deadline: Option<Instant>) -> Woken {
    let leave = || Left::Withdrawn;
    let wanted = wanted.into();
    match current::task() {
        Some((core, task)) => park_task(core, task, wanted, deadline, leave),
        None => park_thread(&current::parker(), wanted.reason, deadline, &leave),
    }
}

/// [`park`] of the running task.
#[inline(always)]
fn park_task(
    core: &Core,
    task: &Header,
    wanted: Wanted<'_>,
    deadline: Option<Instant>,
    leave: impl Fn() -> Left,
) -> Woken {
    if task.has(Flags::SLOW) || deadline.is_some() || thread::panicking() {
        return park_slow(core, task, wanted.reason, wanted.on, deadline, &leave);
    }
    let note = Note::new(wanted.on, core.turned.get());
    task.reason.set(wanted.reason);
    task.run.set(Run::Parked);
    switch(task, place_of(&note));
    if task.has(Flags::SLOW) {
        woken_slow(task, wanted.reason, false, &leave);
    }
    Woken::Perhaps
}

/// The running task, or this plain thread, as a waiter's record names it.
#[inline(always)]
pub(crate) fn target() -> Target {
    target_of(current::task())
}

/// `here`, or this plain thread, as a waiter's record names it.
#[inline(always)]
pub(crate) fn target_of(here: Here) -> Target {
    match here {
        Some((_, task)) => Target::Task(task),
        None => Target::Thread(current::parker()),
    }
}

/// [`park`] in a task that unwinds, has a token or something to be thrown, or waits with a
/// deadline. Takes what is wanted in parts, which fit into registers, so that the usual path need
/// not write it to memory.
#[cold]
#[inline(never)]
fn park_slow(
    core: &Core,
    task: &Header,
    reason: Reason,
    on: On<'_>,
    deadline: Option<Instant>,
    leave: &dyn Fn() -> Left,
) -> Woken {
    let unwinding = thread::panicking();
    if reason != Reason::Children && spend::spent_by_throw(core, task, unwinding) {
        // A wake that came while the task stood in the queue left no token. Return, so that the
        // caller looks at its record.
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
        let since = core.turned.get();
        let note = Note::new(on, since);
        let timed = deadline.map(|at| TimedNote::new(on, since, at));
        let place = timed.as_ref().map_or_else(|| place_of(&note), place_of);
        task.reason.set(reason);
        task.run.set(Run::Parked);
        switch_with_unwinding(core, task, unwinding, place);
        woken_slow(task, reason, unwinding, leave);
    }
    if is_refused() && leave() == Left::Withdrawn {
        return Woken::Refused;
    }
    timed_out(deadline, leave)
}

/// What a task does after it was resumed, if it has a token or something may be thrown at it.
#[cold]
#[inline(never)]
fn woken_slow(task: &Header, reason: Reason, unwinding: bool, leave: &dyn Fn() -> Left) {
    throw_if_due(task, reason, unwinding, leave);
    task.clear(Flags::TOKEN);
}

/// Whether a wait has ended by its deadline: [`Woken::TimedOut`] if the deadline has passed and the
/// wait could be taken back.
fn timed_out(deadline: Option<Instant>, leave: &dyn Fn() -> Left) -> Woken {
    match deadline {
        Some(at) if clock::now() >= at && leave() == Left::Withdrawn => Woken::TimedOut,
        _ => Woken::Perhaps,
    }
}

/// Throws what is due at a wait of the running task, unless the task unwinds or the wait is for
/// children.
fn throw_if_due(task: &Header, reason: Reason, unwinding: bool, leave: &dyn Fn() -> Left) {
    if unwinding || reason == Reason::Children || !task.has(Flags::CANCEL | Flags::EXPIRED) {
        return;
    }
    throw(&task.waits, task.has(Flags::CANCEL), leave);
    if !task.waits.any_has_run_out() {
        task.clear(Flags::EXPIRED);
    }
}

/// Throws what is due at a wait inside these boundaries, if `leave` takes the wait back before.
fn throw(waits: &Waits, cancelled: bool, leave: &dyn Fn() -> Left) {
    // Where panics abort, nothing can be thrown: a cancel is only a flag, and cuts no wait short.
    if cfg!(panic = "unwind")
        && let Some(destination) = waits.due(cancelled)
        && leave() == Left::Withdrawn
    {
        Throw::raise(destination);
    }
}

/// Throws what is due at the running task or this plain thread, unless it unwinds already.
pub(crate) fn throw_now() {
    let leave = || Left::Withdrawn;
    match current::task() {
        Some((_, task)) => throw_if_due(task, Reason::Park, thread::panicking(), &leave),
        None => throw_in_thread(&leave),
    }
}

/// Throws what is due at this plain thread. It has no timers, so its timeouts are compared with the
/// clock here.
fn throw_in_thread(leave: &dyn Fn() -> Left) {
    let waits = current::thread_waits();
    if !waits.are_free() && !thread::panicking() {
        waits.expire(clock::now());
        throw(waits, false, leave);
    }
}

/// [`park`] of a plain thread.
fn park_thread(
    parker: &Parker,
    reason: Reason,
    deadline: Option<Instant>,
    leave: &dyn Fn() -> Left,
) -> Woken {
    if reason == Reason::Children {
        let _aside = thread_pool::aside(current::apart);
        parker.park(deadline);
        return timed_out(deadline, leave);
    }
    park_thread_by(deadline, leave, |until| match reason {
        Reason::Future => parker.park_for_anything(until),
        _ => parker.park(until),
    })
}

/// Blocks this plain thread as [`park`] suspends a task. `sleep` does the blocking, at most until
/// the time that it is given.
pub(crate) fn park_thread_by(
    deadline: Option<Instant>,
    leave: &dyn Fn() -> Left,
    sleep: impl FnOnce(Option<Instant>),
) -> Woken {
    throw_in_thread(leave);
    // If a boundary runs out between `throw_in_thread` and the sleep, the sleep ends at once, and
    // `throw_in_thread` after the sleep finds that.
    let aside = thread_pool::aside(current::apart);
    sleep(deadline.into_iter().chain(next_expiry()).min());
    drop(aside);
    throw_in_thread(leave);
    timed_out(deadline, leave)
}

/// When a wait of this plain thread that begins now has to end at the latest. `None` in a task,
/// whose timers wake it.
pub(crate) fn next_expiry() -> Option<Instant> {
    // Nothing is thrown at a thread that unwinds, so no timeout ends its wait.
    if current::task().is_some() || thread::panicking() {
        return None;
    }
    current::thread_waits().next_expiry()
}

/// Whether something is to be thrown at the running task, or at this plain thread, that no shield
/// hides.
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

/// Whether the running task unwinds and has a cancel or an expiry pending. Then I/O returns an
/// error where it would wait.
pub(crate) fn refuses_io() -> bool {
    thread::panicking() && current::task().is_some_and(|(_, task)| task.is_interrupted())
}

/// Runs `f` inside a timeout. `None`: `f` was unwound from one of its waits, because `deadline` has
/// passed. `expired`: it has passed already.
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

/// The address of a local of the frame that suspends the task: of its note, if it parks.
#[inline(always)]
fn place_of<T>(local: &T) -> usize {
    std::ptr::from_ref(local).expose_provenance()
}

/// Suspends the running task, which takes its spans along. `place` is an address in the caller's
/// frame: that of the note, if the task parks.
#[inline(always)]
fn switch(task: &Header, place: usize) {
    if trace::is_on() {
        switch_with_spans(task, place);
    } else {
        suspend(task, place);
    }
}

/// Suspends the running task where a subscriber may keep spans for this thread.
#[cold]
#[inline(never)]
fn switch_with_spans(task: &Header, place: usize) {
    let spans = current::off_task(trace::take_off);
    suspend(task, place);
    current::off_task(|| trace::put_back(&spans));
}

/// Suspends the running task. If it unwinds, it takes the thread's count of panics along.
#[inline(always)]
fn switch_with_unwinding(core: &Core, task: &Header, unwinding: bool, place: usize) {
    if unwinding {
        unwinding::switch(core, task, place);
    } else {
        switch(task, place);
    }
}

/// Suspends the running task, and nothing else.
#[inline(always)]
fn suspend(task: &Header, place: usize) {
    // SAFETY: `task` runs, so this is its owner's thread; the answer is not used beyond the
    // suspension, during which the task keeps its stack.
    let stack = unsafe { task.stack() }.expect("a task that runs has a stack");
    task.depth.set(stack.depth_of(place));
    // SAFETY: `task` runs on this stack, which its pool made, and `class` is the stack's actual
    // class since the task has started.
    unsafe { stack.suspend(task.class.get(), place) };
}

/// Puts the running task at the end of its worker's queue, so that all tasks in the queue run
/// first, also unstarted ones. A plain thread gives its processor away.
///
/// A cancel point.
#[inline(always)]
pub(crate) fn yield_now() {
    if let Some((core, _)) = current::task() {
        yields_to_unstarted(core);
    }
    go_last();
}

/// Puts the running task at the end of its worker's queue, as one whose time has come: all tasks in
/// the queue run first, but unstarted ones only in their turn. A plain thread gives its processor
/// away.
///
/// A cancel point.
#[inline(always)]
pub(crate) fn go_last() {
    match current::task() {
        Some((core, task)) => yield_task(core, task),
        None => {
            thread::yield_now();
            throw_in_thread(&|| Left::Withdrawn);
        }
    }
}

/// Has the worker start the unstarted tasks that it has now before it resumes the running task,
/// which is about to yield.
#[inline(always)]
fn yields_to_unstarted(core: &Core) {
    if core.unstarted.get() > 0 {
        keep_place(core);
    }
}

/// Notes the place in the queue that the running task is about to take.
#[cold]
#[inline(never)]
fn keep_place(core: &Core) {
    let place = core.ready.end();
    let mut places = core.yielded.borrow_mut();
    if places.last() != Some(&place) {
        places.push(place);
    }
}

/// Suspends the running task, which yields, and so has no note.
#[inline(always)]
fn switch_queued(core: &Core, task: &Header, unwinding: bool) {
    task.run.set(Run::Queued);
    core.ready.push(task);
    let here = std::cell::Cell::new(0u8);
    switch_with_unwinding(core, task, unwinding, place_of(&here));
}

/// Puts the running task at the end of the queue, and switches. A cancel point.
#[inline(always)]
fn yield_task(core: &Core, task: &Header) {
    if task.has(Flags::CANCEL | Flags::EXPIRED) || thread::panicking() {
        return yield_slow(core, task);
    }
    switch_queued(core, task, false);
    if task.has(Flags::CANCEL | Flags::EXPIRED) {
        throw_now();
    }
}

/// [`yield_task`] of a task that unwinds, or has something to be thrown.
#[cold]
#[inline(never)]
fn yield_slow(core: &Core, task: &Header) {
    let unwinding = thread::panicking();
    spend::spent_by_throw(core, task, unwinding);
    throw_now();
    switch_queued(core, task, unwinding);
    throw_now();
}

/// A timer of the running task, which is taken out when this guard is dropped.
struct Timer<'a> {
    core: &'a Core,
    key: TimerKey,
}

impl Timer<'_> {
    /// Sets a timer for the task's wait, or for `boundary`, which the task is about to open. The
    /// boundary outlives the answer.
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
