//! The allocation of a task.

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::mem::{ManuallyDrop, offset_of};
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

use super::cold::{Cold, Meta};
use super::handle::Task;
use super::inbox::Linked;
use super::memory;
use super::reason::Reason;
use super::reference::TaskRef;
use super::word::{Completed, Word};
use crate::boundary::Waits;
use crate::loom::AtomicPtr;
use crate::stack::{self, SizeClass, Stack};
use crate::unwind::{self, Destination, Payload, Throw};

/// Where a started task is. The owner's alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Run {
    Queued,
    Running,
    Parked,
    Done,
}

/// The owner's flags: one byte, tested once at each park and each resume.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Flags(pub(crate) u8);

impl Flags {
    /// A wake came while the task was running.
    pub(crate) const TOKEN: u8 = 1 << 0;
    /// `Task::unpark`'s token.
    pub(crate) const PERMIT: u8 = 1 << 1;
    /// The task is cancelled.
    pub(crate) const CANCEL: u8 = 1 << 2;
    /// A boundary of the task has expired.
    pub(crate) const EXPIRED: u8 = 1 << 3;
    /// The panic hook has reported a panic of the task.
    pub(crate) const REPORTED: u8 = 1 << 4;
    /// The task's body panicked.
    pub(crate) const PANICKED: u8 = 1 << 5;

    /// Those that take a park, or a return from it, off the fast path.
    pub(crate) const SLOW: u8 = Self::TOKEN | Self::CANCEL | Self::EXPIRED;
}

/// What kind of task it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Kind {
    /// Started by its own worker only.
    pub(crate) local: bool,
    /// The program does not wait for it.
    pub(crate) daemon: bool,
}

// With a closure or result of two words a task is 128 bytes, the smaller of the sizes that threads
// keep memory of.
#[cfg(not(any(gocoro_asan, all(test, loom))))]
const _: () = assert!(size_of::<TaskCell<[usize; 2], ()>>() <= 128);

/// The head of a task's allocation. The page of the parent module says who may touch what.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) word: Word,
    pub(super) refs: AtomicU32,
    link: AtomicPtr<Header>,
    /// Here begin the 16 bytes that a switch touches, which lie on one cache line.
    pub(crate) run: Cell<Run>,
    pub(crate) flags: Cell<u8>,
    pub(crate) reason: Cell<Reason>,
    /// Stack size class: requested before the start, actual after.
    pub(crate) class: Cell<SizeClass>,
    /// How far below its stack's record the task suspended last; only a hint. Before it has one:
    /// how many workers had none for it.
    pub(crate) depth: Cell<u32>,
    stack: UnsafeCell<Option<Stack>>,
    pub(super) vtable: &'static VTable,
    /// Which runtime it belongs to.
    pub(crate) home: u32,
    pub(crate) kind: Kind,
    /// The boundaries that the task has open.
    pub(crate) waits: Waits,
    pub(crate) live_prev: Cell<*const Header>,
    pub(crate) live_next: Cell<*const Header>,
    pub(crate) joiner: Cell<*const ()>,
    pub(crate) id: u64,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(super) cold: Cold,
}

/// Where the bytes lie that a switch touches.
const SWITCHED: usize = offset_of!(Header, run);

#[cfg(not(any(gocoro_asan, all(test, loom))))]
const _: () =
    assert!(SWITCHED.is_multiple_of(16) && offset_of!(Header, stack) + 8 <= SWITCHED + 16);

impl Linked for Header {
    fn link(&self) -> &AtomicPtr<Header> {
        &self.link
    }
}

impl Header {
    /// The owner's way to a flag.
    #[inline(always)]
    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags.get() & flag != 0
    }

    #[inline(always)]
    pub(crate) fn set(&self, flag: u8) {
        self.flags.set(self.flags.get() | flag);
    }

    #[inline(always)]
    pub(crate) fn clear(&self, flag: u8) {
        self.flags.set(self.flags.get() & !flag);
    }

    /// Whether a cancel or an expiry is to be thrown at the task, and no shield hides it.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.has(Flags::CANCEL | Flags::EXPIRED) && self.waits.is_due(self.has(Flags::CANCEL))
    }

    /// Brings into the cache what a switch to the task touches of its header. Any address will do.
    #[inline(always)]
    pub(crate) fn prefetch(task: *const Header) {
        stack::prefetch(task.addr() + SWITCHED);
    }

    /// The stack, by the owner.
    ///
    /// # Safety
    ///
    /// Called on the owner's thread, and the answer is not kept across [`Header::take_stack`].
    #[inline(always)]
    pub(crate) unsafe fn stack(&self) -> Option<&Stack> {
        // SAFETY: only the owner's thread touches the field, by the contract page.
        unsafe { (*self.stack.get()).as_ref() }
    }

    /// Gives the task its stack.
    ///
    /// # Safety
    ///
    /// Called on the owner's thread.
    #[inline(always)]
    pub(crate) unsafe fn give_stack(&self, stack: Stack) {
        // SAFETY: as in `stack`.
        unsafe { *self.stack.get() = Some(stack) };
    }

    /// Takes the stack of a task that ended.
    ///
    /// # Safety
    ///
    /// Called on the owner's thread.
    #[inline(always)]
    pub(crate) unsafe fn take_stack(&self) -> Option<Stack> {
        // SAFETY: as in `stack`.
        unsafe { (*self.stack.get()).take() }
    }

    /// Runs the closure on the running stack, or drops it if the task is cancelled, and leaves the
    /// result. The answer is for [`Header::complete`].
    ///
    /// # Safety
    ///
    /// The caller claimed the task, and calls this once.
    #[must_use]
    pub(crate) unsafe fn execute(&self, cancelled: bool) -> bool {
        // SAFETY: the caller's promise.
        unsafe { (self.vtable.execute)(self, cancelled) }
    }

    /// Ends a task that was not started, or has only its closure left to be dropped: that is done here,
    /// its result is "refused". The answer is for [`Header::complete`].
    ///
    /// # Safety
    ///
    /// The caller claimed the task, and calls this instead of `execute`.
    #[must_use]
    pub(crate) unsafe fn refuse(&self) -> bool {
        // SAFETY: the caller's promise.
        unsafe { (self.vtable.refuse)(self) }
    }

    /// Ends the task: up to DONE. `last` runs when nothing of the user's is left to run; and once more
    /// if there was, for a handle that went just then.
    ///
    /// # Safety
    ///
    /// The caller claimed the task; `wanted` is what `execute` or `refuse` returned.
    #[inline(always)]
    pub(crate) unsafe fn complete(&self, mut wanted: bool, mut last: impl FnMut()) -> Completed {
        loop {
            last();
            match self.word.complete(wanted) {
                Completed::Unwanted => {
                    wanted = false;
                    // SAFETY: the handle went without DONE, so the result is still the claimer's.
                    unsafe { (self.vtable.drop_result)(self) };
                    self.cold.drop_locals();
                }
                done => return done,
            }
        }
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("id", &self.id)
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

pub(super) struct VTable {
    execute: unsafe fn(*const Header, bool) -> bool,
    refuse: unsafe fn(*const Header) -> bool,
    drop_result: unsafe fn(*const Header),
    pub(super) free: unsafe fn(*const Header),
}

/// How a task ended.
pub(crate) enum End<T> {
    Returned(T),
    Panicked(Payload),
    Cancelled,
    Refused,
}

enum Stage<F, T> {
    Closure(F),
    Ended(End<T>),
    Empty,
}

#[repr(C)]
struct TaskCell<F, T> {
    header: Header,
    stage: UnsafeCell<Stage<F, T>>,
}

/// What a spawn gives a new task besides its closure.
#[derive(Debug)]
pub(crate) struct Created {
    pub(crate) id: u64,
    pub(crate) home: u32,
    pub(crate) kind: Kind,
    pub(crate) class: SizeClass,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) meta: Option<Box<Meta>>,
}

/// The right to take a task's result: what a join handle holds.
pub(crate) struct Spawned<T> {
    task: ManuallyDrop<Task>,
    take: unsafe fn(*const Header) -> Option<End<T>>,
}

// SAFETY: the result moves to whoever holds this, so it is as `Send` as the result. All else is
// reached through the reference.
unsafe impl<T: Send> Send for Spawned<T> {}
// SAFETY: by shared reference only the header is reached.
unsafe impl<T: Send> Sync for Spawned<T> {}

/// Makes a task: the reference for whatever runs it, and the one for the join handle.
#[inline]
pub(crate) fn create<F, T>(closure: F, created: Created) -> (TaskRef, Spawned<T>)
where
    F: FnOnce() -> T,
{
    let cell = memory::allocate::<TaskCell<F, T>>();
    let raw = cell.as_ptr();
    // Written field by field: a header that is made elsewhere and moved here costs a copy.
    // SAFETY: every field of the new allocation is written once, and none is read.
    unsafe {
        let header = &raw mut (*raw).header;
        (&raw mut (*header).word).write(Word::new());
        (&raw mut (*header).refs).write(AtomicU32::new(2));
        (&raw mut (*header).link).write(AtomicPtr::new(std::ptr::null_mut()));
        (&raw mut (*header).vtable).write(
            const {
                &VTable {
                    execute: execute::<F, T>,
                    refuse: refuse::<F, T>,
                    drop_result: drop_result::<F, T>,
                    free: free::<F, T>,
                }
            },
        );
        (&raw mut (*header).run).write(Cell::new(Run::Queued));
        (&raw mut (*header).flags).write(Cell::new(0));
        (&raw mut (*header).reason).write(Cell::new(Reason::Park));
        (&raw mut (*header).kind).write(created.kind);
        (&raw mut (*header).class).write(Cell::new(created.class));
        (&raw mut (*header).home).write(created.home);
        (&raw mut (*header).stack).write(UnsafeCell::new(None));
        (&raw mut (*header).depth).write(Cell::new(0));
        (&raw mut (*header).waits).write(Waits::new());
        (&raw mut (*header).live_prev).write(Cell::new(std::ptr::null()));
        (&raw mut (*header).live_next).write(Cell::new(std::ptr::null()));
        (&raw mut (*header).joiner).write(Cell::new(std::ptr::null()));
        (&raw mut (*header).id).write(created.id);
        (&raw mut (*header).spawned_at).write(created.spawned_at);
        (&raw mut (*header).cold).write(Cold::new(created.meta));
        (&raw mut (*raw).stage).write(UnsafeCell::new(Stage::Closure(closure)));
    }
    let raw = raw.cast::<Header>().cast_const();
    // SAFETY: the count starts at two, for these two; the header is the first field (`repr(C)`).
    let (queue, handle) = unsafe { (TaskRef::from_raw(raw), TaskRef::from_raw(raw)) };
    (queue, Spawned { task: ManuallyDrop::new(Task::new(handle)), take: take::<F, T> })
}

impl<T> Spawned<T> {
    #[inline(always)]
    pub(crate) fn task(&self) -> &Task {
        &self.task
    }

    /// Takes the result of a task that is done.
    pub(crate) fn take(self) -> (End<T>, Task) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used as a handle again.
        let task = unsafe { ManuallyDrop::take(&mut this.task) };
        assert!(task.inner.word.is_done(), "the result of a task that is not done");
        // SAFETY: the task is DONE, and the result belongs to this handle, which is consumed.
        let end = unsafe { (this.take)(task.inner.as_ptr()) };
        (end.expect("the result was taken before, by `select!`"), task)
    }

    /// Takes the result of a task that is done, and leaves a handle without one.
    pub(crate) fn take_by_ref(&mut self) -> (End<T>, Task) {
        let task = Task::clone(&self.task);
        assert!(task.inner.word.is_done(), "the result of a task that is not done");
        // SAFETY: the task is DONE, and the result belongs to this handle, which is borrowed alone.
        let end = unsafe { (self.take)(task.inner.as_ptr()) };
        (end.expect("the result was taken before, by `select!`"), task)
    }
}

impl<T> Drop for Spawned<T> {
    fn drop(&mut self) {
        // SAFETY: dropped once, here; kept alive over the next lines.
        let task = unsafe { ManuallyDrop::take(&mut self.task) }.inner;
        if task.word.release_handle() {
            // SAFETY: DONE, and this was the handle: the result is ours.
            unsafe { (task.vtable.drop_result)(task.as_ptr()) };
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
/// `task` is a task made by [`create`] with these types, and the caller may touch its stage.
unsafe fn stage<'a, F, T>(task: *const Header) -> &'a mut Stage<F, T> {
    // SAFETY: the header is the cell's first field; the caller may touch the stage alone.
    unsafe { &mut *(*task.cast::<TaskCell<F, T>>()).stage.get() }
}

unsafe fn execute<F: FnOnce() -> T, T>(task: *const Header, cancelled: bool) -> bool {
    // SAFETY: the claimer owns the stage until DONE.
    let stage: *mut Stage<F, T> = unsafe { stage::<F, T>(task) };
    // SAFETY: as above.
    let Stage::Closure(closure) = (unsafe { stage.replace(Stage::Empty) }) else {
        unreachable!("a task runs once");
    };
    // SAFETY: the worker that runs it holds a reference.
    let header = unsafe { &*task };
    // The result is written where it stays: moved there through other frames, it costs a stall.
    let ended = unwind::catch(|| {
        if cancelled {
            never_run(closure);
            // SAFETY: as above; the stage is empty.
            return unsafe { stage.write(Stage::Ended(End::Cancelled)) };
        }
        unwind::__rust_begin_short_backtrace(|| {
            let value = closure();
            // SAFETY: as above; the stage is empty.
            unsafe { stage.write(Stage::Ended(End::Returned(value))) };
        });
    });
    if let Err(payload) = ended {
        let end = root(header, payload);
        // SAFETY: as above; an unwinding closure has written nothing.
        unsafe { stage.write(Stage::Ended(end)) };
    }
    // SAFETY: still the claimer, and the end is written.
    unsafe { finish::<F, T>(task) }
}

/// Drops the closure of a task that was cancelled before its start as an unwinding would, thrown at
/// its first step: so that destructors may wait, and their I/O does not hang.
fn never_run<F>(closure: F) {
    let _closure = closure;
    if std::mem::needs_drop::<F>() && cfg!(panic = "unwind") {
        Throw::raise(Destination::Root);
    }
}

/// What an unwinding that left a task means: `Err` with it if the task was cancelled, else its panic.
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

unsafe fn refuse<F: FnOnce() -> T, T>(task: *const Header) -> bool {
    // SAFETY: the claimer owns the stage until DONE.
    let closure = std::mem::replace(unsafe { stage::<F, T>(task) }, Stage::Empty);
    unwind::drop_quietly(closure);
    // SAFETY: as above.
    *unsafe { stage::<F, T>(task) } = Stage::Ended(End::Refused);
    // SAFETY: still the claimer, and the end is written.
    unsafe { finish::<F, T>(task) }
}

/// # Safety
///
/// The caller claimed the task, and has written how it ended.
unsafe fn finish<F, T>(task: *const Header) -> bool {
    // SAFETY: the caller holds a reference.
    let header = unsafe { &*task };
    let wanted = !header.word.is_unwanted();
    if !wanted {
        // While the task is still running: what its result's destructor does, the task does.
        // SAFETY: the claimer owns the stage until DONE.
        unsafe { drop_result::<F, T>(task) };
    }
    header.cold.drop_locals();
    wanted
}

unsafe fn take<F, T>(task: *const Header) -> Option<End<T>> {
    // SAFETY: DONE, and the caller holds the right to the result.
    match std::mem::replace(unsafe { stage::<F, T>(task) }, Stage::Empty) {
        Stage::Ended(end) => Some(end),
        _ => None,
    }
}

/// Drops a result that nobody can join: whether its task does or whoever gave its handle up is decided
/// by a race.
unsafe fn drop_result<F, T>(task: *const Header) {
    // SAFETY: the caller holds the right to the result.
    let end = std::mem::replace(unsafe { stage::<F, T>(task) }, Stage::Empty);
    let lost = matches!(end, Stage::Ended(End::Panicked(_)));
    unwind::drop_quietly(end);
    if lost {
        super::handle::panic_lost();
    }
}

unsafe fn free<F, T>(task: *const Header) {
    let cell = task.cast_mut().cast::<TaskCell<F, T>>();
    // SAFETY: the last reference is gone; `create` allocated it for these types, and wrote it.
    unsafe {
        cell.drop_in_place();
        memory::release(NonNull::new_unchecked(cell));
    }
}
