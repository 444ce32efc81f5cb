//! Where a suspended coroutine goes on, for backtraces, which are not made yet with this engine. So
//! only the test below asks.
//!
//! `corosensei` has the stack pointer of a suspended coroutine in a field of its own. Which word of
//! the coroutine that is, is found out on one of its own, before anything relies on it: it is the
//! only word that a resume changes. What lies at that address, the crate's description of its
//! switches says.
//!
//! # To grow
//!
//! Processes that read this one are told nothing of all this, for their table has no word for a
//! frame pointer that lies on the stack.

use std::ptr::{self, NonNull};
use std::sync::OnceLock;

use super::{Coroutine, Handle, Switched};
use crate::stack::{Job, SizeClass, Stack};

/// What a suspended coroutine goes on with: the address of the code, and the registers that its
/// frames are found by. Callers' frames begin at the record, downwards; above that there is only
/// what belongs to the resumer, which is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::stack) struct Saved {
    pub(in crate::stack) pc: usize,
    pub(in crate::stack) sp: usize,
    pub(in crate::stack) fp: usize,
}

const WORDS: usize = size_of::<Switched<(), (), (), super::Own>>() / size_of::<usize>();

/// Which word of a coroutine has its stack pointer. `None` inside: that could not be found out.
static SP: OnceLock<Option<usize>> = OnceLock::new();

/// Looks which word of a coroutine has its stack pointer.
fn find() {
    unsafe fn nothing(_: NonNull<()>) {}
    if SP.get().is_some() {
        return;
    }
    let class = SizeClass::at(0);
    // SAFETY: the handle refers to nothing.
    let Ok(stack) = (unsafe { Stack::new(class, Handle) }) else { return };
    let before = words(&stack.coroutine);
    // SAFETY: `nothing` may be called with anything, and does not unwind.
    unsafe { stack.give(Job::new(nothing, &())) };
    // SAFETY: the stack was made just above, and is not running.
    unsafe { stack.resume() };
    let after = words(&stack.coroutine);
    let changed: Vec<usize> = (0..WORDS).filter(|&word| before[word] != after[word]).collect();
    let found = match changed[..] {
        [word] if stack.has_frame(before[word], class) && after[word] < before[word] => {
            stack.has_frame(after[word], class).then_some(word)
        }
        _ => None,
    };
    let _ = SP.set(found);
    // SAFETY: the stack is idle again, its job has ended, and this is its thread.
    unsafe { stack.free(class) };
}

/// The words of a coroutine that does not run.
fn words(coroutine: &Coroutine) -> [usize; WORDS] {
    let first = coroutine.get().coroutine.get().cast::<usize>();
    // SAFETY: the coroutine consists of so many words, all of which are initialised.
    std::array::from_fn(|word| unsafe { first.add(word).read_volatile() })
}

impl Coroutine {
    /// What this coroutine goes on with, where a frame of the innermost stack that is suspended
    /// with it lies. `None`: it has ended, or is not understood here.
    ///
    /// # Safety
    ///
    /// The coroutine is suspended, and is not resumed meanwhile.
    pub(in crate::stack) unsafe fn saved(&self) -> Option<Saved> {
        let sp = words(self)[(*SP.get()?)?];
        // The code that goes on pops its address, `rbx` and `rbp`.
        // SAFETY: the stack pointer is that of the suspended coroutine, which has saved these.
        let word = |word: usize| unsafe {
            ptr::with_exposed_provenance::<usize>(sp).add(word).read_volatile()
        };
        (sp != 0).then(|| Saved { pc: word(0), sp: sp + 3 * size_of::<usize>(), fp: word(2) })
    }
}

mod tests {
    use super::*;
    use crate::stack::install;

    #[test]
    fn a_suspended_stack_tells_where_it_goes_on() {
        unsafe fn nothing(_: NonNull<()>) {}
        install(|_| None).unwrap();
        find();
        let class = SizeClass::at(0);
        // SAFETY: the handle refers to nothing.
        let stack = unsafe { Stack::new(class, Handle) }.unwrap();
        let mut seen = Vec::new();
        for _ in 0..2 {
            // SAFETY: `nothing` does nothing, and the stack is idle and this thread's.
            unsafe {
                stack.give(Job::new(nothing, &()));
                stack.resume();
            }
            // SAFETY: the stack is suspended, and not resumed before this returns.
            let saved = unsafe { stack.coroutine.saved() }.unwrap();
            assert!(stack.has_frame(saved.sp, class) && saved.sp < stack.record());
            seen.push(saved);
        }
        assert_eq!(seen[0], seen[1], "it goes on in the same place each time");
        // SAFETY: the stack is idle, and has no job.
        unsafe { stack.free(class) };
    }
}
