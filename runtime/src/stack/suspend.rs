//! How a running stack suspends itself.

use std::io;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;

#[cfg(gocoro_asan)]
use super::sanitizer;
use super::{Bare, Job, Pool, SizeClass, Stack, admission, nested};
use crate::limits::STACK_BYTES_MIN;
use crate::unwind;

/// `generator`'s handle to suspend by. It suspends whichever coroutine runs on this thread, not the
/// coroutine that it was made for.
pub(super) type Own<'scope> = generator::Scope<'scope, 'static, Job, ()>;

/// The handle by which all stacks of a worker suspend. It was made for a coroutine that has ended
/// and is kept with it: each suspension writes the value that it yields, which is `()`, to that
/// coroutine's record.
pub(super) struct Suspender {
    /// The handle, in a leaked box: the stacks have its address, and the suspender itself may move.
    by: NonNull<MaybeUninit<Own<'static>>>,
    _made_for: Bare,
}

impl Suspender {
    pub(super) fn new() -> io::Result<Suspender> {
        admission::ask(STACK_BYTES_MIN)?;
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
    pub(super) fn pointer(&self) -> NonNull<Own<'static>> {
        self.by.cast()
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

impl Stack {
    /// Suspends this stack, on which the caller runs: its resumer goes on. `here` is an address in
    /// the caller's frame.
    ///
    /// `generator`'s handle is inlined, so the switch returns through no frame of its own, whose
    /// mispredicted return would cost as much as the switch. The handle suspends whichever
    /// coroutine runs, which may be another one than this stack: the task may run a generator of
    /// its own, and wait in there. Then `here` does not lie on this stack, which is how that is
    /// noticed. The stack's local data is `here` meanwhile, so that [`Stack::place`] finds it.
    ///
    /// # Safety
    ///
    /// The caller runs in the task that this stack runs; `class` is the stack's class; and the
    /// stack came from a [`Pool`], which is alive.
    #[inline(always)]
    pub(crate) unsafe fn suspend(&self, class: SizeClass, here: usize) {
        if !self.has_frame(here, class) {
            return self.suspend_from_within(here);
        }
        let own = self.generator().get_local_data().cast::<Own<'static>>();
        // SAFETY: `own` is the handle of the pool that made the stack, and the pool outlives its
        // stacks.
        suspend_by(&mut *unsafe { copy(own) });
    }

    /// Suspends the task that this stack runs from a frame on another stack, at `here`.
    #[cold]
    #[inline(never)]
    fn suspend_from_within(&self, here: usize) {
        // Anything but null marks the stack as the one that is suspended.
        let by = self.generator().get_local_data();
        self.generator().set_local_data(std::ptr::with_exposed_provenance_mut(here));
        suspend_from_within();
        self.generator().set_local_data(by);
    }

    /// The address `here` with which this stack of `pool` was suspended last, if it is suspended.
    /// `depth` is what [`Stack::depth_of`] said of it. `None`: that has too few bits to tell.
    pub(crate) fn place(&self, class: SizeClass, depth: u32, pool: &Pool) -> Option<usize> {
        let data = self.generator().get_local_data();
        if data != pool.handle().as_ptr().cast() {
            return Some(data.addr());
        }
        let place = self.record().wrapping_sub(depth as usize);
        (class.bytes() - 1 <= u32::MAX as usize).then_some(place)
    }
}

/// A copy of the handle for one suspension, so that no two suspensions borrow one handle at once.
/// All copies refer to one record, which does no harm: suspensions of this thread write there, and
/// nobody reads.
///
/// # Safety
///
/// `own` came from [`Suspender::pointer`], and that suspender is alive until the copy is no longer
/// used.
#[inline(always)]
pub(super) unsafe fn copy(own: *const Own<'static>) -> ManuallyDrop<Own<'static>> {
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

/// Suspends the running task from inside a coroutine, or a generator of another library, that the
/// task itself runs. Whatever lies between stays as it is until the task is resumed.
#[cold]
#[inline(never)]
fn suspend_from_within() {
    nested::suspend_whole(|| {
        #[cfg(gocoro_asan)]
        return sanitizer::suspend(Some(|| generator::co_yield_with(())));
        #[cfg(not(gocoro_asan))]
        generator::co_yield_with(());
    });
}
