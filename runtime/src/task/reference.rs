//! Counted references to tasks.

use std::fmt;
use std::mem::ManuallyDrop;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::Header;

/// A counted reference to a task.
pub(crate) struct TaskRef(NonNull<Header>);

// SAFETY: the fields of a header that other threads use through a reference are atomic or
// immutable. The contract page gives all others to the owner's thread, and each access to them says
// so.
unsafe impl Send for TaskRef {}
// SAFETY: a shared `TaskRef` gives no access that an own one, which is `Send`, does not.
unsafe impl Sync for TaskRef {}

// An unwind through a user's frame leaves no task half changed, so `TaskRef` is unwind safe, as
// `std::thread::Thread` is.
impl UnwindSafe for TaskRef {}
impl RefUnwindSafe for TaskRef {}

impl TaskRef {
    /// Makes a new reference to a task.
    ///
    /// # Safety
    ///
    /// `task` points to a task, and somebody holds a reference to it at least until this returns.
    #[inline]
    pub(crate) unsafe fn retain(task: *const Header) -> TaskRef {
        // SAFETY: somebody holds a reference to `task` until this returns, so the task is alive.
        let before = unsafe { (*task).refs.fetch_add(1, Relaxed) };
        if before > u32::MAX / 2 {
            // So many references do not fit into memory, so most were leaked. The count must not
            // wrap, or the task would be freed while it is in use.
            std::process::abort();
        }
        // SAFETY: `task` points to a task, so it is not null.
        TaskRef(unsafe { NonNull::new_unchecked(task.cast_mut()) })
    }

    /// Takes over a reference that was given up with [`TaskRef::into_raw`].
    ///
    /// # Safety
    ///
    /// `task` came from `into_raw`, and this is the only `from_raw` for it.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(task: *const Header) -> TaskRef {
        // SAFETY: `task` came from `into_raw`, which returns no null pointer.
        TaskRef(unsafe { NonNull::new_unchecked(task.cast_mut()) })
    }

    /// Gives the reference up without dropping it.
    #[inline(always)]
    pub(crate) fn into_raw(self) -> *const Header {
        ManuallyDrop::new(self).0.as_ptr()
    }

    /// Drops the reference of a task's worker to a task that has ended.
    ///
    /// `alone`: what [`Header::is_alone_here`] said, and no task has run since.
    #[inline(always)]
    pub(crate) fn release(self, alone: bool) {
        if alone {
            self.refs.store(1, Release);
            std::mem::forget(self);
        }
    }

    /// The address of the task's header.
    #[inline(always)]
    pub(crate) fn as_ptr(&self) -> *const Header {
        self.0.as_ptr()
    }
}

impl Clone for TaskRef {
    fn clone(&self) -> TaskRef {
        // SAFETY: `self` is a reference to the task, and outlives this call.
        unsafe { TaskRef::retain(self.as_ptr()) }
    }
}

impl std::ops::Deref for TaskRef {
    type Target = Header;

    #[inline(always)]
    fn deref(&self) -> &Header {
        // SAFETY: `self` is a reference to the task, so the task is alive while `self` is borrowed.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for TaskRef {
    #[inline]
    fn drop(&mut self) {
        // A count of one is this reference, so nobody else can raise or lower the count: the
        // read-modify-write is saved.
        if self.refs.load(Acquire) == 1 || self.refs.fetch_sub(1, AcqRel) == 1 {
            // SAFETY: this was the last reference, so nobody else reaches the task; the vtable is
            // that of its types.
            unsafe { (self.vtable.free)(self.as_ptr()) };
        }
    }
}

impl fmt::Debug for TaskRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
