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
    bounds: Bounds,
    _stack: PhantomData<&'a Stack>,
}

/// How far the frames of a stack reach.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bounds {
    /// The memory is gocoro's or the engine's, and ends there.
    End(usize),
    /// The memory is somebody else's.
    #[cfg_attr(not(feature = "corosensei"), expect(dead_code, reason = "generator tells bounds"))]
    Unknown,
}

/// Where a walk of a stack's frames has ended: in the function to which the outermost call that was
/// found returns, with that frame pointer.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "corosensei"), expect(dead_code, reason = "generator knows the stacks"))]
pub(crate) struct Ended {
    pub(crate) pc: usize,
    pub(crate) fp: usize,
}

impl Suspended<'_> {
    pub(super) fn new(pc: usize, sp: usize, fp: usize, bounds: Bounds) -> Self {
        Suspended { pc, sp, fp, bounds, _stack: PhantomData }
    }

    #[cfg(feature = "corosensei")]
    pub(super) fn is_bounded(&self) -> bool {
        matches!(self.bounds, Bounds::End(_))
    }

    /// Where the memory of the frames ends. `None`: that is not known.
    pub(crate) fn end(&self) -> Option<usize> {
        match self.bounds {
            Bounds::End(end) => Some(end),
            Bounds::Unknown => None,
        }
    }

    /// The word at this address, if it lies in the frames of this stack.
    pub(crate) fn word(&self, address: usize) -> Option<usize> {
        if !address.is_multiple_of(size_of::<usize>()) || address < self.sp {
            return None;
        }
        match self.bounds {
            // SAFETY: the word lies between the stack pointer and the end of the frames, which stay
            // mapped and as they are while the stack is suspended, as [`Stack::suspended`] was
            // promised.
            Bounds::End(end) => (address < end).then(|| unsafe { load(address) }),
            Bounds::Unknown => peek(address),
        }
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

/// Reads a word that may be nowhere. The kernel reads it, and says so.
pub(super) fn peek(address: usize) -> Option<usize> {
    let mut word = 0usize;
    let bytes = size_of_val(&word);
    let here = libc::iovec { iov_base: (&raw mut word).cast(), iov_len: bytes };
    let there =
        libc::iovec { iov_base: std::ptr::with_exposed_provenance_mut(address), iov_len: bytes };
    // SAFETY: the kernel fills `word`, and looks itself whether the other address can be read.
    let read = unsafe { libc::process_vm_readv(libc::getpid(), &here, 1, &there, 1, 0) };
    (read == bytes as isize).then_some(word)
}

impl Stack {
    /// Calls `each` for the stacks on which the job of this one is suspended, innermost first:
    /// those of coroutines, gocoro's or another library's, in which it waits, and this one. `each`
    /// says where a walk of the frames ends, from where an engine may know how to go on.
    ///
    /// # Safety
    ///
    /// The stack is suspended, in a job or idle, and is not resumed before this returns.
    /// [`sample`] has succeeded.
    pub(crate) unsafe fn suspended(&self, each: impl FnMut(Suspended<'_>) -> Option<Ended>) {
        // SAFETY: the caller's promise.
        unsafe { self.coroutine.suspended(each) };
    }

    /// Where the code of this stack goes on, which has resumed `inner`. `None`: the engine does not
    /// tell.
    ///
    /// # Safety
    ///
    /// This is the stacks' thread. The code of `inner` runs, or has resumed what runs, and does not
    /// go on while the answer is used. [`sample`] has succeeded.
    pub(crate) unsafe fn resumed(&self, inner: &Stack) -> Option<Suspended<'_>> {
        // SAFETY: the caller's promise.
        unsafe { self.coroutine.resumed(&inner.coroutine) }
    }
}

/// The address to which the first function of every stack returns, if the engine tells it. Walks
/// end there: what lies beyond is the engine's, and tells of another stack.
pub(crate) fn root() -> Option<usize> {
    engine::root()
}

/// Tests what the engine says of suspended stacks, on some of its own: `inside` runs on the
/// innermost, and `each` is called for all of them while they are suspended by the function that
/// has called `inside`. The inner error says what is not as it should be.
///
/// # Errors
///
/// If there is no memory for the stacks.
pub(crate) fn sample(
    inside: impl FnOnce() + Send + 'static,
    each: impl FnMut(Suspended<'_>) -> Option<Ended>,
) -> io::Result<Result<(), &'static str>> {
    engine::sample(inside, each)
}
