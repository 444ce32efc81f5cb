//! Wakers of tasks, for the futures that tasks poll.
//!
//! A waker is a counted reference to its task, so it may be kept for as long as anybody likes. Once
//! the task has ended, a call does nothing, and the reference keeps the task's memory, but neither
//! its stack nor anything that its closure owned.

use std::mem::ManuallyDrop;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::poll_again;
use crate::task::{Header, TaskRef};

/// The operations of a task's waker, whose data is the pointer that [`TaskRef::into_raw`] gives. A
/// static, so that all wakers of one task know each other by [`Waker::will_wake`].
static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, release);

/// A waker of the task that owns no reference to it. Clones own one each.
///
/// # Safety
///
/// Somebody holds a reference to the task for as long as the answer is used.
pub(crate) unsafe fn lend_waker(task: *const Header) -> ManuallyDrop<Waker> {
    // SAFETY: the functions of `VTABLE` keep the contract of `RawWakerVTable`: a `TaskRef` may be
    // used and dropped on any thread, and each of them counts references as its name says. The
    // waker itself is never dropped, and stands for the reference that somebody else holds.
    ManuallyDrop::new(unsafe { Waker::new(task.cast(), &VTABLE) })
}

/// The reference that a waker's data stands for, without taking it over.
///
/// # Safety
///
/// `data` is that of a waker made by [`lend_waker`], or of a clone, which is not dropped while the
/// answer is used.
unsafe fn borrowed(data: *const ()) -> ManuallyDrop<TaskRef> {
    // SAFETY: `data` points to a task to which the waker stands for a reference, and the answer is
    // never dropped, so that reference stays the waker's.
    ManuallyDrop::new(unsafe { TaskRef::from_raw(data.cast()) })
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the caller's waker, which lives during this call, stands for a reference to the task.
    let task = unsafe { TaskRef::retain(data.cast()) };
    RawWaker::new(task.into_raw().cast(), &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the caller gives its waker up, so the waker's reference is this function's now.
    poll_again(&unsafe { TaskRef::from_raw(data.cast()) });
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the caller's waker lives during this call.
    let task = unsafe { borrowed(data) };
    poll_again(&task);
}

unsafe fn release(data: *const ()) {
    // SAFETY: the caller gives its waker up, so the waker's reference is this function's now.
    drop(unsafe { TaskRef::from_raw(data.cast()) });
}
