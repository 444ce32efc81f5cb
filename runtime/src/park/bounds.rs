//! What bounds and shields the waits of a task or a plain thread: opening, closing, catching.
//!
//! A boundary is a record on the stack of the function that opened it, so opening one allocates
//! nothing. A task's timeouts are timers of its worker; a plain thread looks at the clock.

use std::panic::resume_unwind;
use std::ptr::NonNull;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Instant;

use super::spend::{spent_by_throw, spent_computing};
use super::throw::throw_now;
use super::{interrupt_local, is_interrupted, throw_pending};
use crate::clock;
use crate::current::{self, Core};
use crate::parker::Parker;
use crate::task::boundary::{self, Boundary, BoundaryKind};
use crate::task::mailbox::{Mailbox, Message};
use crate::task::{Flags, Header, Reason, TaskRef};
use crate::timer::{Alarm, TimerKey};
use crate::unwind::{self, AbortIfPanic, Payload};

type Running = Option<(&'static Core, &'static Header)>;

/// A boundary that is open: closed when this is dropped.
struct Open<'a> {
    running: Running,
    record: &'a Boundary,
    timer: Option<TimerKey>,
}

impl<'a> Open<'a> {
    #[inline]
    fn new(running: Running, record: &'a Boundary) -> Open<'a> {
        let mut timer = None;
        match running {
            Some((core, task)) => {
                record.outer.set(task.boundary.replace(record));
                if record.expired.get() {
                    task.set(Flags::EXPIRED);
                } else if record.kind == BoundaryKind::Timeout
                    && let Some(at) = record.deadline
                {
                    let alarm = Alarm { task: NonNull::from(task), boundary: record };
                    timer = Some(core.timers.borrow_mut().insert(at, alarm));
                }
            }
            None => {
                record.outer.set(current::thread_boundary());
                current::set_thread_boundary(record);
            }
        }
        Open { running, record, timer }
    }
}

impl Drop for Open<'_> {
    #[inline]
    fn drop(&mut self) {
        if !std::ptr::eq(innermost_of(self.running), self.record) {
            out_of_order();
        }
        let outer = self.record.outer.get();
        match self.running {
            Some((core, task)) => {
                task.boundary.set(outer);
                if let Some(timer) = self.timer {
                    core.timers.borrow_mut().remove(timer);
                }
                if task.has(Flags::EXPIRED) {
                    forget_expiry(task);
                }
            }
            None => {
                current::set_thread_boundary(outer);
                if outer.is_null() {
                    // Nothing is thrown without a boundary; user code may have kept what was.
                    current::set_thread_thrown(false);
                }
            }
        }
    }
}

#[cold]
fn out_of_order() -> ! {
    let _abort = AbortIfPanic("closing a boundary out of order");
    panic!("boundaries close in the order they were opened");
}

fn innermost_of(running: Running) -> *const Boundary {
    match running {
        Some((_, task)) => task.boundary.get(),
        None => current::thread_boundary(),
    }
}

/// What the running task or thread has open, innermost: to be compared, by whoever suspends a
/// coroutine, with what was open when it was resumed.
pub(crate) fn innermost() -> *const Boundary {
    innermost_of(current::task())
}

/// Takes the mark that a boundary has run out off a task, unless one that is still open has.
#[cold]
pub(super) fn forget_expiry(task: &Header) {
    // SAFETY: on the task's thread; nothing is closed meanwhile.
    if !unsafe { boundary::outwards(task.boundary.get()) }.any(Boundary::has_run_out) {
        task.clear(Flags::EXPIRED);
    }
}

/// Runs `f` inside a boundary.
#[inline]
fn within<R>(record: &Boundary, f: impl FnOnce() -> R) -> R {
    let _open = Open::new(current::task(), record);
    f()
}

/// Runs `f` with every throw held back: for code that waits where it must not unwind.
pub(crate) fn shielded<R>(f: impl FnOnce() -> R) -> R {
    within(&Boundary::new(BoundaryKind::Shield, None), f)
}

/// Runs `f` with a mark that a coroutine must not be suspended in it.
pub(crate) fn within_value<R>(f: impl FnOnce() -> R) -> R {
    within(&Boundary::new(BoundaryKind::Value, None), f)
}

/// Runs `f` with a deadline for its I/O waits.
pub(crate) fn with_io_deadline<R>(at: Instant, f: impl FnOnce() -> R) -> R {
    within(&Boundary::new(BoundaryKind::IoDeadline, Some(at)), f)
}

/// Runs `f` until it returns, or is unwound from one of its waits because `deadline` has passed:
/// then `None`. `expired`: it has.
#[inline]
pub(crate) fn timeout<T>(
    deadline: Option<Instant>,
    expired: bool,
    f: impl FnOnce() -> T,
) -> Option<T> {
    let record = Boundary::new(BoundaryKind::Timeout, deadline);
    record.expired.set(expired);
    match caught(&record, f) {
        Ok(value) => Some(value),
        Err(None) => None,
        Err(Some(payload)) => resume_unwind(payload),
    }
}

/// Runs `f` until it returns or unwinds; it is unwound from one of its waits once `failed` is set and
/// the task is interrupted, then `Err(None)`.
pub(crate) fn scoped<T>(failed: &AtomicBool, f: impl FnOnce() -> T) -> Result<T, Option<Payload>> {
    // SAFETY: the record lives in this call only.
    let record = unsafe { Boundary::of_scope(failed) };
    caught(&record, f)
}

/// Whether the running task or thread is unwound by what the runtime threw.
#[inline(always)]
pub(crate) fn is_thrown() -> bool {
    match current::task() {
        Some((_, task)) => task.has(Flags::THROWN),
        None => current::thread_thrown(),
    }
}

/// It is not any more: that was caught where it led, or something else goes on in its place.
pub(crate) fn not_thrown() {
    match current::task() {
        Some((_, task)) => task.clear(Flags::THROWN),
        None => current::set_thread_thrown(false),
    }
}

/// Runs `f` inside a boundary. `Err(None)`: it was unwound to this boundary.
#[inline]
fn caught<T>(record: &Boundary, f: impl FnOnce() -> T) -> Result<T, Option<Payload>> {
    match within(record, || unwind::catch(f)) {
        Ok(value) => {
            // What was thrown was swallowed and kept, unless this is a destructor that it runs.
            if is_thrown() && !thread::panicking() {
                not_thrown();
            }
            Ok(value)
        }
        Err(payload) if record.is_target_of(&*payload) => {
            not_thrown();
            Err(None)
        }
        Err(payload) => Err(Some(payload)),
    }
}

/// The earliest deadline that I/O waits of the running task or thread have to keep.
#[inline]
pub(crate) fn io_deadline() -> Option<Instant> {
    let first = innermost();
    if first.is_null() {
        return None;
    }
    // SAFETY: on the thread of the records; nothing is closed meanwhile.
    unsafe { boundary::io_deadline(first) }
}

/// Whether something is to be thrown at the running task or thread that no shield hides.
pub(crate) fn is_interrupted_here() -> bool {
    match current::task() {
        Some((_, task)) => is_interrupted(task),
        None => {
            let first = current::thread_boundary();
            // SAFETY: on the thread of the records; nothing is closed meanwhile.
            unsafe {
                boundary::expire(first, clock::now());
                boundary::is_pending(first, false)
            }
        }
    }
}

/// Throws what is pending, and otherwise counts as an operation that did not have to wait.
///
/// Sees what the worker has not been told yet: that waits until the task lets it run.
pub(crate) fn checkpoint() {
    let Some((core, task)) = current::task() else { return throw_in_thread() };
    if task.word.is_cancelled() {
        task.set(Flags::CANCEL);
    }
    let first = task.boundary.get();
    // SAFETY: on the thread of the records; nothing is closed meanwhile.
    if !first.is_null() && unsafe { boundary::expire(first, clock::now()) } {
        task.set(Flags::EXPIRED);
    }
    let unwinding = thread::panicking();
    spent_by_throw(core, task, unwinding);
    throw_pending(task, Reason::Park, unwinding);
    spent_computing();
}

/// Throws what is pending for this plain thread, unless it unwinds already.
pub(crate) fn throw_in_thread() {
    throw_in_thread_or_stay(&|| true);
}

/// As [`throw_in_thread`], if `leave` can take the wait back before.
pub(crate) fn throw_in_thread_or_stay(leave: &dyn Fn() -> bool) {
    let first = current::thread_boundary();
    if first.is_null() || thread::panicking() {
        return;
    }
    // SAFETY: on the thread of the records; nothing is closed meanwhile.
    let throw = unsafe {
        boundary::expire(first, clock::now());
        boundary::pending(first, false)
    };
    if let Some(throw) = throw {
        throw_now(None, throw, leave);
    }
}

/// When a wait of this plain thread that begins now has to end; a task is woken by its timers.
///
/// It may have passed since the caller looked for what is to be thrown: then the wait ends at once, and the
/// look after it finds that. So nothing is marked here, or that look would be the last to know.
pub(crate) fn next_expiry() -> Option<Instant> {
    if current::task().is_some() {
        return None;
    }
    let first = current::thread_boundary();
    // A thread that unwinds does not look.
    if first.is_null() || thread::panicking() {
        return None;
    }
    // SAFETY: on the thread of the records; nothing is closed meanwhile.
    unsafe { boundary::next_expiry(first) }
}

/// Blocks a plain thread as [`super::park`] suspends a task, with the same rules of what is thrown.
pub(super) fn park_thread(
    parker: &Parker,
    reason: Reason,
    deadline: Option<Instant>,
    leave: &dyn Fn() -> bool,
) {
    if current::thread_boundary().is_null() {
        return parker.park(deadline);
    }
    if reason == Reason::Children {
        return parker.park(deadline);
    }
    throw_in_thread_or_stay(leave);
    parker.park(deadline.into_iter().chain(next_expiry()).min());
    throw_in_thread_or_stay(leave);
}

/// As [`std::thread::park`] and its sister, within the boundaries of this plain thread.
#[expect(clippy::disallowed_methods, reason = "a plain thread")]
pub(crate) fn park_std(deadline: Option<Instant>) {
    throw_in_thread();
    match deadline.into_iter().chain(next_expiry()).min() {
        None => thread::park(),
        Some(at) => thread::park_timeout(at.saturating_duration_since(clock::now())),
    }
    throw_in_thread();
}

/// Tells a task that one of its scopes has failed: unwinds it from its wait, if it waits inside.
pub(crate) fn interrupt(task: &TaskRef, owner: u16) {
    match current::core() {
        Some(core) if core.mailbox.id() == owner => interrupt_owned(core, task),
        _ => Mailbox::of(owner).send(Box::new(Interrupt(task.clone()))),
    }
}

struct Interrupt(TaskRef);

impl Message for Interrupt {
    fn deliver(self: Box<Self>) {
        if let Some(core) = current::core() {
            interrupt_owned(core, &self.0);
        }
    }
}

fn interrupt_owned(core: &Core, task: &Header) {
    // It may have ended since.
    if task.word.is_owned_by(core.mailbox.id()) {
        task.set(Flags::EXPIRED);
        interrupt_local(core, task);
    }
}
