//! A task's packet: its closure, later how it ended. One protocol tells of every task's end,
//! whether a `JoinHandle`, a scope or a group is told of it.
//!
//! # Whose the end is
//!
//! The end of a task, an [`End`], stays in the task's allocation. There is one right to it,
//! [`Spawned`], which the word's bit HANDLE stands for.
//!
//! | the word | who may touch the packet |
//! |---|---|
//! | not DONE | whoever claimed the task: takes the closure out, runs or drops it, writes the end; finding HANDLE clear, takes the end out again |
//! | DONE, HANDLE set | the holder of the [`Spawned`]: takes the end, once |
//! | DONE, HANDLE just cleared by the drop of the [`Spawned`] | whoever cleared it: takes the end, if nobody has |
//! | DONE otherwise | nobody; the packet is empty |
//!
//! DONE and the clearing of HANDLE are changes of one word, so one of the two sees the other: an
//! end that nobody wants is taken out by exactly one side. That side gives it to
//! [`Family::unclaimed`].
//!
//! # Whom the end is told
//!
//! A task may belong to a family: a scope, or a group. Its membership is a value of its own type in
//! the task's allocation, so that it costs nothing where there is none: the family of other tasks
//! has no size, and is not told. The steps of an end:
//!
//! 1. The closure has been run or dropped, and the end is written. If nobody wants it, it goes to
//!    `unclaimed`: on the task's stack, since the value's destructor may wait. Then the task's
//!    values of task-locals go.
//! 2. The word becomes DONE. If the handle went since step 1, the end goes to `unclaimed` before.
//! 3. The family is told, once, by [`Family::ended`].
//! 4. The joiner is woken, if one waits. It keeps its node for this by a protocol of its own
//!    (`JoinNode`), so the family may go on before. In this order a joiner which then ends its
//!    scope finds that this child has ended, and need not wait for it.
//!
//! All ends go through these steps, also those of tasks that were cancelled or refused before they
//! ran. A task enters its family before it is queued, so its end comes after that. A spawn that
//! fails has not made a task, and nothing has entered.
//!
//! A panic is lost if nobody can take the end it is in. What becomes of it is the family's to say:
//! a scope keeps the first and raises it, all others are lost to the runtime, which does what
//! `on_panic` of `#[go_main]` says.
//!
//! # Borrowed closures and values
//!
//! What a scope's child borrows may go once the scope has been told of the child's end. By then the
//! closure is gone (step 1), and the task does not touch its packet any more (step 2). The value is
//! gone, or belongs to the holder of the [`Spawned`], which does not outlive the scope but by a
//! leak. Who leaks a [`Spawned`] leaks its reference to the task. So the task is never freed, and
//! the value in it, which may point to what is gone, is never touched again.
//!
//! Freeing a task therefore never drops a value. It drops a closure if nobody claimed the task,
//! which then has not ended.

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

use super::handle::Task;
use super::meta::{Cold, Meta};
use super::reason::Reason;
use super::reference::TaskRef;
use super::word::Word;
use super::{Flags, Header, Kind, Run, allocation};
use crate::boundary::Waits;
use crate::loom::AtomicPtr;
use crate::stack::SizeClass;
use crate::unwind::{self, Destination, Payload, Throw};

/// What a task belongs to. The value is the task's own membership, and lies in its allocation.
pub(crate) trait Family: Send + Sync {
    /// Whether [`Family::ended`] is to be called.
    const IS_TOLD: bool;

    /// How a task ends that was refused, and whose closure was dropped: with this panic, if any.
    fn refused<T>(&self, _task: &Header, dropped: Result<(), Payload>) -> End<T> {
        unwind::drop_quietly(dropped);
        End::Refused
    }

    /// Deals with an end that nobody can take any more. At most once for each task: before DONE by
    /// the task, which it must not unwind; after DONE by whoever drops the handle.
    fn unclaimed<T>(&self, task: &Header, end: End<T>);

    /// The task is DONE. Exactly once for each task, where it ended: this does not wait, does not
    /// unwind, and runs nobody else's code.
    fn ended(&self);
}

/// How a task ended.
pub(crate) enum End<T> {
    Returned(T),
    Panicked(Payload),
    Cancelled,
    Refused,
}

enum Content<F, T> {
    Closure(F),
    Ended(End<T>),
    Empty,
}

#[repr(C)]
struct TaskCell<F, T, M> {
    header: Header,
    family: M,
    content: UnsafeCell<Content<F, T>>,
}

// With a closure or result of two words a task is 128 bytes, the smaller of the sizes that threads
// keep memory of.
#[cfg(not(any(gocoro_asan, all(test, loom))))]
const _: () = assert!(size_of::<TaskCell<[usize; 2], (), ()>>() <= 128);

/// A task's operations that depend on the types of its closure, its value and its family.
pub(super) struct VTable {
    pub(super) execute: unsafe fn(*const Header, bool) -> bool,
    pub(super) refuse: unsafe fn(*const Header) -> bool,
    /// Takes the end out, and gives it to [`Family::unclaimed`].
    pub(super) disclaim: unsafe fn(*const Header),
    /// Tells the family, if it is to be told.
    pub(super) tell: Option<unsafe fn(*const Header)>,
    pub(super) free: unsafe fn(*const Header),
}

/// What a spawn gives a new task besides its closure.
#[derive(Debug)]
pub(crate) struct Created {
    pub(crate) id: u64,
    pub(crate) kind: Kind,
    pub(crate) class: SizeClass,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) meta: Option<Box<Meta>>,
}

/// The right to a task's end: what a join handle holds.
pub(crate) struct Spawned<T> {
    task: ManuallyDrop<Task>,
    take: unsafe fn(*const Header) -> Option<End<T>>,
}

// SAFETY: the end moves to whoever holds this, so it is as `Send` as the value. All else is reached
// through the reference.
unsafe impl<T: Send> Send for Spawned<T> {}
// SAFETY: by shared reference only the header is reached.
unsafe impl<T: Send> Sync for Spawned<T> {}

/// Makes a task: the reference for whatever runs it, and what `enter` makes of the right to its
/// end, beside the task's membership in its family.
///
/// In `enter` the task is whole but for its family: others may reach it, and nobody runs it yet.
#[inline]
pub(crate) fn create<F, T, M, H>(
    closure: F,
    created: Created,
    enter: impl FnOnce(Spawned<T>) -> (M, H),
) -> (TaskRef, H)
where
    F: FnOnce() -> T,
    M: Family,
{
    let cell = allocation::allocate::<TaskCell<F, T, M>>();
    let raw = cell.as_ptr();
    // Written field by field: a header that is made elsewhere and moved here costs a copy.
    // SAFETY: every field of the new allocation but `family` is written once, and none is read.
    unsafe {
        let header = &raw mut (*raw).header;
        (&raw mut (*header).word).write(Word::new());
        (&raw mut (*header).refs).write(AtomicU32::new(2));
        (&raw mut (*header).link).write(AtomicPtr::new(std::ptr::null_mut()));
        (&raw mut (*header).vtable).write(
            const {
                &VTable {
                    execute: execute::<F, T, M>,
                    refuse: refuse::<F, T, M>,
                    disclaim: disclaim::<F, T, M>,
                    tell: if M::IS_TOLD { Some(tell::<F, T, M>) } else { None },
                    free: free::<F, T, M>,
                }
            },
        );
        (&raw mut (*header).run).write(Cell::new(Run::Queued));
        (&raw mut (*header).flags).write(Cell::new(0));
        (&raw mut (*header).reason).write(Cell::new(Reason::Park));
        (&raw mut (*header).kind).write(created.kind);
        (&raw mut (*header).class).write(Cell::new(created.class));
        (&raw mut (*header).stack).write(UnsafeCell::new(None));
        (&raw mut (*header).depth).write(Cell::new(0));
        (&raw mut (*header).waits).write(Waits::new());
        (&raw mut (*header).live_prev).write(Cell::new(std::ptr::null()));
        (&raw mut (*header).live_next).write(Cell::new(std::ptr::null()));
        (&raw mut (*header).joiner).write(Cell::new(std::ptr::null()));
        (&raw mut (*header).id).write(created.id);
        (&raw mut (*header).spawned_at).write(created.spawned_at);
        (&raw mut (*header).cold).write(Cold::new(created.meta));
        (&raw mut (*raw).content).write(UnsafeCell::new(Content::Closure(closure)));
    }
    let task = raw.cast::<Header>().cast_const();
    // SAFETY: the count starts at two, and one is the handle's; the header is the first field
    // (`repr(C)`).
    let handle = unsafe { TaskRef::from_raw(task) };
    // While the other reference is nobody's, the task is neither run nor freed: both need its
    // family.
    let (family, entered) =
        enter(Spawned { task: ManuallyDrop::new(Task::new(handle)), take: take::<F, T, M> });
    // SAFETY: the field of the new allocation is written once, here.
    unsafe { (&raw mut (*raw).family).write(family) };
    // SAFETY: the other of the two references.
    (unsafe { TaskRef::from_raw(task) }, entered)
}

impl<T> Spawned<T> {
    #[inline(always)]
    pub(crate) fn task(&self) -> &Task {
        &self.task
    }

    /// Takes the end of a task that is done.
    pub(crate) fn take(self) -> (End<T>, Task) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used as a handle again.
        let task = unsafe { ManuallyDrop::take(&mut this.task) };
        assert!(task.inner.word.is_done(), "the result of a task that is not done");
        // SAFETY: the task is DONE, and its end belongs to this handle, which is consumed.
        let end = unsafe { (this.take)(task.inner.as_ptr()) };
        (end.expect("the result was taken before, by `select!`"), task)
    }

    /// Takes the end of a task that is done, and leaves a handle without one.
    pub(crate) fn take_by_ref(&mut self) -> (End<T>, Task) {
        let task = Task::clone(&self.task);
        assert!(task.inner.word.is_done(), "the result of a task that is not done");
        // SAFETY: the task is DONE, and its end belongs to this handle, which is borrowed alone.
        let end = unsafe { (self.take)(task.inner.as_ptr()) };
        (end.expect("the result was taken before, by `select!`"), task)
    }
}

impl<T> Drop for Spawned<T> {
    fn drop(&mut self) {
        // SAFETY: dropped once, here; kept alive over the next lines.
        let task = unsafe { ManuallyDrop::take(&mut self.task) }.inner;
        if task.word.release_handle() {
            // SAFETY: the task is DONE, and this was its handle, so the end is this drop's to take.
            unsafe { (task.vtable.disclaim)(task.as_ptr()) };
        }
    }
}

impl<T> fmt::Debug for Spawned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.task.fmt(f)
    }
}

/// # Safety
///
/// `task` is a task made by [`create`] with these types, and the caller may touch its packet.
unsafe fn content<'a, F, T, M>(task: *const Header) -> &'a mut Content<F, T> {
    // SAFETY: the header is the cell's first field; the caller may touch the packet, and does it
    // alone.
    unsafe { &mut *(*task.cast::<TaskCell<F, T, M>>()).content.get() }
}

/// # Safety
///
/// `task` is a task made by [`create`] with these types, and the caller holds a reference to it for
/// as long as it uses the answer.
unsafe fn family<'a, F, T, M>(task: *const Header) -> &'a M {
    // SAFETY: written before the task could be run, joined or freed, and never changed; the header
    // is the cell's first field.
    unsafe { &(*task.cast::<TaskCell<F, T, M>>()).family }
}

unsafe fn execute<F: FnOnce() -> T, T, M: Family>(task: *const Header, cancelled: bool) -> bool {
    // SAFETY: the claimer owns the packet until DONE.
    let content: *mut Content<F, T> = unsafe { content::<F, T, M>(task) };
    // SAFETY: as above.
    let Content::Closure(closure) = (unsafe { content.replace(Content::Empty) }) else {
        unreachable!("a task runs once");
    };
    // SAFETY: the worker that runs the task holds a reference to it.
    let header = unsafe { &*task };
    if cancelled {
        let end = never_run(header, closure);
        // SAFETY: as above; the packet is empty.
        unsafe { content.write(Content::Ended(end)) };
    } else {
        // The end is written where it stays: moved there through other frames, it costs a stall.
        let ended = unwind::catch(|| {
            unwind::__rust_begin_short_backtrace(|| {
                let value = closure();
                // SAFETY: as above; the packet is empty.
                unsafe { content.write(Content::Ended(End::Returned(value))) };
            });
        });
        if let Err(payload) = ended {
            let end = root(header, payload);
            // SAFETY: as above; an unwinding closure has written nothing.
            unsafe { content.write(Content::Ended(end)) };
        }
    }
    // SAFETY: still the claimer, and the end is written.
    unsafe { finish::<F, T, M>(task) }
}

/// Drops the closure of a task that was cancelled before its start as an unwinding would, thrown at
/// its first step: so that destructors may wait, and their I/O does not hang. A destructor's panic
/// is the task's.
#[cold]
fn never_run<F, T>(header: &Header, closure: F) -> End<T> {
    let mut dropped = Ok(());
    if std::mem::needs_drop::<F>() && cfg!(panic = "unwind") {
        let thrown = unwind::catch(|| {
            let _closure = unwind::on_drop(|| dropped = unwind::catch(|| drop(closure)));
            Throw::raise(Destination::Root);
        });
        drop(thrown);
    }
    match dropped {
        Ok(()) => End::Cancelled,
        Err(payload) => root(header, payload),
    }
}

/// What an unwinding that left a task means: `Err` with it if the task was cancelled, else its
/// panic.
///
/// One that user code kept and raised again when its boundary was gone, or in another task, is a
/// panic like any other, and no longer one that a boundary could take for its own.
pub(crate) fn panic_of(task: &Header, payload: Payload) -> Result<Payload, Payload> {
    if !unwind::is_throw(&*payload) {
        unwind::not_thrown();
        Ok(payload)
    } else if task.word.is_cancelled() {
        Err(payload)
    } else {
        Ok(Box::new("the unwinding of a cancel or a timeout was raised again after its end"))
    }
}

/// What an unwinding that reached the root of its task means.
fn root<T>(header: &Header, payload: Payload) -> End<T> {
    match panic_of(header, payload) {
        Err(_) => End::Cancelled,
        Ok(payload) => {
            header.set(Flags::PANICKED);
            super::report_panic(header, &*payload);
            End::Panicked(payload)
        }
    }
}

unsafe fn refuse<F: FnOnce() -> T, T, M: Family>(task: *const Header) -> bool {
    // SAFETY: the claimer owns the packet until DONE.
    let closure = std::mem::replace(unsafe { content::<F, T, M>(task) }, Content::Empty);
    let dropped = unwind::catch(|| drop(closure));
    // SAFETY: the claimer holds a reference meanwhile.
    let (header, family) = unsafe { (&*task, family::<F, T, M>(task)) };
    let end = family.refused(header, dropped);
    // SAFETY: the claimer owns the packet until DONE.
    *unsafe { content::<F, T, M>(task) } = Content::Ended(end);
    // SAFETY: still the claimer, and the end is written.
    unsafe { finish::<F, T, M>(task) }
}

/// # Safety
///
/// The caller claimed the task, and has written its end.
unsafe fn finish<F, T, M: Family>(task: *const Header) -> bool {
    // SAFETY: the caller holds a reference.
    let header = unsafe { &*task };
    let wanted = !header.word.is_unwanted();
    if !wanted {
        // While the task is still running: what its value's destructor does, the task does.
        // SAFETY: the claimer owns the packet until DONE.
        unsafe { disclaim::<F, T, M>(task) };
    }
    header.cold.drop_locals();
    wanted
}

/// # Safety
///
/// `task` is a task made by [`create`] with these types, it is DONE, and the caller has the right
/// to its end.
unsafe fn take<F, T, M>(task: *const Header) -> Option<End<T>> {
    // SAFETY: by the caller's promise the packet is the caller's.
    match std::mem::replace(unsafe { content::<F, T, M>(task) }, Content::Empty) {
        Content::Ended(end) => Some(end),
        _ => None,
    }
}

/// # Safety
///
/// As [`take`]; or the task is not DONE, and the caller claimed it.
unsafe fn disclaim<F, T, M: Family>(task: *const Header) {
    // SAFETY: by the caller's promise the packet is the caller's.
    if let Some(end) = unsafe { take::<F, T, M>(task) } {
        // SAFETY: the claimer, and whoever drops a handle, hold a reference meanwhile.
        let (header, family) = unsafe { (&*task, family::<F, T, M>(task)) };
        family.unclaimed(header, end);
    }
}

/// # Safety
///
/// `task` is a task made by [`create`] with these types, and the caller holds a reference.
unsafe fn tell<F, T, M: Family>(task: *const Header) {
    // SAFETY: the caller's promise.
    unsafe { family::<F, T, M>(task) }.ended();
}

unsafe fn free<F, T, M>(task: *const Header) {
    let cell = task.cast_mut().cast::<TaskCell<F, T, M>>();
    // SAFETY: the last reference is gone; `create` allocated the cell for these types, and wrote
    // it.
    unsafe {
        cell.drop_in_place();
        allocation::release(NonNull::new_unchecked(cell));
    }
}
