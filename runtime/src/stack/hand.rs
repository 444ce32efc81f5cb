//! How a running stack suspends itself.

use std::io;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;

#[cfg(gocoro_asan)]
use super::sanitizer;
use super::{Bare, SizeClass, Stack, budget};
use crate::limits::STACK_BYTES_MIN;
use crate::unwind;

/// generator's handle to suspend by: whichever coroutine runs on this thread, not the one it was
/// made for.
pub(super) type Own<'scope> = generator::Scope<'scope, 'static, (), ()>;

/// What all stacks of a worker suspend by. It belongs to a coroutine that has ended, whose record
/// takes what the suspensions yield: nothing, but written all the same.
pub(super) struct Hand {
    /// From `Box::into_raw`: the stacks keep its address, however the hand itself moves.
    by: NonNull<MaybeUninit<Own<'static>>>,
    _made_for: Bare,
}

impl Hand {
    pub(super) fn new() -> io::Result<Hand> {
        budget::ask(STACK_BYTES_MIN)?;
        let by = NonNull::from(Box::leak(Box::new(MaybeUninit::uninit())));
        let place = by.as_ptr().expose_provenance();
        let body = move |own: Own<'_>| {
            let place = std::ptr::with_exposed_provenance_mut::<MaybeUninit<Own<'static>>>(place);
            // SAFETY: the place is there until the end of `new` at least. Only a lifetime changes:
            // what it refers to is the coroutine's record, which is kept beside it.
            unsafe { (*place).write(std::mem::transmute::<Own<'_>, Own<'static>>(own)) };
        };
        // The kernel may still refuse, if memory went elsewhere since; generator then panics.
        let made = unwind::catch(|| Bare::new(body));
        let Ok(mut made_for) = made else {
            // SAFETY: from `Box::leak` above, and nothing else has it.
            drop(unsafe { Box::from_raw(by.as_ptr()) });
            return Err(io::Error::from(io::ErrorKind::OutOfMemory));
        };
        made_for.resume();
        Ok(Hand { by, _made_for: made_for })
    }

    pub(super) fn pointer(&self) -> NonNull<Own<'static>> {
        self.by.cast()
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        // SAFETY: from `Box::leak` in `new`; the stacks that have its address are gone, as their
        // pool's.
        drop(unsafe { Box::from_raw(self.by.as_ptr()) });
    }
}

impl std::fmt::Debug for Hand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hand").finish_non_exhaustive()
    }
}

impl Stack {
    /// Suspends this stack, which is the running one: its resumer goes on. `here` is an address in
    /// the caller's frame.
    ///
    /// generator's handle is inlined and costs no frame that the switch returns through, whose
    /// mispredicted return would cost as much as the switch itself. It suspends whichever coroutine
    /// runs, which may be another one: the task may run a generator of its own and wait in there.
    /// The frames of that lie elsewhere, by which it is known.
    ///
    /// # Safety
    ///
    /// The stack is the one that runs a task now, of this class, and came from a
    /// [`Pool`](super::Pool).
    #[inline(always)]
    pub(crate) unsafe fn suspend(&self, class: SizeClass, here: usize) {
        if self.record().wrapping_sub(here) >= class.bytes() {
            return suspend_from_within();
        }
        let own = self.generator().get_local_data().cast::<Own<'static>>();
        // SAFETY: the pool's, which outlives the stack.
        suspend_by(&mut *unsafe { copy(own) });
    }
}

/// A copy for one suspension, so that no two of them borrow the same handle at once. That it refers
/// to the same record as others is no matter: a suspension writes there, on this thread, and nobody
/// reads.
///
/// # Safety
///
/// `own` came from [`Hand::pointer`], and that hand is alive, until the suspension is over.
#[inline(always)]
pub(super) unsafe fn copy(own: *const Own<'static>) -> ManuallyDrop<Own<'static>> {
    // SAFETY: the caller's promise; the copy is not dropped.
    ManuallyDrop::new(unsafe { own.read() })
}

#[inline(always)]
pub(super) fn suspend_by(own: &mut Own<'_>) {
    #[cfg(gocoro_asan)]
    return sanitizer::suspend(Some(|| own.yield_with(())));
    #[cfg(not(gocoro_asan))]
    own.yield_with(());
}

/// Suspends the running task from inside a generator that it runs: all that lies between goes with
/// it.
#[cold]
#[inline(never)]
fn suspend_from_within() {
    #[cfg(gocoro_asan)]
    return sanitizer::suspend(Some(|| generator::co_yield_with(())));
    #[cfg(not(gocoro_asan))]
    generator::co_yield_with(());
}
