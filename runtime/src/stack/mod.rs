//! Stacks and the switch between them. The [`engine`] below is the only place that names the crates
//! which switch; everything else here is the same for all of them.
//!
//! A [`Stack`] is a coroutine that runs one [`Job`] after another. Resumed while it is idle, it
//! runs the job that it was [given](Stack::give). Inside a job, [`Stack::suspend`] goes back to
//! the resumer. A coroutine is not made anew between jobs, and never dropped in the middle of one.

mod admission;
mod advice;
mod engine;
mod guard;
mod nested;
mod overflow;
mod pool;
#[cfg(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64"))]
mod registers;
#[cfg(gocoro_asan)]
mod sanitizer;

use std::cell::Cell;
use std::io;
use std::mem::offset_of;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::limits::{STACK_BYTES_MAIN, STACK_BYTES_MAX, STACK_BYTES_MIN};

use engine::{Coroutine, Handle, RECORD_OFFSETS, Suspender};

pub(crate) use advice::{Site, add as add_site, note as note_site, noted as noted_sites};
pub(crate) use guard::{kind as guard_kind, page_bytes};
#[cfg(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64"))]
pub(crate) use nested::with_room;
pub(crate) use nested::{Chain, Nested, is_in_coroutine, running};
pub(crate) use overflow::{AltStack, Fault, Who, set_main};
pub(crate) use pool::Pool;
#[cfg(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64"))]
pub(crate) use registers::{Ended, Suspended, root, sample};

/// A size class. Stacks of one class are interchangeable. The value is the binary logarithm of the
/// usable bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct SizeClass(u8);

impl SizeClass {
    /// The smallest class that has `bytes`; an error if no stack can be as large.
    pub(crate) fn holding(bytes: usize) -> io::Result<SizeClass> {
        if bytes > STACK_BYTES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("a stack of {bytes} bytes is too large; the most is {STACK_BYTES_MAX}"),
            ));
        }
        let bytes = bytes.max(STACK_BYTES_MIN).next_power_of_two();
        Ok(SizeClass(bytes.trailing_zeros() as u8))
    }

    /// Usable bytes of a stack of this class.
    pub(crate) fn bytes(self) -> usize {
        1 << self.0
    }

    /// The class with this index.
    fn at(index: usize) -> SizeClass {
        SizeClass(index as u8 + STACK_BYTES_MIN.trailing_zeros() as u8)
    }

    /// The index of this class, counted from the smallest.
    fn index(self) -> usize {
        (self.0 - STACK_BYTES_MIN.trailing_zeros() as u8) as usize
    }
}

/// The class of the stack of `main`: [`STACK_BYTES_MAIN`], or less if such a stack cannot be had.
pub(crate) fn main_class() -> SizeClass {
    class_of_at_most(STACK_BYTES_MAIN)
}

/// The class that has `bytes`, which are in bounds, or a smaller one if such a stack cannot be had.
pub(crate) fn class_of_at_most(mut bytes: usize) -> SizeClass {
    loop {
        let class = SizeClass::holding(bytes).expect("in bounds");
        if bytes <= STACK_BYTES_MIN || engine::check(class).is_ok() {
            return class;
        }
        bytes /= 2;
    }
}

/// Whether a stack of this class can be had now. The error says why not.
pub(crate) fn check(class: SizeClass) -> io::Result<()> {
    engine::check(class)
}

/// The names of what [`record_fields`] tells.
pub(crate) const RECORD_FIELDS: [&str; 9] = [
    "record.sp",
    "record.fp",
    "record.pc",
    "record.innermost",
    "record.data",
    "record.place",
    "record.link",
    "record.lowest",
    "code.root",
];

/// What the table for other processes says of suspended stacks. `None`: it is not known here, or
/// there is no such thing.
pub(crate) fn record_fields() -> [Option<u64>; RECORD_FIELDS.len()] {
    engine::record_fields()
}

/// How many size classes there are.
const CLASSES: usize =
    (STACK_BYTES_MAX.trailing_zeros() - STACK_BYTES_MIN.trailing_zeros()) as usize + 1;

/// A coroutine with its stack: running, suspended in a job, or idle.
///
/// Dropping a `Stack` leaks the memory. [`Stack::free`] ends an idle one.
#[derive(Debug)]
pub(crate) struct Stack {
    coroutine: Coroutine,
    #[cfg(gocoro_asan)]
    class: SizeClass,
}

/// What a stack is to run: a function, and what it is called with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    run: unsafe fn(NonNull<()>),
    with: NonNull<()>,
}

impl Job {
    /// The call of `run` with a pointer to `with`.
    #[inline(always)]
    pub(crate) fn new<T>(run: unsafe fn(NonNull<()>), with: &T) -> Job {
        Job { run, with: NonNull::from(with).cast() }
    }
}

static INSTALLED: OnceLock<()> = OnceLock::new();

/// Whether [`install`] has succeeded before.
pub(crate) fn is_installed() -> bool {
    INSTALLED.get().is_some()
}

/// Prepares the process: the engine first, then the fault handler. The thread must not be
/// panicking, for `generator` changes the panic hook, which std refuses to such a thread.
///
/// `fault` is asked about the address of a fault. If that lies in the guard of the running stack,
/// the answer is what to report.
pub(crate) fn install(fault: fn(usize) -> Option<Fault>) -> io::Result<()> {
    static INSTALLING: Mutex<()> = Mutex::new(());
    if is_installed() {
        return Ok(());
    }
    let _installing = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    if !is_installed() {
        overflow::install(fault, engine::prepare)?;
        let _ = INSTALLED.set(());
    }
    Ok(())
}

impl Stack {
    /// Where the record's address lies, for other processes.
    pub(crate) const FIELDS: &[(&str, u64)] =
        &[("stack.record", offset_of!(Stack, coroutine) as u64)];

    /// Makes a stack. An error if the kernel has no memory for it, or if the guards have used up
    /// their mappings.
    ///
    /// # Safety
    ///
    /// What `by` refers to lasts at least as long as the stack, and only the stack's thread uses
    /// it.
    unsafe fn new(class: SizeClass, by: Handle) -> io::Result<Stack> {
        // SAFETY: the caller's promise.
        let coroutine = unsafe { Coroutine::make(class, next_colour(), by) }?;
        #[cfg(gocoro_asan)]
        sanitizer::mapped(usable_of(coroutine.record(), class));
        Ok(Stack {
            coroutine,
            #[cfg(gocoro_asan)]
            class,
        })
    }

    /// The address of the engine's record of the coroutine, which lies in the stack's top page.
    #[inline(always)]
    fn record(&self) -> usize {
        self.coroutine.record()
    }

    /// Gives this idle stack a job, which runs when the stack is resumed next.
    ///
    /// # Safety
    ///
    /// The job's call may be made then, on this stack, and does not unwind.
    #[inline(always)]
    pub(crate) unsafe fn give(&self, job: Job) {
        // SAFETY: the caller's promise.
        unsafe { self.coroutine.give(job) };
    }

    /// Continues this stack until it suspends or its job ends.
    ///
    /// # Safety
    ///
    /// The stack is not running, and no other thread has ever resumed it.
    #[inline(always)]
    pub(crate) unsafe fn resume(&self) {
        // SAFETY: the caller's promise.
        let resume = || unsafe { self.coroutine.resume() };
        #[cfg(gocoro_asan)]
        return sanitizer::resume(self.usable(self.class), resume);
        #[cfg(not(gocoro_asan))]
        resume();
    }

    /// Suspends this stack, in whose task the caller runs: its resumer goes on. `here` is an
    /// address in the caller's frame.
    ///
    /// The task may run a coroutine of its own, of gocoro's or another library's, and wait in
    /// there. Then `here` does not lie on this stack, and whatever lies between stays as it is
    /// until the task is resumed.
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
        // SAFETY: the handle is that of the pool that made the stack, and the pool outlives its
        // stacks. The caller's frame lies on this stack.
        unsafe { self.coroutine.suspend_by(self.coroutine.handle()) };
    }

    /// Suspends the task that this stack runs from a frame on another stack, at `here`.
    #[cold]
    #[inline(never)]
    fn suspend_from_within(&self, here: usize) {
        let inside = running().map(Nested::coroutine);
        nested::suspend_whole(|| self.coroutine.suspend_whole(here, inside));
    }

    /// The address `here` with which this stack of `pool` was suspended last, if it is suspended.
    /// `depth` is what [`Stack::depth_of`] said of it. `None`: that has too few bits to tell.
    pub(crate) fn place(&self, class: SizeClass, depth: u32, pool: &Pool) -> Option<usize> {
        if let Some(elsewhere) = self.coroutine.place(pool.handle()) {
            return Some(elsewhere);
        }
        let place = self.record().wrapping_sub(depth as usize);
        (class.bytes() - 1 <= u32::MAX as usize).then_some(place)
    }

    /// Brings into the cache what a resume touches first: the coroutine's record, and the innermost
    /// frames, which lie `depth` bytes below the record.
    #[inline(always)]
    pub(crate) fn prefetch<const FRAME_LINES: usize>(&self, depth: u32) {
        let record = self.record();
        for offset in RECORD_OFFSETS {
            prefetch(record + offset);
        }
        // The innermost frames lie from this address upwards.
        let innermost = record.wrapping_sub(depth as usize + LINE_BYTES / 2);
        for line in 0..FRAME_LINES {
            prefetch(innermost + line * LINE_BYTES);
        }
    }

    /// How far an address on this stack lies below the coroutine's record.
    #[inline(always)]
    pub(crate) fn depth_of(&self, address: usize) -> u32 {
        self.record().wrapping_sub(address) as u32
    }

    /// Whether the frame that `address` lies in, which is that of running code, is on this stack.
    #[inline(always)]
    pub(crate) fn has_frame(&self, address: usize, class: SizeClass) -> bool {
        // All frames lie below the record, which lies in the top page. The addresses down to the
        // record's less the size reach into the guard, where no frame can be.
        self.record().wrapping_sub(address) < class.bytes()
    }

    /// Whether the coroutine has ended. It does not end as long as it has a job.
    #[inline(always)]
    pub(crate) fn is_ended(&self) -> bool {
        self.coroutine.is_ended()
    }

    /// Ends an idle stack and gives its memory back.
    ///
    /// # Safety
    ///
    /// The stack is idle and has no job, and this is its thread.
    pub(crate) unsafe fn free(self, class: SizeClass) {
        // SAFETY: the stack is idle, so not running, and this is its thread.
        unsafe { self.resume() };
        if !self.is_ended() {
            eprintln!("gocoro: an idle stack went on; this is a bug in gocoro; aborting");
            std::process::abort();
        }
        #[cfg(gocoro_asan)]
        sanitizer::unmapped(self.usable(class));
        // SAFETY: the coroutine has ended, and `class` is its class.
        unsafe { self.coroutine.free(class) };
    }

    /// The address at which the stack's usable memory ends.
    #[cfg(all(test, not(loom)))]
    fn top(&self) -> usize {
        page_top(self.record())
    }

    /// The addresses of the stack's usable memory, which lies above the guard.
    pub(crate) fn usable(&self, class: SizeClass) -> Range<usize> {
        usable_of(self.record(), class)
    }

    /// The addresses of the stack's guard, which lies below the usable memory.
    pub(crate) fn guard(&self, class: SizeClass) -> Range<usize> {
        guard_of(self.record(), class)
    }

    /// How many bytes of the stack have been in use, by whole pages, since the stack was made or
    /// [trimmed](Stack::trim): by its task, or by one that had it before. `None`: it is not known.
    pub(crate) fn touched(&self, class: SizeClass) -> Option<usize> {
        engine::is_layout_known().then(|| guard::touched(&self.usable(class)))?
    }

    /// Gives all memory of an idle stack but the `keep` bytes at its top back to the kernel.
    pub(crate) fn trim(&self, class: SizeClass, keep: usize) {
        if engine::is_layout_known() {
            let bottom = self.usable(class).start;
            guard::discard(bottom, class.bytes().saturating_sub(keep));
        }
    }
}

/// The address at which the usable memory of the stack with this record ends: the record lies in
/// the top page.
fn page_top(record: usize) -> usize {
    record.next_multiple_of(guard::page_bytes())
}

/// The addresses of the usable memory of the stack with this record, which lies above the guard.
fn usable_of(record: usize, class: SizeClass) -> Range<usize> {
    let top = page_top(record);
    top - class.bytes()..top
}

/// The addresses of the guard of the stack with this record, which lies below the usable memory.
fn guard_of(record: usize, class: SizeClass) -> Range<usize> {
    let bottom = usable_of(record, class).start;
    bottom - guard::guard_bytes(class)..bottom
}

/// How many bytes are left on `stack`, above its guard, if it is the running stack.
pub(crate) fn remaining(stack: &Stack, class: SizeClass) -> Option<usize> {
    let marker = Cell::new(0u8);
    let here = (&raw const marker).addr();
    let usable = stack.usable(class);
    usable.contains(&here).then(|| here - usable.start)
}

/// Bytes of a cache line.
const LINE_BYTES: usize = 64;

/// Brings a cache line into the cache. The address need not be valid.
#[inline(always)]
pub(crate) fn prefetch(address: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch has no effect but on the cache, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::without_provenance(address)) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// How many different distances there are between a stack's top and its first frame. Stacks whose
/// frames start at equal addresses modulo the page size fight for the same sets of the cache. So
/// each stack starts its frames some cache lines lower than the one made before it (10 000 live
/// tasks: 88 ns a switch with equal starts, 32 ns with sixteen colours).
const COLOURS: u32 = 16;

/// The colour of the stack that is made next.
fn next_colour() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed) % COLOURS
}

/// Runs the body of a coroutine, and tells AddressSanitizer of the first entry and the end.
#[inline(always)]
fn whole(body: impl FnOnce()) {
    #[cfg(gocoro_asan)]
    sanitizer::suspend(None::<fn()>);
    body();
    #[cfg(gocoro_asan)]
    sanitizer::end();
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn classes_round_up() {
        assert_eq!(SizeClass::holding(1).unwrap().bytes(), STACK_BYTES_MIN);
        assert_eq!(SizeClass::holding(65 * 1024).unwrap().bytes(), 128 * 1024);
        assert_eq!(SizeClass::holding(STACK_BYTES_MAX).unwrap().bytes(), STACK_BYTES_MAX);
        assert!(SizeClass::holding(STACK_BYTES_MAX + 1).is_err());
        assert!(SizeClass::holding(usize::MAX).is_err());
        assert_eq!(SizeClass::holding(STACK_BYTES_MAX).unwrap().index(), CLASSES - 1);
    }
}
