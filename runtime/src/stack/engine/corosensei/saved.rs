//! Where a suspended coroutine goes on.
//!
//! `corosensei` has the stack pointer of a suspended coroutine in a field of its own. Which word of
//! the coroutine that is, is found out on one of its own, before anything relies on it: it is the
//! only word that a resume changes. On the stack itself are the registers:
//!
//! | of | at | three words |
//! |---|---|---|
//! | a coroutine that is suspended | its stack pointer | the address of the code, `rbx`, `rbp` |
//! | whoever has resumed a coroutine that is not suspended by itself | the coroutine's link, to which its yielder points | `rbp`, the address of the code, `rbx` |
//!
//! The frames begin behind these. `corosensei`'s sources say so; see [`sample`](super::sample) for
//! the test of it.

use std::mem::offset_of;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

use super::{Coroutine, Handle, Own, Record, Switched};
use crate::limits::STACK_BYTES_DEFAULT;
use crate::stack::{Job, RECORD_FIELDS, SizeClass, Stack};

/// What was found out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// Which word of a coroutine has its stack pointer.
    pub(super) sp: usize,
    /// The address to which a coroutine's first function would return.
    pub(super) root: usize,
}

const WORDS: usize = size_of::<Switched<(), (), (), Own>>() / size_of::<usize>();

/// `None`: it could not be found out. What lies on stacks is known on this system alone.
pub(super) fn known() -> Option<Known> {
    static KNOWN: OnceLock<Option<Known>> = OnceLock::new();
    if let Some(known) = KNOWN.get() {
        return *known;
    }
    // For want of memory nothing was found out, and the next one tries again.
    let found = cfg!(all(target_arch = "x86_64", unix)).then(find).transpose().ok()?.flatten();
    *KNOWN.get_or_init(|| found)
}

/// Looks at a coroutine before and after it is resumed.
fn find() -> std::io::Result<Option<Known>> {
    unsafe fn nothing(_: NonNull<()>) {}
    // Memory of this size is kept for the tasks to come.
    let class = SizeClass::holding(STACK_BYTES_DEFAULT)?;
    // SAFETY: the handle refers to nothing.
    let stack = unsafe { Stack::new(class, Handle) }?;
    let before = words(&stack.coroutine);
    // SAFETY: `nothing` may be called with anything, and does not unwind. The stack was made just
    // above, and is not running.
    unsafe {
        stack.give(Job::new(nothing, &()));
        stack.resume();
    }
    let after = words(&stack.coroutine);
    let changed: Vec<usize> = (0..WORDS).filter(|&word| before[word] != after[word]).collect();
    let is_frame = |address: usize| {
        stack.has_frame(address, class) && address.is_multiple_of(size_of::<usize>())
    };
    let found = match changed[..] {
        [sp] if is_frame(before[sp]) && is_frame(after[sp]) && after[sp] < before[sp] => {
            // What the first resume takes from there is replaced by where it is to return to.
            // SAFETY: the word lies in the stack, whose frames begin there.
            let root = unsafe { ptr::with_exposed_provenance::<usize>(before[sp]).read_volatile() };
            Some(Known { sp, root })
        }
        _ => None,
    };
    // SAFETY: the stack is idle again, its job has ended, and this is its thread.
    unsafe { stack.free(class) };
    Ok(found)
}

/// The words of a coroutine that does not run.
fn words(coroutine: &Coroutine) -> [usize; WORDS] {
    // SAFETY: the coroutine consists of so many words, all of which are initialised.
    std::array::from_fn(|word| unsafe { first(coroutine).add(word).read_volatile() })
}

fn first(coroutine: &Coroutine) -> *const usize {
    coroutine.get().coroutine.get().cast_const().cast()
}

/// The stack pointer of a coroutine that is suspended, whose word this is.
#[cfg(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64"))]
pub(super) fn stack_pointer(coroutine: &Coroutine, word: usize) -> usize {
    debug_assert!(word < WORDS);
    // SAFETY: `find` has found that a coroutine has this word.
    unsafe { first(coroutine).add(word).read_volatile() }
}

/// Where a record has the stack pointer, the record with the innermost frames, the place of a frame
/// on another stack, the coroutine's link, and the lowest address of the stack; and where frames
/// end. The other words that a table has for records are none of this engine's.
pub(in crate::stack) fn record_fields() -> [Option<u64>; RECORD_FIELDS.len()] {
    let offset = |offset: usize| Some(offset as u64);
    let place = offset(offset_of!(Record, place));
    let Some(Known { sp, root }) = known() else {
        return [None, None, None, None, None, place, None, None, None];
    };
    [
        offset(offset_of!(Record, coroutine) + sp * size_of::<usize>()),
        None,
        None,
        offset(offset_of!(Record, inner)),
        None,
        place,
        offset(offset_of!(Record, yielder)),
        offset(offset_of!(Record, lowest)),
        Some(root as u64),
    ]
}

#[cfg(all(test, not(loom), target_arch = "x86_64"))]
mod tests {
    use super::*;
    use crate::stack::install;

    #[test]
    fn the_layout_of_this_corosensei_is_known() {
        install(|_| None).unwrap();
        let known = known().expect("the word of the stack pointer");
        assert!(known.sp < WORDS && known.root != 0);
    }
}
