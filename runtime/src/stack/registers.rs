//! Where a suspended stack goes on, for backtraces: the registers that the engine has saved.

use std::io;
use std::marker::PhantomData;

use super::{Stack, engine};

/// A stack that is suspended, and the registers with which it goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suspended<'a> {
    /// The address of the code that runs next, to which the switch returns.
    pub(crate) pc: usize,
    pub(crate) sp: usize,
    pub(crate) fp: usize,
    /// Where the memory of the stack's frames ends.
    pub(super) end: usize,
    pub(super) _stack: PhantomData<&'a Stack>,
}

impl Suspended<'_> {
    /// The word at this address, if it lies in the frames of this stack.
    pub(crate) fn word(&self, address: usize) -> Option<usize> {
        let is_inside =
            address.is_multiple_of(size_of::<usize>()) && self.sp <= address && address < self.end;
        // SAFETY: the word lies between the stack pointer and the end of the frames, which stay
        // mapped and as they are while the stack is suspended, as [`Stack::suspended`] was
        // promised.
        is_inside.then(|| unsafe { load(address) })
    }
}

/// Reads a word of a suspended stack. A plain read would be checked by AddressSanitizer, which
/// forbids some words of frames to all but the compiler.
///
/// # Safety
///
/// The word is aligned, and readable.
pub(super) unsafe fn load(address: usize) -> usize {
    let word: usize;
    // SAFETY: the instruction reads the word, as the caller permits, and does nothing else.
    unsafe {
        std::arch::asm!(
            "mov {word}, qword ptr [{address}]",
            address = in(reg) address,
            word = out(reg) word,
            options(nostack, preserves_flags, readonly),
        );
    }
    word
}

impl Stack {
    /// The stacks on which the job of this one is suspended, innermost first: those of coroutines,
    /// gocoro's or another library's, in which it waits, and this one.
    ///
    /// # Safety
    ///
    /// The stack is suspended, in a job or idle, and is not resumed while the answers are used.
    /// [`sample`] has succeeded.
    pub(crate) unsafe fn suspended(&self) -> impl Iterator<Item = Suspended<'_>> {
        // SAFETY: the caller's promise.
        unsafe { self.coroutine.suspended() }
    }
}

/// Tests what the engine says of suspended stacks, on a stack of its own: `inside` runs on that
/// stack, and `look` while it is suspended by the function that has called `inside`. The inner
/// error says what is not as it should be.
///
/// # Errors
///
/// If there is no memory for the stack.
pub(crate) fn sample<T>(
    inside: impl FnOnce() + Send + 'static,
    look: impl FnOnce(Suspended<'_>) -> Result<T, &'static str>,
) -> io::Result<Result<T, &'static str>> {
    engine::sample(inside, look)
}
