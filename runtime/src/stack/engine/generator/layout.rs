//! What gocoro assumes of the memory that `generator` gives to a coroutine, tested before anything
//! relies on it.
//!
//! `generator` says how large a stack is and where its record lies, and nothing else. A dense guard
//! (see `guard`) needs more. The record must lie in the stack's top page. A page of guard must lie
//! at the stack's bottom. In the pages above that one there must be nothing but a short run of
//! words, which `generator` reads when it frees a stack, to see whether an overflow wrote there.
//! Marking pages wipes these words out, so this module reads them, and [`restore`] writes them
//! back. What they mean is not known.
//!
//! All of this is tested on stacks of its own, before the first stack for tasks. If one assumption
//! fails, each stack keeps the guard that `generator` gave it.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::bare::Bare;
use super::guards::{self, bytes_with_guard};
use super::{Coroutine, RECORD_OFFSETS, ask, saved, suspend};
use crate::limits::STACK_BYTES_MIN;
use crate::lock::Lock;
use crate::stack::guard::{self, is_readable, page_bytes};
use crate::stack::{LINE_BYTES, SizeClass, guard_of, page_top};

/// How many words at the bottom of a stack are kept and put back.
const PAINT_WORDS: usize = 64;

/// The words at the bottom of each new stack. In `generator` 0.8.11 and 0.8.12 the first eight are
/// not zero, and are the same for all stacks.
type Paint = [usize; PAINT_WORDS];

/// What [`prepare`] has found. `None` inside: stacks are not laid out as gocoro assumes.
static PAINT: OnceLock<Option<Paint>> = OnceLock::new();

/// Whether stacks are known to be laid out as gocoro assumes. Before [`prepare`] nothing is known.
#[inline]
pub(in crate::stack) fn is_known() -> bool {
    matches!(PAINT.get(), Some(Some(_)))
}

/// Looks at how `generator` lays stacks out, once. If the program uses no `generator` of its own,
/// the first coroutine of the process is made here.
pub(in crate::stack) fn prepare() -> io::Result<()> {
    if PAINT.get().is_some() {
        return Ok(());
    }
    for class in tested() {
        ask::ask(bytes_with_guard(class))?;
    }
    // The test runs even if its result is not used, since it also prepares the process: see
    // `test_one`.
    let mut found = test();
    if guard::forced("generator") {
        found = Err("GOCORO_GUARDS says so");
    }
    if let Err(why) = &found {
        guards::say_whose(why);
    }
    let _ = PAINT.set(found.ok());
    Ok(())
}

/// Whether a new stack is laid out as the tested stacks were. `bytes` is its size as `generator`
/// says it.
pub(super) fn is_as_tested(stack: &Coroutine, class: SizeClass, bytes: usize) -> bool {
    let Some(Some(paint)) = PAINT.get() else { return false };
    bytes == bytes_with_guard(class)
        && in_top_page(stack)
        && paint_of(&guard_of(stack.record(), class)) == *paint
}

/// Writes the words again that stood at the bottom of a new stack. Its guard, which lies there, has
/// been opened.
pub(super) fn restore(guard: &Range<usize>) {
    let Some(Some(paint)) = PAINT.get() else { return };
    write_paint(guard, paint);
}

/// Writes the words of `paint` to the bottom of the stack, which lies in its opened guard.
fn write_paint(guard: &Range<usize>, paint: &Paint) {
    let used = paint.iter().rposition(|&word| word != 0).map_or(0, |last| last + 1);
    let bottom = std::ptr::without_provenance_mut::<usize>(guard.start + page_bytes());
    for (offset, &word) in paint[..used].iter().enumerate() {
        // SAFETY: the words lie in the guard's pages, which the caller has opened and nobody uses.
        unsafe { bottom.add(offset).write_volatile(word) };
    }
}

/// The words at the bottom of the stack with this guard, which is `generator`'s.
fn paint_of(guard: &Range<usize>) -> Paint {
    std::array::from_fn(|word| read(guard.start + page_bytes() + word * size_of::<usize>()))
}

/// Reads a word of a stack's memory, which the caller knows to be readable.
pub(super) fn read(address: usize) -> usize {
    // SAFETY: `address` is aligned and lies in readable memory of a stack that the caller owns.
    unsafe { std::ptr::without_provenance::<usize>(address).read_volatile() }
}

/// Whether the coroutine's record, as far as switches touch it, lies in the stack's top page.
fn in_top_page(stack: &Coroutine) -> bool {
    stack.record() + record_bytes() <= page_top(stack.record())
}

/// How many bytes of a coroutine's record, from its beginning, a switch may touch.
fn record_bytes() -> usize {
    RECORD_OFFSETS.iter().max().unwrap_or(&0) + LINE_BYTES
}

/// The sizes of stacks that are tested.
fn tested() -> [SizeClass; 2] {
    [STACK_BYTES_MIN, 2 * STACK_BYTES_MIN]
        .map(|bytes| SizeClass::holding(bytes).expect("in bounds"))
}

/// Tests the layout of new stacks. The error says what is not as it should be.
fn test() -> Result<Paint, &'static str> {
    let [first, second] = tested();
    let paint = test_one(first)?;
    if test_one(second)? != paint {
        return Err("two stacks have not the same words at their bottoms");
    }
    Ok(paint)
}

/// Tests the layout of one stack.
fn test_one(class: SizeClass) -> Result<Paint, &'static str> {
    let record = Arc::new(AtomicUsize::new(0));
    let inside = Arc::new(Lock::new(None));
    let here = Arc::new(AtomicUsize::new(0));
    let (its_record, its_lines, its_here) = (record.clone(), inside.clone(), here.clone());
    let mut bare = Bare::of(bytes_with_guard(class), move |mut own| {
        let record = its_record.load(Ordering::Relaxed);
        its_here.store((&raw const record).addr(), Ordering::Relaxed);
        if record != 0 {
            let lines = lines_of(record);
            *its_lines.lock() = Some(lines);
        }
        suspend::suspend_by(&mut own);
    });
    let lies_well = in_top_page(&bare.0);
    let at = bare.0.record();
    let lines = || if lies_well { lines_of(at) } else { Lines::default() };
    if lies_well {
        record.store(at, Ordering::Relaxed);
    }
    let before = lines();
    // The coroutine is run to its end whatever the layout is, since `generator` prepares the
    // process at its first resume.
    bare.resume();
    let suspended = lines();
    if lies_well {
        saved::look(&bare.0, here.load(Ordering::Relaxed));
    }
    bare.resume();
    if !lies_well {
        return Err("a coroutine's record does not lie in its stack's top page");
    }
    let running = inside.lock().take().unwrap_or(before);
    if (0..RECORD_OFFSETS.len())
        .any(|line| before[line] == running[line] && before[line] == suspended[line])
    {
        return Err("a switch does not touch the lines of a coroutine's record that it should");
    }
    test_memory(bare, class)
}

/// The contents of the cache lines of a coroutine's record that a switch touches.
type Lines = [[usize; LINE_BYTES / size_of::<usize>()]; RECORD_OFFSETS.len()];

/// Reads the cache lines of a coroutine's record that are prefetched before a switch.
fn lines_of(record: usize) -> Lines {
    RECORD_OFFSETS
        .map(|line| std::array::from_fn(|word| read(record + line + word * size_of::<usize>())))
}

/// Tests whether the bottom of an ended coroutine's stack is as a dense guard needs it.
fn test_memory(bare: Bare, class: SizeClass) -> Result<Paint, &'static str> {
    let (bytes, used) = bare.0.usage();
    if bytes != bytes_with_guard(class) {
        return Err("a stack is not as large as was asked for");
    }
    let guard = guard_of(bare.0.record(), class);
    let bottom = guard.start + page_bytes();
    if is_readable(guard.start) || is_readable(bottom - 1) {
        return Err("there is no page of guard where a stack should end");
    }
    if !(bottom..guard.end).step_by(page_bytes()).all(is_readable) {
        return Err("a stack ends before its guard begins");
    }
    let paint = paint_of(&guard);
    let first_blank = bottom + size_of::<Paint>();
    if (first_blank..guard.end).step_by(size_of::<usize>()).any(|address| read(address) != 0) {
        return Err("there is more at a stack's bottom than gocoro would put back");
    }
    // Do to this stack what is done to each stack. If `generator` then sees no overflow, it will
    // free such a stack without a complaint.
    let guarded = guards::put(&guard).and_then(|kind| guards::take_away(&guard, kind));
    if guarded.is_err() {
        std::mem::forget(bare);
        return Err("a stack's guard cannot be made");
    }
    write_paint(&guard, &paint);
    if bare.0.usage() != (bytes, used) || used >= bytes {
        std::mem::forget(bare);
        return Err("generator sees what gocoro put back as an overflow");
    }
    Ok(paint)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn class() -> SizeClass {
        SizeClass::holding(STACK_BYTES_MIN).unwrap()
    }

    /// A coroutine that has ended, with a stack of so many bytes.
    fn ended(bytes: usize) -> Bare {
        let mut bare = Bare::of(bytes, |_| ());
        bare.resume();
        bare
    }

    fn write(address: usize, word: usize) {
        // SAFETY: `address` is that of a word in the stack of an ended coroutine, which the caller
        // owns.
        unsafe { std::ptr::without_provenance_mut::<usize>(address).write_volatile(word) };
    }

    #[test]
    fn this_generator_is_known() {
        assert_eq!(test().map(|_| ()), Ok(()));
    }

    #[test]
    fn a_layout_that_is_not_the_known_one_is_noticed() {
        let bytes = bytes_with_guard(class());
        assert!(test_memory(ended(bytes), class()).is_ok());
        let why = test_memory(ended(bytes + page_bytes()), class()).unwrap_err();
        assert!(why.contains("as large"), "{why}");

        let bare = ended(bytes);
        write(guard_of(bare.0.record(), class()).start + 2 * page_bytes(), 1);
        let why = test_memory(bare, class()).unwrap_err();
        assert!(why.contains("put back"), "{why}");

        let bare = ended(bytes);
        let bottom = guard_of(bare.0.record(), class()).start + page_bytes();
        (0..PAINT_WORDS).for_each(|word| write(bottom + word * size_of::<usize>(), 0));
        let why = test_memory(bare, class()).unwrap_err();
        assert!(why.contains("overflow"), "{why}");

        let bare = ended(bytes);
        let guard = guard_of(bare.0.record(), class());
        guards::take_away(&guard, guard::Kind::Protected).unwrap();
        let why = test_memory(bare, class()).unwrap_err();
        assert!(why.contains("no page of guard"), "{why}");
    }

    #[test]
    fn what_is_put_back_is_what_stood_there() {
        let bare = ended(bytes_with_guard(class()));
        let guard = guard_of(bare.0.record(), class());
        let (paint, usage) = (paint_of(&guard), bare.0.usage());
        let kind = guards::put(&guard).unwrap();
        guards::take_away(&guard, kind).unwrap();
        write_paint(&guard, &paint);
        assert_eq!((paint_of(&guard), bare.0.usage()), (paint, usage));
    }
}
