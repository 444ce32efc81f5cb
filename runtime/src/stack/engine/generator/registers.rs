//! Where a suspended coroutine goes on, for backtraces.
//!
//! `generator` keeps a record of each coroutine; its first words are the registers that the last
//! switch saved, when the coroutine suspended or resumed another one. Records of coroutines that
//! have suspended as a whole form a ring: that of the task leads to the innermost one, and each to
//! the one that had resumed it. Nothing promises that layout, so [`sample`] tests it before
//! anything relies on it.

use std::cell::Cell;
use std::hint;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::bare::Bare;
use super::suspend::{Own, suspend_by};
use super::{Coroutine, ask};
use crate::stack::guard::page_bytes;
use crate::stack::registers::{Bounds, Ended, Suspended, load};
use crate::unwind;

/// The words of `generator`'s record that are read here, counted from its beginning: the saved
/// stack pointer and frame pointer, the next record of the ring, and the bounds of the stack.
const SP: usize = 1;
const FP: usize = 2;
const NEXT: usize = 9;
const BOUNDS: [usize; 2] = [18, 19];

/// How many stacks of one task are looked at: more than any program nests.
const NESTED_MAX: usize = 64;

impl Suspended<'_> {
    /// What the record at this address says. `None`: it is not as it should be.
    ///
    /// # Safety
    ///
    /// A record is there, of a coroutine that is suspended and stays so while the answer is used.
    unsafe fn of(record: usize) -> Option<Self> {
        // SAFETY: the words lie in the record.
        let word = |word: usize| unsafe { load(record + word * size_of::<usize>()) };
        let (saved, [start, end]) = (word(SP), BOUNDS.map(word));
        let is_valid = saved.is_multiple_of(size_of::<usize>())
            && start <= saved
            && saved < end
            && end <= record
            && record - end < page_bytes();
        // SAFETY: the saved stack pointer points into the coroutine's frames.
        let pc = is_valid.then(|| unsafe { load(saved) })?;
        // The switch goes on by popping the address of the code.
        let sp = saved + size_of::<usize>();
        Some(Suspended::new(pc, sp, word(FP), Bounds::End(end)))
    }
}

impl Coroutine {
    /// Calls `each` for the stacks on which the job of this one is suspended, innermost first:
    /// those of coroutines, gocoro's or others of `generator`'s, in which it waits, and this one.
    ///
    /// # Safety
    ///
    /// The stack is suspended, in a job or idle, and is not resumed before this returns. [`sample`]
    /// has succeeded.
    pub(in crate::stack) unsafe fn suspended(
        &self,
        mut each: impl FnMut(Suspended<'_>) -> Option<Ended>,
    ) {
        let own = self.record();
        // SAFETY: a record has such a word, whatever it was set to last.
        let next = |record| unsafe { load(record + NEXT * size_of::<usize>()) };
        let mut record = own;
        for _ in 0..NESTED_MAX {
            record = next(record);
            // SAFETY: the ring has the records of what has suspended with this stack, and all of
            // them go on with it.
            let Some(suspended) = (unsafe { Suspended::of(record) }) else { return };
            each(suspended);
            if record == own {
                return;
            }
        }
    }

    /// Where this coroutine goes on, which has resumed another one.
    ///
    /// # Safety
    ///
    /// The one that it has resumed runs, or has resumed what runs, and does not go on while the
    /// answer is used. [`sample`] has succeeded.
    pub(in crate::stack) unsafe fn resumed(&self, _inner: &Coroutine) -> Option<Suspended<'_>> {
        // SAFETY: a switch saves the registers before it leaves a stack, and the caller promises
        // that nobody comes back to this one.
        unsafe { Suspended::of(self.record()) }
    }
}

/// None: no frames are found beyond a stack's end.
pub(in crate::stack) fn root() -> Option<usize> {
    None
}

/// Tests the layout, on a stack of its own: `inside` runs on that stack, and `each` while it is
/// suspended by the function that has called `inside`. The inner error says what is not as it
/// should be.
///
/// # Errors
///
/// If there is no memory for the stack.
pub(in crate::stack) fn sample(
    inside: impl FnOnce() + Send + 'static,
    mut each: impl FnMut(Suspended<'_>) -> Option<Ended>,
) -> io::Result<Result<(), &'static str>> {
    const BYTES: usize = 128 * 1024;
    ask::ask(BYTES)?;
    let deepest = Arc::new(AtomicUsize::new(0));
    let theirs = deepest.clone();
    let made = unwind::catch(|| Bare::of(BYTES, move |own| call_and_suspend(own, inside, &theirs)));
    let Ok(mut bare) = made else { return Err(io::ErrorKind::OutOfMemory.into()) };
    bare.resume();
    let found = check(&bare.0, deepest.load(Ordering::Relaxed)).map(|suspended| {
        each(suspended);
    });
    bare.resume();
    Ok(found)
}

#[inline(never)]
fn call_and_suspend(mut own: Own<'_>, inside: impl FnOnce(), deepest: &AtomicUsize) {
    let here = Cell::new(0u8);
    deepest.store((&raw const here).addr(), Ordering::Relaxed);
    inside();
    suspend_by(&mut own);
    hint::black_box(&here);
}

/// What a suspended coroutine's record says, tested against what is known of the coroutine: it is
/// alone on its ring, and an address in its innermost frames but one.
fn check(stack: &Coroutine, here: usize) -> Result<Suspended<'_>, &'static str> {
    /// The switch's frames are smaller than this, without optimisation too.
    const FRAMES_BYTES_MAX: usize = 16 * 1024;
    let record = stack.record();
    // SAFETY: the word lies in the top page of the stack, as does all that `generator` has there.
    if unsafe { load(record + NEXT * size_of::<usize>()) } != record {
        return Err("a coroutine's record does not lead to itself");
    }
    // SAFETY: the coroutine is suspended, and the caller resumes it when it has used the answer.
    let suspended = unsafe { Suspended::of(record) };
    match suspended {
        Some(suspended)
            if suspended.word(here & !(size_of::<usize>() - 1)).is_some()
                && here - suspended.sp < FRAMES_BYTES_MAX =>
        {
            Ok(suspended)
        }
        _ => Err("a coroutine's registers are not where they should be"),
    }
}
