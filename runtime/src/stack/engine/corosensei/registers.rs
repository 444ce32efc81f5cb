//! Where a suspended coroutine goes on, for backtraces.
//!
//! # To grow
//!
//! Backtraces of waiting tasks are not made with this engine yet, and say so. What is there is
//! `saved`, which finds the registers of the innermost stack, and its test. What is missing: the
//! stacks below that one, of a task that waits inside a coroutine, which the link below each base
//! leads to; and a test of what is read here against the system's unwinder, which does not end at a
//! task's first frame, but goes on in its worker.

use std::io;

use super::Coroutine;
use crate::stack::registers::Suspended;

impl Coroutine {
    /// None of the stacks on which this coroutine is suspended, for it does not tell yet.
    ///
    /// # Safety
    ///
    /// None: nothing is read.
    pub(in crate::stack) unsafe fn suspended(&self) -> impl Iterator<Item = Suspended<'_>> {
        std::iter::empty()
    }
}

/// Says that what is said of suspended stacks is not tested, and so not used.
pub(in crate::stack) fn sample<T>(
    _inside: impl FnOnce() + Send + 'static,
    _look: impl FnOnce(Suspended<'_>) -> Result<T, &'static str>,
) -> io::Result<Result<T, &'static str>> {
    Ok(Err("the engine corosensei does not tell of suspended stacks yet"))
}
