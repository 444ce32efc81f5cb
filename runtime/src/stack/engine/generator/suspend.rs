//! How a running coroutine suspends itself.
//!
//! A suspension goes by a handle of its pool's, whose address the coroutine has as `generator`'s
//! local data. That data being null says that a coroutine of gocoro's has the stack, and not a
//! task: `co_yield_with`, which suspends whoever runs, looks for one with local data, and so passes
//! over those inside which the task waits.

use std::io;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::{self, NonNull};

use super::bare::Bare;
use super::{Coroutine, Handle, ask};
use crate::limits::STACK_BYTES_MIN;
use crate::stack::Job;
#[cfg(gocoro_asan)]
use crate::stack::sanitizer;
use crate::unwind;

/// `generator`'s handle to suspend by. It suspends whichever coroutine runs on this thread, not the
/// coroutine that it was made for.
pub(in crate::stack) type Own<'scope> = ::generator::Scope<'scope, 'static, Job, ()>;

/// The handle by which all stacks of a worker suspend. It was made for a coroutine that has ended
/// and is kept with it: each suspension writes the value that it yields, which is `()`, to that
/// coroutine's record.
pub(in crate::stack) struct Suspender {
    /// The handle, in a leaked box: the stacks have its address, and the suspender itself may move.
    by: NonNull<MaybeUninit<Own<'static>>>,
    _made_for: Bare,
}

impl Suspender {
    pub(in crate::stack) fn new() -> io::Result<Suspender> {
        ask::ask(STACK_BYTES_MIN)?;
        let by = NonNull::from(Box::leak(Box::new(MaybeUninit::uninit())));
        let place = by.as_ptr().expose_provenance();
        let body = move |own: Own<'_>| {
            let place = std::ptr::with_exposed_provenance_mut::<MaybeUninit<Own<'static>>>(place);
            // SAFETY: this runs inside `new`, which has just leaked the box that `place` points to.
            // The transmute changes a lifetime only: the handle refers to the coroutine's record,
            // which the suspender keeps as long as the handle.
            unsafe { (*place).write(std::mem::transmute::<Own<'_>, Own<'static>>(own)) };
        };
        // The kernel may still refuse, if memory has gone elsewhere since `ask`. Then `generator`
        // panics.
        let made = unwind::catch(|| Bare::new(body));
        let Ok(mut made_for) = made else {
            // SAFETY: `by` came from `Box::leak` above, and the body that also had it is gone.
            drop(unsafe { Box::from_raw(by.as_ptr()) });
            return Err(io::Error::from(io::ErrorKind::OutOfMemory));
        };
        made_for.resume();
        Ok(Suspender { by, _made_for: made_for })
    }

    /// The address of the handle, which is valid as long as the suspender.
    pub(in crate::stack) fn handle(&self) -> Handle {
        self.by.as_ptr().cast()
    }
}

impl Drop for Suspender {
    fn drop(&mut self) {
        // SAFETY: `by` came from `Box::leak` in `new`. The stacks that have its address are those
        // of the pool to which this suspender belongs, and they are gone before the pool.
        drop(unsafe { Box::from_raw(self.by.as_ptr()) });
    }
}

impl std::fmt::Debug for Suspender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Suspender").finish_non_exhaustive()
    }
}

impl Coroutine {
    /// The handle by which the coroutine suspends while a task has it.
    #[inline(always)]
    pub(in crate::stack) fn handle(&self) -> Handle {
        self.generator().get_local_data().cast()
    }

    /// Suspends the running coroutine, on which the caller runs, by this handle.
    ///
    /// `generator`'s handle is inlined, so the switch returns through no frame of its own, whose
    /// mispredicted return would cost as much as the switch.
    ///
    /// # Safety
    ///
    /// `by` is the handle of the pool that made the stack, and the pool is alive. The caller has
    /// its frame on this stack.
    #[inline(always)]
    pub(in crate::stack) unsafe fn suspend_by(&self, by: Handle) {
        // SAFETY: the caller's promise.
        suspend_by(&mut *unsafe { copy(by) });
    }

    /// Suspends this coroutine, which a task has, from a frame on another stack, at `here`: of
    /// whatever the task itself runs. `generator` notes itself which coroutines of gocoro's are
    /// suspended with it.
    #[cold]
    #[inline(never)]
    pub(in crate::stack) fn suspend_whole<'a>(
        &self,
        here: usize,
        _inside: impl Iterator<Item = &'a Coroutine>,
    ) {
        // Anything but null marks the coroutine as the one that is suspended.
        let by = self.generator().get_local_data();
        self.generator().set_local_data(ptr::with_exposed_provenance_mut(here));
        #[cfg(gocoro_asan)]
        sanitizer::suspend(Some(|| ::generator::co_yield_with(())));
        #[cfg(not(gocoro_asan))]
        ::generator::co_yield_with(());
        self.generator().set_local_data(by);
    }

    /// Where the frame is from which this coroutine was suspended as a
    /// [whole](Self::suspend_whole). `None`: it lies on this stack. `by` is the handle of the pool
    /// that made the stack.
    pub(in crate::stack) fn place(&self, by: Handle) -> Option<usize> {
        let data = self.generator().get_local_data();
        (data != by.cast()).then(|| data.addr())
    }

    /// Notes that a coroutine of gocoro's has this stack, which only its own handle suspends.
    pub(in crate::stack) fn lend(&self) {
        self.generator().set_local_data(ptr::null_mut());
    }

    /// Notes that no coroutine of gocoro's has this stack any longer.
    pub(in crate::stack) fn take_back(&self, by: Handle) {
        // Anything but null also marks the coroutine as the one that `co_yield_with` suspends, from
        // inside a generator that the task itself runs too.
        self.generator().set_local_data(by.cast());
    }
}

/// A copy of the handle for one suspension, so that no two suspensions borrow one handle at once.
/// All copies refer to one record, which does no harm: suspensions of this thread write there, and
/// nobody reads.
///
/// # Safety
///
/// `own` came from [`Suspender::handle`], and that suspender is alive until the copy is no longer
/// used.
#[inline(always)]
unsafe fn copy(own: *const Own<'static>) -> ManuallyDrop<Own<'static>> {
    // SAFETY: `own` points to a live suspender's handle, which is initialised, and the copy is
    // never dropped.
    ManuallyDrop::new(unsafe { own.read() })
}

/// Suspends the running coroutine by this handle.
#[inline(always)]
pub(super) fn suspend_by(own: &mut Own<'_>) {
    #[cfg(gocoro_asan)]
    return sanitizer::suspend(Some(|| own.yield_with(())));
    #[cfg(not(gocoro_asan))]
    own.yield_with(());
}
