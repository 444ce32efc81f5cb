//! Where a suspended coroutine goes on, for backtraces.
//!
//! # To grow
//!
//! Backtraces of waiting tasks are not made with this engine yet, and say so. What is missing: the
//! stacks below the innermost one of a task that waits inside a coroutine, which the link below
//! each base leads to; and a test of what is read here against the system's unwinder, which does
//! not end at a task's first frame, but goes on in its worker.

use std::io;
use std::marker::PhantomData;

use super::{Coroutine, Handle};
use crate::stack::registers::Suspended;

impl Coroutine {
    /// The stack of this coroutine, if that has the innermost frames; none if it waits inside of
    /// another one.
    ///
    /// # Safety
    ///
    /// The coroutine is suspended, and is not resumed while the answer is used.
    pub(in crate::stack) unsafe fn suspended(&self) -> impl Iterator<Item = Suspended<'_>> {
        // SAFETY: the caller's promise.
        let saved = self.place(Handle).is_none().then(|| unsafe { self.saved() }).flatten();
        let end = self.record();
        saved
            .map(|saved| Suspended {
                pc: saved.pc,
                sp: saved.sp,
                fp: saved.fp,
                end,
                _stack: PhantomData,
            })
            .into_iter()
    }
}

/// Says that what is said of suspended stacks is not tested, and so not used.
pub(in crate::stack) fn sample<T>(
    _inside: impl FnOnce() + Send + 'static,
    _look: impl FnOnce(Suspended<'_>) -> Result<T, &'static str>,
) -> io::Result<Result<T, &'static str>> {
    Ok(Err("the engine corosensei does not tell of suspended stacks yet"))
}
