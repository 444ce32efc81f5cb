//! Stacks and the switch between them: the only place that names the `generator` crate.
//!
//! A [`Stack`] is a coroutine that runs one job after another: resumed while idle, it asks
//! [`install`]'s `job` function what to do and does it; [`Stack::suspend`] inside a job goes back
//! to the resumer. It is never re-made between jobs, and never dropped in the middle of one.
//!
//! What this module leaves out on purpose: `generator`'s cancellation, `done!`, and passing data
//! through it (`para`, `ret`). All data goes through the task.

mod budget;
mod guard;
mod hand;
mod layout;
mod overflow;
mod pool;
#[cfg(gocoro_asan)]
mod sanitizer;

use std::cell::Cell;
use std::io;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use generator::{Generator, Gn};

use crate::limits::{STACK_BYTES_MAIN, STACK_BYTES_MAX, STACK_BYTES_MIN};
use crate::unwind;

pub(crate) use guard::kind as guard_kind;
use hand::{Hand, Own, copy, suspend_by};
pub(crate) use overflow::{AltStack, Fault, set_main};
pub(crate) use pool::Pool;

/// A size class: stacks of one class are interchangeable. The usable bytes are a power of two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SizeClass(u8);

impl SizeClass {
    /// The class that holds `bytes`, rounded up; an error if that is more than a stack can be.
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

    fn index(self) -> usize {
        (self.0 - STACK_BYTES_MIN.trailing_zeros() as u8) as usize
    }
}

/// The class for main's stack, or the largest below that can be had.
pub(crate) fn main_class() -> SizeClass {
    let mut bytes = STACK_BYTES_MAIN;
    loop {
        let class = SizeClass::holding(bytes).expect("in bounds");
        if bytes <= STACK_BYTES_MIN || budget::check(class).is_ok() {
            return class;
        }
        bytes /= 2;
    }
}

/// Whether a stack of this class can be had now; the reason if it cannot.
pub(crate) fn check(class: SizeClass) -> io::Result<()> {
    budget::check(class)
}

const CLASSES: usize =
    (STACK_BYTES_MAX.trailing_zeros() - STACK_BYTES_MIN.trailing_zeros()) as usize + 1;

/// A coroutine with its stack, suspended or idle unless it is the one running.
///
/// Dropping the handle leaks the stack: [`Stack::free`] ends an idle one.
#[derive(Debug)]
pub(crate) struct Stack {
    raw: NonNull<usize>,
    #[cfg(gocoro_asan)]
    class: SizeClass,
}

/// What an idle stack does when it is resumed: runs one job and returns `true`, or returns `false`
/// to end. Must not unwind.
pub(crate) type Job = fn() -> bool;

static JOB: OnceLock<Job> = OnceLock::new();

/// Whether [`install`] has been called, with success.
pub(crate) fn is_installed() -> bool {
    JOB.get().is_some()
}

/// Prepares the process: what idle stacks run, the layout of stacks, the fault handler. On a thread
/// that does not panic: `generator` changes the panic hook, which std refuses to others.
///
/// `fault` tells of an address what is to be reported if it lies in the guard of the running stack.
pub(crate) fn install(job: Job, fault: fn(usize) -> Option<Fault>) -> io::Result<()> {
    static INSTALLING: Mutex<()> = Mutex::new(());
    if JOB.get().is_some() {
        return Ok(());
    }
    let _installing = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    if JOB.get().is_none() {
        overflow::install(fault, layout::detect)?;
        let _ = JOB.set(job);
    }
    Ok(())
}

impl Stack {
    /// Makes a stack; an error if the kernel has none to give, or the guards' budget is used up.
    ///
    /// # Safety
    ///
    /// `by` lasts as long as the stack, and belongs to its thread.
    unsafe fn new(class: SizeClass, by: NonNull<Own<'static>>) -> io::Result<Stack> {
        let budget = budget::admit(class)?;
        let words = guard::bytes_with_guard(class) / size_of::<usize>();
        let colour = next_colour();
        // What a body takes along has to be `Send`; this one stays on its thread.
        let carried = by.as_ptr().expose_provenance();
        // The kernel may still refuse, if memory went elsewhere since; generator then panics.
        let made =
            unwind::catch(|| Gn::<()>::new_opt::<(), _>(words, move || enter(colour, carried)));
        let Ok(made) = made else {
            return Err(io::Error::from(io::ErrorKind::OutOfMemory));
        };
        let stack = Stack::from_made(made, class);
        let guarded = match stack.is_laid_out(class) {
            true => guard::install(&stack, class, budget),
            false => Err(io::Error::other(
                "`generator` laid this stack out differently from the first one",
            )),
        };
        if let Err(error) = guarded {
            // SAFETY: `raw` came from `into_raw` just now, and the coroutine was never resumed.
            drop(unsafe { Generator::<'static, (), ()>::from_raw(stack.raw.as_ptr()) });
            return Err(error);
        }
        #[cfg(gocoro_asan)]
        sanitizer::mapped(stack.usable(class));
        // Where a suspension finds it. Anything but null marks the coroutine that `co_yield_with`
        // suspends, also from inside a generator that the task itself runs.
        stack.generator().set_local_data(by.as_ptr().cast());
        Ok(stack)
    }

    fn from_made(made: Generator<'static, (), ()>, class: SizeClass) -> Stack {
        let raw = NonNull::new(made.into_raw()).expect("a generator is never null");
        #[cfg(not(gocoro_asan))]
        let _ = class;
        Stack {
            raw,
            #[cfg(gocoro_asan)]
            class,
        }
    }

    /// Whether a new stack lies in memory as those did that were tested, if it matters.
    fn is_laid_out(&self, class: SizeClass) -> bool {
        !layout::is_known() || layout::is_as_tested(self, class, self.usage().0)
    }

    /// Bytes of the stack as `generator` counts them, its guard left out, and how many it thinks
    /// were used.
    fn usage(&self) -> (usize, usize) {
        let generator = self.generator();
        let (words, used) = generator.stack_usage();
        (words * size_of::<usize>(), used * size_of::<usize>())
    }

    /// The address of the coroutine's record.
    #[inline(always)]
    fn record(&self) -> usize {
        self.raw.as_ptr().addr()
    }

    /// The coroutine, which this second handle does not free.
    #[inline(always)]
    fn generator(&self) -> ManuallyDrop<Generator<'static, (), ()>> {
        // SAFETY: `raw` came from `into_raw` and is still owned by `self`.
        ManuallyDrop::new(unsafe { Generator::from_raw(self.raw.as_ptr()) })
    }

    /// Continues this stack until it suspends or its job ends.
    ///
    /// # Safety
    ///
    /// The stack is not running, and was never resumed by another thread.
    #[inline(always)]
    pub(crate) unsafe fn resume(&self) {
        let mut generator = self.generator();
        #[cfg(gocoro_asan)]
        return sanitizer::resume(self.usable(self.class), || {
            generator.resume();
        });
        #[cfg(not(gocoro_asan))]
        generator.resume();
    }

    /// Brings into the cache what a resume touches first: the coroutine's record, and the lines of
    /// the frames `depth` bytes below it, where it suspended.
    #[inline(always)]
    pub(crate) fn prefetch<const FRAME_LINES: usize>(&self, depth: u32) {
        let record = self.record();
        for offset in RECORD_OFFSETS {
            prefetch(record + offset);
        }
        // The innermost frames lie from there upwards.
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

    /// Whether the coroutine ended, which none does while it holds a job.
    #[inline(always)]
    pub(crate) fn is_ended(&self) -> bool {
        self.generator().is_done()
    }

    /// Ends an idle stack and gives its memory back.
    ///
    /// # Safety
    ///
    /// The stack holds no job, and the job function returns `false` when it is resumed now.
    pub(crate) unsafe fn free(self, class: SizeClass) {
        // SAFETY: the caller's promise.
        unsafe { self.resume() };
        if !self.is_ended() {
            eprintln!("gocoro: an idle stack went on; this is a bug in gocoro; aborting");
            std::process::abort();
        }
        #[cfg(gocoro_asan)]
        sanitizer::unmapped(self.usable(class));
        guard::remove(&self, class);
        // SAFETY: `raw` came from `into_raw`, and `self` is consumed.
        drop(unsafe { Generator::<'static, (), ()>::from_raw(self.raw.as_ptr()) });
    }

    /// The end of the usable memory.
    pub(crate) fn top(&self) -> usize {
        // generator keeps its own records in the top page, and hands out their address.
        self.record().next_multiple_of(guard::page_bytes())
    }

    /// The addresses above the guard.
    fn usable(&self, class: SizeClass) -> Range<usize> {
        let top = self.top();
        top - class.bytes()..top
    }

    /// The addresses of the guard below.
    pub(crate) fn guard(&self, class: SizeClass) -> Range<usize> {
        let bottom = self.usable(class).start;
        bottom - guard::guard_bytes()..bottom
    }

    /// Gives the memory below `keep` bytes from the top back to the kernel.
    pub(crate) fn trim(&self, class: SizeClass, keep: usize) {
        if layout::is_known() {
            let bottom = self.usable(class).start;
            guard::discard(bottom, class.bytes().saturating_sub(keep));
        }
    }
}

/// A stack outside any pool, guarded by `generator` alone, for code of this module.
struct Bare(Stack);

impl Bare {
    fn new(body: impl FnOnce(Own<'_>) + Send + 'static) -> Bare {
        Bare::of(STACK_BYTES_MIN, body)
    }

    fn of(bytes: usize, body: impl FnOnce(Own<'_>) + Send + 'static) -> Bare {
        let words = bytes / size_of::<usize>();
        let made = Gn::<()>::new_scoped_opt(words, move |own| whole(|| body(own)));
        Bare(Stack::from_made(made, SizeClass::at(0)))
    }

    fn resume(&mut self) {
        assert!(!self.0.is_ended(), "a coroutine that has ended was resumed");
        // SAFETY: it is not running, and does not leave the thread: it is not `Send`.
        unsafe { self.0.resume() };
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        assert!(self.0.is_ended(), "a coroutine was dropped before its end");
        // SAFETY: `raw` came from `into_raw`, and `self` is not used again.
        drop(unsafe { Generator::<'static, (), ()>::from_raw(self.0.raw.as_ptr()) });
    }
}

/// Bytes left on the running stack above the guard, if `stack` is the one running.
pub(crate) fn remaining(stack: &Stack, class: SizeClass) -> Option<usize> {
    let marker = Cell::new(0u8);
    let here = (&raw const marker).addr();
    let usable = stack.usable(class);
    usable.contains(&here).then(|| here - usable.start)
}

const LINE_BYTES: usize = 64;

/// Where in generator's record of a coroutine the fields lie that a switch touches.
const RECORD_OFFSETS: [usize; 3] = [0, 64, 256];

/// Brings a cache line closer; any address will do.
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

/// Stacks whose tops are equal modulo the page size fight for the same cache sets, so each starts
/// its frames some cache lines lower than the one before (10 000 live tasks: 88 ns a switch with
/// equal tops, 32 ns with sixteen colours).
const COLOURS: u32 = 16;

fn next_colour() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed) % COLOURS
}

fn enter(colour: u32, own: usize) {
    match colour {
        0 => lowered::<0>(own),
        1 => lowered::<64>(own),
        2 => lowered::<128>(own),
        3 => lowered::<192>(own),
        4 => lowered::<256>(own),
        5 => lowered::<320>(own),
        6 => lowered::<384>(own),
        7 => lowered::<448>(own),
        8 => lowered::<512>(own),
        9 => lowered::<576>(own),
        10 => lowered::<640>(own),
        11 => lowered::<704>(own),
        12 => lowered::<768>(own),
        13 => lowered::<832>(own),
        14 => lowered::<896>(own),
        _ => lowered::<960>(own),
    }
}

/// All that a coroutine does, from its first entry to its end.
#[inline(always)]
fn whole(body: impl FnOnce()) {
    #[cfg(gocoro_asan)]
    sanitizer::suspend(None::<fn()>);
    body();
    #[cfg(gocoro_asan)]
    sanitizer::end();
}

#[inline(never)]
fn lowered<const BYTES: usize>(own: usize) {
    let pad = [MaybeUninit::<u8>::uninit(); BYTES];
    std::hint::black_box(&pad);
    let job = JOB.get().expect("installed before the first stack");
    let own = std::ptr::with_exposed_provenance_mut::<Own<'static>>(own);
    whole(|| {
        while job() {
            // SAFETY: as in `Stack::suspend`.
            suspend_by(&mut *unsafe { copy(own) });
        }
    });
    std::hint::black_box(&pad);
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
