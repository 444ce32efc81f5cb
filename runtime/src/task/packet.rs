//! A task's packet: its closure, and later its end, which says how the task ended. One protocol
//! tells of every task's end, be it to a `JoinHandle`, a scope or a group.
//!
//! # Whose the end is
//!
//! The end of a task, an [`End`], stays in the task's allocation. There is one right to take it:
//! the [`Spawned`], which a join handle holds, and for which the bit HANDLE stands in the word.
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
//! A task may belong to a family: a scope, or a group. The membership is a value in the task's
//! allocation whose type depends on the kind of family. The family of all other tasks is a type
//! without a size that is not told of ends, so it costs nothing. The steps of an end:
//!
//! 1. The closure has been run or dropped, and the end is written. If nobody wants it, it goes to
//!    `unclaimed`: on the task's stack, since the value's destructor may wait. Then the task's
//!    values of task-locals go.
//! 2. The word becomes DONE. If the handle has gone since step 1, the end goes to `unclaimed`
//!    first.
//! 3. The family is told, once, by [`Family::ended`].
//! 4. The joiner is woken, if one waits. A protocol of its own (`JoinNode`) keeps the joiner's node
//!    alive for that, whatever the family does once it was told. Because the family is told first,
//!    a joiner that then ends its scope finds that this child has ended, and need not wait for it.
//!
//! Every end goes through these steps, also if the task was cancelled or refused before it ran. A
//! task enters its family before it is queued, so it cannot end before it has entered. A spawn that
//! fails makes no task, and nothing enters.
//!
//! A panic is lost if nobody can take the end that it is in. The family decides what becomes of it.
//! A scope keeps the first panic and raises it. All other lost panics go to the runtime, which does
//! what `on_panic` of `#[go_main]` says.
//!
//! # Borrowed closures and values
//!
//! A scope's child may borrow from the scope's surroundings, which may be gone once the scope has
//! been told of the child's end. By then the closure is gone (step 1), and the task does not touch
//! its packet any more (step 2). The value is gone too, or belongs to the holder of the
//! [`Spawned`], which outlives the scope only if it is leaked. Whoever leaks a [`Spawned`] also
//! leaks its reference to the task. So the task is never freed, and its value, which may point to
//! memory that is gone, is never touched again.
//!
//! Freeing a task therefore never drops a value. It drops a closure only if nobody has claimed the
//! task, which then has not ended.

use std::cell::{Cell, UnsafeCell};
use std::mem::offset_of;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

use super::family::{Family, PlainScope, TaskScope};
use super::handle::{Task, panicked};
use super::meta::{Meta, MetaPtr};
use super::reason::Reason;
use super::reference::TaskRef;
use super::spawned::Spawned;
use super::word::Word;
use super::{Header, How, Kind, Outcome, Run, allocation};
use crate::boundary::Waits;
use crate::loom::AtomicPtr;
use crate::stack::SizeClass;
use crate::unwind::{self, Payload};

/// How a task ended.
pub(crate) enum End<T> {
    /// The closure returned this value.
    Returned(T),
    /// The closure, or its destructor, panicked with this payload. A pointer to it has one word,
    /// so that tasks without a large value are a word smaller.
    Panicked(Box<Payload>),
    /// The task was unwound by a cancel, or was cancelled before its closure ran.
    Cancelled,
    /// The closure never ran: there was no stack for it, or its runtime was closed.
    Refused,
}

impl<T> End<T> {
    fn outcome(&self) -> Outcome {
        match self {
            End::Returned(_) => Outcome::Returned,
            End::Panicked(_) => Outcome::Panicked,
            End::Cancelled => Outcome::Cancelled,
            End::Refused => Outcome::Refused,
        }
    }
}

/// What a packet has in it.
enum Content<F, T> {
    Closure(F),
    Ended(End<T>),
    Empty,
}

/// A task's allocation. The header is its first field, so that a pointer to the header is one to
/// the cell.
#[repr(C)]
struct TaskCell<F, T, M> {
    header: Header,
    family: M,
    content: UnsafeCell<Content<F, T>>,
}

// The sizes of memory that threads keep hold tasks whose closure and result have a word, and those
// with two.
#[cfg(not(any(gocoro_asan, all(test, loom))))]
const _: () = assert!(
    size_of::<TaskCell<usize, usize, ()>>() <= 120
        && size_of::<TaskCell<[usize; 2], [usize; 2], ()>>() <= 136
);

/// A task's operations that depend on the types of its closure, its value and its family.
pub(super) struct VTable {
    /// Runs the closure, or drops it, and writes the end. See [`Header::execute`].
    pub(super) execute: unsafe fn(*const Header, How) -> bool,
    /// Takes the end out of the packet, and writes it to a place for an `Option<End<T>>`.
    pub(super) take: unsafe fn(*const Header, *mut ()),
    /// Takes the end out of the packet, and gives it to [`Family::unclaimed`].
    pub(super) disclaim: unsafe fn(*const Header),
    /// Calls [`Family::ended`]. `None`: the family is not told.
    pub(super) tell: Option<unsafe fn(*const Header)>,
    /// Calls [`Family::scope`]. `None`: the task belongs to nothing.
    pub(super) scope: Option<unsafe fn(*const Header) -> Option<TaskScope>>,
    /// Drops the whole cell, and frees its memory.
    pub(super) free: unsafe fn(*const Header),
    /// What another process may read of the scope.
    pub(super) plain: PlainScope,
}

/// What a spawn says of a new task besides its closure.
#[derive(Debug)]
pub(crate) struct Created {
    pub(crate) id: u64,
    pub(crate) kind: Kind,
    pub(crate) class: SizeClass,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) meta: Option<Box<Meta>>,
}

/// Makes a task. `enter` is given the right to the task's end, and makes of it the task's
/// membership in its family, and a second value. Returns the reference for the queue that the task
/// will be in, and that second value.
///
/// While `enter` runs, the task is whole but for its family. Others may reach the task then, but
/// nobody runs it or frees it.
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
    // The fields are written one by one, since a header that is made elsewhere and moved here costs
    // a copy.
    // SAFETY: `raw` points to new memory for the cell. Every field but `family` is written here,
    // once, and none is read.
    unsafe {
        let header = &raw mut (*raw).header;
        (&raw mut (*header).word).write(Word::new());
        (&raw mut (*header).refs).write(AtomicU32::new(2));
        (&raw mut (*header).link).write(AtomicPtr::new(std::ptr::null_mut()));
        (&raw mut (*header).vtable).write(
            const {
                &VTable {
                    execute: execute::<F, T, M>,
                    take: take_to::<F, T, M>,
                    disclaim: disclaim::<F, T, M>,
                    tell: if M::IS_TOLD { Some(tell::<F, T, M>) } else { None },
                    scope: if M::IS_TOLD { Some(scope::<F, T, M>) } else { None },
                    free: free::<F, T, M>,
                    plain: M::PLAIN.in_task(offset_of!(TaskCell<F, T, M>, family)),
                }
            },
        );
        (&raw mut (*header).run).write(Cell::new(Run::Queued));
        (&raw mut (*header).flags).write(Cell::new(0));
        (&raw mut (*header).reason).write(Cell::new(Reason::Park));
        (&raw mut (*header).kind).write(created.kind);
        (&raw mut (*header).outcome).write(Cell::new(Outcome::Returned));
        (&raw mut (*header).class).write(Cell::new(created.class));
        (&raw mut (*header).stack).write(UnsafeCell::new(None));
        (&raw mut (*header).depth).write(Cell::new(0));
        (&raw mut (*header).waits).write(Waits::new());
        (&raw mut (*header).own_stack).write(Cell::new(false));
        (&raw mut (*header).live_prev).write(Cell::new(std::ptr::null()));
        (&raw mut (*header).live_next).write(Cell::new(std::ptr::null()));
        (&raw mut (*header).joiner).write(Cell::new(std::ptr::null()));
        (&raw mut (*header).id).write(created.id);
        (&raw mut (*header).spawned_at).write(created.spawned_at);
        (&raw mut (*header).meta).write(MetaPtr::new(created.meta));
        (&raw mut (*raw).content).write(UnsafeCell::new(Content::Closure(closure)));
    }
    let task = raw.cast::<Header>().cast_const();
    // SAFETY: the header is the cell's first field (`repr(C)`), and its count starts at two. This
    // takes over the first of the two references.
    let handle = unsafe { TaskRef::from_raw(task) };
    // Running and freeing the task both need its family. Neither happens before the family is
    // written, for the second reference is still nobody's.
    // SAFETY: the task was made just now, for a closure that returns a `T`.
    let right = unsafe { Spawned::new(Task::new(handle)) };
    let (family, entered) = enter(right);
    // SAFETY: `raw` points to the cell, and its field `family` is written here only, before anybody
    // reads it.
    unsafe { (&raw mut (*raw).family).write(family) };
    // SAFETY: this takes over the second of the two references with which the count started.
    (unsafe { TaskRef::from_raw(task) }, entered)
}

/// The content of a task's packet.
///
/// # Safety
///
/// `task` was made by [`create`] with these types. The caller may touch its packet, by the table on
/// this module's page, for as long as it uses the answer, and has no second answer meanwhile.
unsafe fn content<'a, F, T, M>(task: *const Header) -> &'a mut Content<F, T> {
    // SAFETY: the header is the first field of a cell of these types, and the caller may touch the
    // packet, so nobody else does meanwhile.
    unsafe { &mut *(*task.cast::<TaskCell<F, T, M>>()).content.get() }
}

/// A task's membership in its family.
///
/// # Safety
///
/// `task` was made by [`create`] with these types, and somebody holds a reference to it for as long
/// as the caller uses the answer.
unsafe fn family<'a, F, T, M>(task: *const Header) -> &'a M {
    // SAFETY: the header is the first field of a cell of these types. `family` was written before
    // the task could be run, joined or freed, and never changes.
    unsafe { &(*task.cast::<TaskCell<F, T, M>>()).family }
}

/// Runs the closure, or drops it, and writes the end. Whether the end is wanted.
///
/// # Safety
///
/// `task` was made by [`create`] with these types, the caller claimed it, and calls this once.
unsafe fn execute<F: FnOnce() -> T, T, M: Family>(task: *const Header, how: How) -> bool {
    // SAFETY: the task has these types and is not DONE, so its packet belongs to the claimer, which
    // is the caller.
    let content: *mut Content<F, T> = unsafe { content::<F, T, M>(task) };
    // SAFETY: `content` points into the task, and its packet belongs to the claimer, which is the
    // caller.
    let Content::Closure(closure) = (unsafe { content.replace(Content::Empty) }) else {
        unreachable!("a task runs once");
    };
    // SAFETY: whoever has claimed the task holds a reference to it meanwhile.
    let header = unsafe { &*task };
    if how == How::Run {
        // The value is written to where it stays right away. Moving it there through other frames
        // costs a stall.
        let ended = unwind::catch(|| {
            unwind::__rust_begin_short_backtrace(|| {
                let value = closure();
                // SAFETY: `content` still points to the claimer's packet, which is empty, so
                // nothing is overwritten.
                unsafe { content.write(Content::Ended(End::Returned(value))) };
            });
        });
        if let Err(payload) = ended {
            let end = root(header, payload);
            header.outcome.set(end.outcome());
            // SAFETY: `content` still points to the claimer's packet, which is empty, since nothing
            // was written if `closure` has unwound.
            unsafe { content.write(Content::Ended(end)) };
        }
    } else {
        // SAFETY: the task has these types, and whoever has claimed it holds a reference to it
        // meanwhile.
        let family = unsafe { family::<F, T, M>(task) };
        // SAFETY: `content` still points to the claimer's packet, which is empty.
        drop_closure(header, family, closure, how, unsafe { &mut *content });
    }
    // SAFETY: the caller claimed the task, which is not DONE, and its end is written.
    unsafe { finish::<F, T, M>(task) }
}

/// Drops the closure of a task that was cancelled before its start, in the middle of an unwinding,
/// as if the cancel had been thrown at the task's first step. A panic of a destructor is the
/// task's.
#[cold]
fn never_run<F, T>(header: &Header, closure: F) -> End<T> {
    if !std::mem::needs_drop::<F>() {
        return End::Cancelled;
    }
    match unwind::amid_cancel(|| drop(closure)) {
        Ok(()) => End::Cancelled,
        Err(payload) => root(header, payload),
    }
}

/// What the payload of an unwinding that reached a task's root means. `Err` has the payload if the
/// task was cancelled; `Ok` has the payload of the task's panic.
///
/// User code may keep a throw's payload, and raise it again when its boundary is gone, or in
/// another task. That is a panic like any other. It is given a payload of another kind, so that no
/// boundary takes it for its own.
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

/// The end of a task whose root this unwinding reached. A panic is told of here.
fn root<T>(header: &Header, payload: Payload) -> End<T> {
    match panic_of(header, payload) {
        Err(_) => End::Cancelled,
        Ok(payload) => {
            panicked(header, &*payload);
            End::Panicked(Box::new(payload))
        }
    }
}

/// Drops the closure of a task that is not run, and writes the end. Apart from [`execute`], in
/// whose frame the moves of large closures and values would take room for as long as a task runs.
#[cold]
#[inline(never)]
fn drop_closure<F, T, M: Family>(
    header: &Header,
    family: &M,
    closure: F,
    how: How,
    content: &mut Content<F, T>,
) {
    let end = match how {
        How::Refuse => family.refused(header, unwind::catch(|| drop(closure))),
        _ => never_run(header, closure),
    };
    header.outcome.set(end.outcome());
    *content = Content::Ended(end);
}

/// Step 1 of an end, once the end is written: drops an end that nobody wants, and the task-locals.
/// Whether the end is wanted.
///
/// # Safety
///
/// `task` was made by [`create`] with these types and is not DONE, and the caller claimed it and
/// has written its end.
unsafe fn finish<F, T, M: Family>(task: *const Header) -> bool {
    // SAFETY: whoever has claimed the task holds a reference to it meanwhile.
    let header = unsafe { &*task };
    let wanted = !header.word.is_unwanted();
    if !wanted {
        // The value's destructor runs here, while the task still runs, so that it may wait.
        // SAFETY: the task has these types and is not DONE, and the caller claimed it.
        unsafe { disclaim::<F, T, M>(task) };
    }
    header.drop_locals();
    wanted
}

/// Takes the end out of a task's packet, if it has one.
///
/// # Safety
///
/// `task` was made by [`create`] with these types, and the caller may touch its packet: it has
/// claimed the task, which is not DONE, or the task is DONE and the caller has the right to its
/// end.
unsafe fn take<F, T, M>(task: *const Header) -> Option<End<T>> {
    // SAFETY: the task has these types, and the caller may touch its packet.
    match std::mem::replace(unsafe { content::<F, T, M>(task) }, Content::Empty) {
        Content::Ended(end) => Some(end),
        _ => None,
    }
}

/// Takes the end out of a task's packet, and writes it to `place`, which is for an
/// `Option<End<T>>`.
///
/// # Safety
///
/// `task` was made by [`create`] with these types, is DONE, and the caller has the right to its
/// end. `place` is valid for writes, and aligned.
unsafe fn take_to<F, T, M>(task: *const Header, place: *mut ()) {
    // SAFETY: the caller's promise.
    unsafe { place.cast::<Option<End<T>>>().write(take::<F, T, M>(task)) };
}

/// Takes the end out of a task's packet, and gives it to the family, for nobody will take it.
///
/// # Safety
///
/// `task` was made by [`create`] with these types, and the caller may touch its packet: it has
/// claimed the task, which is not DONE, or the task is DONE and the caller has the right to its
/// end.
unsafe fn disclaim<F, T, M: Family>(task: *const Header) {
    // SAFETY: the task has these types, and the caller may touch its packet.
    if let Some(end) = unsafe { take::<F, T, M>(task) } {
        // SAFETY: the task has these types. Whoever has claimed it, or drops its handle, holds a
        // reference to it meanwhile.
        let (header, family) = unsafe { (&*task, family::<F, T, M>(task)) };
        family.unclaimed(header, end);
    }
}

/// Tells the family that the task has ended.
///
/// # Safety
///
/// `task` was made by [`create`] with these types, and somebody holds a reference to it until this
/// returns.
unsafe fn tell<F, T, M: Family>(task: *const Header) {
    // SAFETY: the task has these types, and somebody holds a reference to it until this returns.
    unsafe { family::<F, T, M>(task) }.ended();
}

/// Names the family.
///
/// # Safety
///
/// `task` was made by [`create`] with these types, its family has been written, and somebody holds
/// a reference to it until this returns.
unsafe fn scope<F, T, M: Family>(task: *const Header) -> Option<TaskScope> {
    // SAFETY: the task has these types and its family, and somebody holds a reference to it until
    // this returns.
    unsafe { family::<F, T, M>(task) }.scope()
}

/// Drops a task's cell, and frees its memory.
///
/// # Safety
///
/// `task` was made by [`create`] with these types, and the last reference to it is gone.
unsafe fn free<F, T, M>(task: *const Header) {
    let cell = task.cast_mut().cast::<TaskCell<F, T, M>>();
    // SAFETY: `create` allocated the cell for these types and has written all of its fields, and
    // nobody has a reference to the task any more.
    unsafe {
        cell.drop_in_place();
        allocation::release(NonNull::new_unchecked(cell));
    }
}
