//! Counted references to tasks.

use std::fmt;
use std::mem::ManuallyDrop;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use super::Header;

/// A counted reference to a task.
pub(crate) struct TaskRef(NonNull<Header>);

// SAFETY: what other threads may do through a reference is atomic or immutable; the rest is the
// owner's by the contract page, and every access to it says so.
unsafe impl Send for TaskRef {}
// SAFETY: as above.
unsafe impl Sync for TaskRef {}

// An unwind through a user's frame leaves no task half changed: as `std::thread::Thread`.
impl UnwindSafe for TaskRef {}
impl RefUnwindSafe for TaskRef {}

impl TaskRef {
    /// A new reference beside one that lives.
    ///
    /// # Safety
    ///
    /// Somebody holds a reference at least until this returns.
    #[inline]
    pub(crate) unsafe fn retain(task: *const Header) -> TaskRef {
        // SAFETY: alive by the caller's promise.
        let before = unsafe { (*task).refs.fetch_add(1, Relaxed) };
        if before > u32::MAX / 2 {
            // More references than memory could hold honestly: leaked ones, which would wrap.
            std::process::abort();
        }
        // SAFETY: a reference is never null.
        TaskRef(unsafe { NonNull::new_unchecked(task.cast_mut()) })
    }

    /// Takes over a reference that was given up with [`TaskRef::into_raw`].
    ///
    /// # Safety
    ///
    /// `task` came from `into_raw`, and this is the only `from_raw` for it.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(task: *const Header) -> TaskRef {
        // SAFETY: the caller's promise.
        TaskRef(unsafe { NonNull::new_unchecked(task.cast_mut()) })
    }

    /// Gives the reference up without dropping it.
    #[inline(always)]
    pub(crate) fn into_raw(self) -> *const Header {
        ManuallyDrop::new(self).0.as_ptr()
    }

    /// The header's address.
    #[inline(always)]
    pub(crate) fn as_ptr(&self) -> *const Header {
        self.0.as_ptr()
    }
}

impl Clone for TaskRef {
    fn clone(&self) -> TaskRef {
        // SAFETY: `self` is a reference.
        unsafe { TaskRef::retain(self.as_ptr()) }
    }
}

impl std::ops::Deref for TaskRef {
    type Target = Header;

    #[inline(always)]
    fn deref(&self) -> &Header {
        // SAFETY: alive while a reference is.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for TaskRef {
    #[inline]
    fn drop(&mut self) {
        // A count of one is this reference: nobody else can raise or lower it.
        if self.refs.load(Acquire) == 1 || self.refs.fetch_sub(1, AcqRel) == 1 {
            // SAFETY: this was the last reference.
            unsafe { (self.vtable.free)(self.as_ptr()) };
        }
    }
}

impl fmt::Debug for TaskRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
