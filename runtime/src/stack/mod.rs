//! Stacks and the switch between them: the only place that names the `generator` crate.
//!
//! A [`Stack`] is a coroutine that runs one [`Job`] after another. Resumed while it is idle, it
//! runs the job that it was [given](Stack::give). Inside a job, [`Stack::suspend`] goes back to
//! the resumer. A coroutine is not made anew between jobs, and never dropped in the middle of one.
//!
//! Of `generator`'s ways to pass data this module uses `para`, which carries a job to an idle
//! stack, and not `ret`. Nor does it use `generator`'s cancellation, or its `done!`.

mod admission;
mod advice;
mod guard;
mod layout;
mod nested;
mod overflow;
mod pool;
#[cfg(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64"))]
mod registers;
#[cfg(gocoro_asan)]
mod sanitizer;
mod saved;
mod suspend;

use std::cell::Cell;
use std::io;
use std::mem::{ManuallyDrop, MaybeUninit, offset_of};
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use generator::{Generator, Gn};

use crate::limits::{STACK_BYTES_MAIN, STACK_BYTES_MAX, STACK_BYTES_MIN};
use crate::unwind;

pub(crate) use advice::{Site, add as add_site, note as note_site, noted as noted_sites};
pub(crate) use guard::{kind as guard_kind, page_bytes};
#[cfg(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64"))]
pub(crate) use nested::with_room;
pub(crate) use nested::{Chain, Nested, is_in_coroutine, running};
pub(crate) use overflow::{AltStack, Fault, Who, set_main};
pub(crate) use pool::Pool;
#[cfg(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64"))]
pub(crate) use registers::{Suspended, sample};
pub(crate) use saved::record_fields;
use suspend::{Own, Suspender, suspend_by};

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
        if bytes <= STACK_BYTES_MIN || admission::check(class).is_ok() {
            return class;
        }
        bytes /= 2;
    }
}

/// Whether a stack of this class can be had now. The error says why not.
pub(crate) fn check(class: SizeClass) -> io::Result<()> {
    admission::check(class)
}

/// How many size classes there are.
const CLASSES: usize =
    (STACK_BYTES_MAX.trailing_zeros() - STACK_BYTES_MIN.trailing_zeros()) as usize + 1;

/// A coroutine with its stack: running, suspended in a job, or idle.
///
/// Dropping a `Stack` leaks the memory. [`Stack::free`] ends an idle one.
#[derive(Debug)]
pub(crate) struct Stack {
    /// `generator`'s record of the coroutine, from `Generator::into_raw`.
    raw: NonNull<usize>,
    #[cfg(gocoro_asan)]
    class: SizeClass,
}

/// What a stack is to run: a function, and what it is called with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    run: unsafe fn(NonNull<()>),
    with: NonNull<()>,
}

// SAFETY: `generator` asks for this of whatever a coroutine is passed, but coroutines, and so the
// jobs that they are given, stay on one thread.
unsafe impl Send for Job {}

impl Job {
    /// The call of `run` with a pointer to `with`.
    #[inline(always)]
    pub(crate) fn new<T>(run: unsafe fn(NonNull<()>), with: &T) -> Job {
        Job { run, with: NonNull::from(with).cast() }
    }
}

/// `generator`'s type of the coroutines, which are passed jobs and yield nothing.
type Coroutine = Generator<'static, Job, ()>;

static INSTALLED: OnceLock<()> = OnceLock::new();

/// Whether [`install`] has succeeded before.
pub(crate) fn is_installed() -> bool {
    INSTALLED.get().is_some()
}

/// Prepares the process: learns the layout of stacks, and installs the fault handler. The thread
/// must not be panicking, for `generator` changes the panic hook, which std refuses to such a
/// thread.
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
        overflow::install(fault, layout::detect)?;
        let _ = INSTALLED.set(());
    }
    Ok(())
}

impl Stack {
    /// Where the record's address lies, for other processes.
    pub(crate) const FIELDS: &[(&str, u64)] = &[("stack.record", offset_of!(Stack, raw) as u64)];

    /// Makes a stack. An error if the kernel has no memory for it, or if the guards have used up
    /// their mappings.
    ///
    /// # Safety
    ///
    /// The handle at `by` lasts at least as long as the stack, and only the stack's thread uses it.
    unsafe fn new(class: SizeClass, by: NonNull<Own<'static>>) -> io::Result<Stack> {
        let admission = admission::admit(class)?;
        let words = guard::bytes_with_guard(class) / size_of::<usize>();
        let colour = next_colour();
        // The kernel may still refuse, if memory has gone elsewhere since `admit`. Then `generator`
        // panics. A coroutine that was made by `new_opt` can be suspended by `co_yield_with`, and
        // one that was initialised by `scoped_init` knows where its jobs are put.
        let made = unwind::catch(|| {
            let mut made = Gn::<Job>::new_opt::<(), _>(words, || ());
            made.scoped_init(move |own| enter(colour, own));
            made
        });
        let Ok(made) = made else {
            return Err(io::Error::from(io::ErrorKind::OutOfMemory));
        };
        let stack = Stack::from_made(made, class);
        let guarded = match stack.is_laid_out(class) {
            true => guard::install(&stack, class, admission),
            false => Err(io::Error::other(
                "`generator` laid this stack out differently from the first one",
            )),
        };
        if let Err(error) = guarded {
            // SAFETY: `raw` came from `into_raw` just now, and `stack` is not used again, nor freed
            // by its drop.
            drop(unsafe { Coroutine::from_raw(stack.raw.as_ptr()) });
            return Err(error);
        }
        #[cfg(gocoro_asan)]
        sanitizer::mapped(stack.usable(class));
        // A suspension finds the handle there. Anything but null also marks the coroutine as the
        // one that `co_yield_with` suspends, from inside a generator that the task itself runs too.
        stack.generator().set_local_data(by.as_ptr().cast());
        Ok(stack)
    }

    fn from_made(made: Coroutine, class: SizeClass) -> Stack {
        let raw = NonNull::new(made.into_raw()).expect("a generator is never null");
        #[cfg(not(gocoro_asan))]
        let _ = class;
        Stack {
            raw,
            #[cfg(gocoro_asan)]
            class,
        }
    }

    /// Whether a new stack is laid out as the tested stacks were. If their layout is not known, it
    /// does not matter, and the answer is `true`.
    fn is_laid_out(&self, class: SizeClass) -> bool {
        !layout::is_known() || layout::is_as_tested(self, class, self.usage().0)
    }

    /// How many bytes the stack has without `generator`'s own guard, and how many of them were
    /// used, both as `generator` counts.
    fn usage(&self) -> (usize, usize) {
        let generator = self.generator();
        let (words, used) = generator.stack_usage();
        (words * size_of::<usize>(), used * size_of::<usize>())
    }

    /// The address of `generator`'s record of the coroutine.
    #[inline(always)]
    fn record(&self) -> usize {
        self.raw.as_ptr().addr()
    }

    /// A second handle to the coroutine, which does not free it.
    #[inline(always)]
    fn generator(&self) -> ManuallyDrop<Coroutine> {
        // SAFETY: `raw` came from `into_raw`, and `self` still owns the coroutine, which this
        // handle, never dropped, does not free.
        ManuallyDrop::new(unsafe { Coroutine::from_raw(self.raw.as_ptr()) })
    }

    /// Gives this idle stack a job, which runs when the stack is resumed next.
    ///
    /// # Safety
    ///
    /// The job's call may be made then, on this stack, and does not unwind.
    #[inline(always)]
    pub(crate) unsafe fn give(&self, job: Job) {
        self.generator().set_para(job);
    }

    /// Continues this stack until it suspends or its job ends.
    ///
    /// # Safety
    ///
    /// The stack is not running, and no other thread has ever resumed it.
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
        self.generator().is_done()
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
        guard::remove(&self, class);
        // SAFETY: `raw` came from `into_raw`, the coroutine has ended, and `self` is consumed.
        drop(unsafe { Coroutine::from_raw(self.raw.as_ptr()) });
    }

    /// The address at which the stack's usable memory ends.
    pub(crate) fn top(&self) -> usize {
        // `generator`'s record lies in the stack's top page, and its address is known.
        self.record().next_multiple_of(guard::page_bytes())
    }

    /// The addresses of the stack's usable memory, which lies above the guard.
    pub(crate) fn usable(&self, class: SizeClass) -> Range<usize> {
        let top = self.top();
        top - class.bytes()..top
    }

    /// The addresses of the stack's guard, which lies below the usable memory.
    pub(crate) fn guard(&self, class: SizeClass) -> Range<usize> {
        let bottom = self.usable(class).start;
        bottom - guard::guard_bytes()..bottom
    }

    /// How many bytes of the stack have been in use, by whole pages, since the stack was made or
    /// [trimmed](Stack::trim): by its task, or by one that had it before. `None`: it is not known.
    pub(crate) fn touched(&self, class: SizeClass) -> Option<usize> {
        layout::is_known().then(|| guard::touched(&self.usable(class)))?
    }

    /// Gives all memory of an idle stack but the `keep` bytes at its top back to the kernel.
    pub(crate) fn trim(&self, class: SizeClass, keep: usize) {
        if layout::is_known() {
            let bottom = self.usable(class).start;
            guard::discard(bottom, class.bytes().saturating_sub(keep));
        }
    }
}

/// A stack outside any pool, guarded by `generator` alone, for this module's own purposes.
struct Bare(Stack);

impl Bare {
    fn new(body: impl FnOnce(Own<'_>) + Send + 'static) -> Bare {
        Bare::of(STACK_BYTES_MIN, body)
    }

    fn of(bytes: usize, body: impl FnOnce(Own<'_>) + Send + 'static) -> Bare {
        let words = bytes / size_of::<usize>();
        let made = Gn::<Job>::new_scoped_opt(words, move |own| whole(|| body(own)));
        Bare(Stack::from_made(made, SizeClass::at(0)))
    }

    fn resume(&mut self) {
        assert!(!self.0.is_ended(), "a coroutine that has ended was resumed");
        // SAFETY: the coroutine is not running, for only this method resumes it, by `&mut self`;
        // and a `Bare` is not `Send`, so no other thread has resumed it.
        unsafe { self.0.resume() };
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        assert!(self.0.is_ended(), "a coroutine was dropped before its end");
        // SAFETY: `raw` came from `into_raw`, the coroutine has ended, and `self` is not used
        // again.
        drop(unsafe { Coroutine::from_raw(self.0.raw.as_ptr()) });
    }
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

/// Offsets, in `generator`'s record of a coroutine, of the cache lines that a switch touches.
const RECORD_OFFSETS: [usize; 3] = [0, 64, 256];

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

/// A coroutine's first function: leaves as much room as its colour says, and runs jobs.
fn enter(colour: u32, own: Own<'_>) {
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

/// Runs the body of a coroutine, and tells AddressSanitizer of the first entry and the end.
#[inline(always)]
fn whole(body: impl FnOnce()) {
    #[cfg(gocoro_asan)]
    sanitizer::suspend(None::<fn()>);
    body();
    #[cfg(gocoro_asan)]
    sanitizer::end();
}

/// Runs jobs below a pad of `BYTES`, until it is resumed without one.
#[inline(never)]
fn lowered<const BYTES: usize>(own: Own<'_>) {
    let pad = [MaybeUninit::<u8>::uninit(); BYTES];
    std::hint::black_box(&pad);
    // The handle has references to what the resumer writes and reads too. Arguments that are
    // references count as the only way to what they refer to, the contents of a black box do not.
    let mut own = std::hint::black_box(own);
    whole(|| {
        while let Some(job) = own.get_yield() {
            // SAFETY: whoever gave the job has answered for its call, now that the stack is
            // resumed.
            unsafe { (job.run)(job.with) };
            suspend_by(&mut own);
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
