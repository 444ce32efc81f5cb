//! The engine that switches by the crate `corosensei`, on memory of gocoro's own ([`slab`]).
//!
//! Of `corosensei` this module uses what its documentation promises: a coroutine on given memory,
//! `resume`, `suspend`, and that both may be called from any frame whose stack is the coroutine's,
//! or was entered from there. No data goes through a switch. Its feature `unwind` is not needed,
//! and does no harm where another crate of the program turns it on: jobs do not unwind, and no
//! coroutine is dropped before its end.
//!
//! The record of a coroutine lies at the top of its stack: see [`Record`].
//!
//! A task that waits inside a coroutine of another library, which it runs itself, is suspended from
//! a frame on a foreign stack. That is one switch like any other, as long as the other library
//! keeps no list of what runs on a thread. The crate `generator` does. So such a wait inside of a
//! coroutine of `generator`'s ends the process with a message ([`refuse_generators`]).

#[cfg(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64"))]
mod registers;
mod saved;
mod slab;

use std::cell::{Cell, UnsafeCell};
use std::io::{self, Write};
use std::ptr::NonNull;
use std::sync::OnceLock;

use ::corosensei::stack::{Stack as Memory, StackPointer};
use ::corosensei::{Coroutine as Switched, Yielder};
use ::generator::Gn;

use crate::stack::admission::{probe, refusal};
use crate::stack::guard::page_bytes;
#[cfg(gocoro_asan)]
use crate::stack::sanitizer;
use crate::stack::{Job, LINE_BYTES, SizeClass, guard_of, page_top, usable_of, whole};
use crate::unwind;

#[cfg(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64"))]
pub(in crate::stack) use registers::{root, sample};
pub(in crate::stack) use saved::record_fields;

/// Offsets, from the record, of the cache lines that a switch touches: see [`Record`].
pub(in crate::stack) const RECORD_OFFSETS: [usize; 1] = [0];

/// Bytes of a stack above its colour's: a line that a record shares with what `corosensei` keeps
/// below it, and the line in which the record ends.
const RECORD_LINES: usize = 2;

/// Bytes that `corosensei` keeps below the address that it is given as a stack's base.
const LINK_BYTES: usize = 16;

/// What lies at the top of each stack. Its address is the base of the memory that `corosensei` has,
/// and lies 16 bytes after the beginning of a cache line. So what a switch touches is one line, for
/// `corosensei` has the link to the resumer in the 16 bytes below its base.
#[repr(C)]
struct Record {
    /// The coroutine, which only its resumer touches.
    coroutine: UnsafeCell<Switched<(), (), (), Own>>,
    /// What the coroutine suspends by; null before its first entry.
    yielder: Cell<*const Yielder<(), ()>>,
    /// What to run next.
    job: Cell<Option<Job>>,
    /// Where the frame is from which the coroutine is suspended, if that lies on another stack; 0:
    /// on this one.
    place: Cell<usize>,
    /// Which stack has the innermost frames that are suspended with this one: the address of its
    /// record, in which this is the record of whoever resumed it, and so on to this one.
    inner: Cell<usize>,
    /// Where the stack's memory begins.
    lowest: usize,
}

const _: () = assert!(size_of::<Record>() + LINK_BYTES <= RECORD_LINES * LINE_BYTES);

/// A stack's memory, as `corosensei` sees it. Dropping it gives nothing back.
struct Own {
    base: StackPointer,
    limit: StackPointer,
}

// SAFETY: the memory between the addresses is a slot of a slab with a guard at its lower end, has
// more than the least size, and lasts until `Coroutine::free`. Both are aligned to 16 bytes.
unsafe impl Memory for Own {
    #[inline(always)]
    fn base(&self) -> StackPointer {
        self.base
    }

    #[inline(always)]
    fn limit(&self) -> StackPointer {
        self.limit
    }
}

/// What a pool keeps for its stacks: nothing, for each of them suspends by itself.
#[derive(Debug)]
pub(in crate::stack) struct Suspender;

impl Suspender {
    pub(in crate::stack) fn new() -> io::Result<Suspender> {
        Ok(Suspender)
    }

    pub(in crate::stack) fn handle(&self) -> Handle {
        Handle
    }
}

/// The handle by which a stack suspends, which knows it itself.
#[derive(Clone, Copy, Debug)]
pub(in crate::stack) struct Handle;

/// A coroutine, with its stack. Dropping it leaks both.
#[derive(Debug)]
#[repr(transparent)]
pub(in crate::stack) struct Coroutine {
    record: NonNull<Record>,
}

/// gocoro lays the stacks out itself.
#[inline(always)]
pub(in crate::stack) const fn is_layout_known() -> bool {
    true
}

/// Whether a stack of this class can be had now.
pub(in crate::stack) fn check(class: SizeClass) -> io::Result<()> {
    slab::take(class).map(|top| slab::put(top, class))
}

/// Prepares the process: has `generator` install its fault handler, which it does at a process's
/// first coroutine. Installed later, by what the program does with that crate, it would stand in
/// front of gocoro's.
pub(in crate::stack) fn prepare() -> io::Result<()> {
    static PREPARED: OnceLock<()> = OnceLock::new();
    if PREPARED.get().is_some() {
        return Ok(());
    }
    // Asked first, for `generator` answers a refusal with a panic.
    let bytes = ::generator::DEFAULT_STACK_SIZE * size_of::<usize>() + 2 * page_bytes();
    probe(bytes).map_err(|error| refusal(&error))?;
    if unwind::catch(run_generator).is_err() {
        return Err(io::Error::from(io::ErrorKind::OutOfMemory));
    }
    let _ = PREPARED.set(());
    Ok(())
}

/// Runs one coroutine of `generator`'s to its end.
fn run_generator() {
    let words = ::generator::DEFAULT_STACK_SIZE;
    let mut made = Gn::<()>::new_scoped_opt(words, |_| whole(|| ()));
    #[cfg(gocoro_asan)]
    {
        let record = made.into_raw();
        let top = page_top(record.addr());
        // SAFETY: `record` has just come from `into_raw`, and is not used again.
        made = unsafe { ::generator::Generator::from_raw(record) };
        sanitizer::resume(top - words * size_of::<usize>()..top, || drop(made.resume()));
    }
    #[cfg(not(gocoro_asan))]
    made.resume();
}

impl Coroutine {
    /// Makes a coroutine with a stack of this class and a guard, whose frames begin as much lower
    /// as its colour says. An error if the kernel has no memory for it, or if the guards have used
    /// up their mappings.
    ///
    /// # Safety
    ///
    /// None: the handle refers to nothing.
    pub(in crate::stack) unsafe fn make(
        class: SizeClass,
        colour: u32,
        _by: Handle,
    ) -> io::Result<Coroutine> {
        let top = slab::take(class)?;
        let at = top - (RECORD_LINES + colour as usize) * LINE_BYTES + LINK_BYTES;
        let record = std::ptr::with_exposed_provenance_mut::<Record>(at);
        let limit = guard_of(at, class).start;
        let (base, limit) = (StackPointer::new(at), StackPointer::new(limit));
        let (Some(base), Some(limit)) = (base, limit) else { unreachable!("no stack is at zero") };
        let body = move |yielder: &Yielder<(), ()>, ()| {
            // SAFETY: the body runs when the coroutine is resumed, so the record is written.
            run(unsafe { &*std::ptr::with_exposed_provenance::<Record>(at) }, yielder);
        };
        let made = Record {
            coroutine: UnsafeCell::new(Switched::with_stack(Own { base, limit }, body)),
            yielder: Cell::new(std::ptr::null()),
            job: Cell::new(None),
            place: Cell::new(0),
            inner: Cell::new(at),
            lowest: usable_of(at, class).start,
        };
        // SAFETY: the place lies in the slot, above what the coroutine has, and is aligned: the top
        // is that of a page, and the offset a multiple of 16.
        unsafe { record.write(made) };
        let record = NonNull::new(record).expect("no stack is at zero");
        Ok(Coroutine { record })
    }

    /// The address of the record.
    #[inline(always)]
    pub(in crate::stack) fn record(&self) -> usize {
        self.record.as_ptr().addr()
    }

    #[inline(always)]
    fn get(&self) -> &Record {
        // SAFETY: the record was written by `make`, and lasts until `free`, which consumes `self`.
        // It has interior mutability only.
        unsafe { self.record.as_ref() }
    }

    /// Gives this idle coroutine a job, which runs when it is resumed next.
    ///
    /// # Safety
    ///
    /// The job's call may be made then, on this stack, and does not unwind.
    #[inline(always)]
    pub(in crate::stack) unsafe fn give(&self, job: Job) {
        self.get().job.set(Some(job));
    }

    /// Continues this coroutine until it suspends or ends.
    ///
    /// # Safety
    ///
    /// The coroutine is not running, and no other thread has ever resumed it.
    #[inline(always)]
    pub(in crate::stack) unsafe fn resume(&self) {
        // SAFETY: the coroutine is not running, so nobody else has a reference to it, and nobody
        // makes one until this returns: the body looks only at the record's other fields.
        unsafe { &mut *self.get().coroutine.get() }.resume(());
    }

    /// Whether the coroutine has ended. It does not end as long as it has a job.
    #[inline(always)]
    pub(in crate::stack) fn is_ended(&self) -> bool {
        // SAFETY: only the resumer asks, which has come back from `resume`.
        unsafe { &*self.get().coroutine.get() }.done()
    }

    /// Gives the memory of a coroutine back.
    ///
    /// # Safety
    ///
    /// The coroutine has ended, and `class` is its class.
    pub(in crate::stack) unsafe fn free(self, class: SizeClass) {
        let top = page_top(self.record());
        // SAFETY: the record was written by `make`. The coroutine has ended, and `self` is
        // consumed.
        unsafe { self.record.drop_in_place() };
        slab::put(top, class);
    }

    /// The handle by which the coroutine suspends.
    #[inline(always)]
    pub(in crate::stack) fn handle(&self) -> Handle {
        Handle
    }

    /// Suspends the running coroutine, on which the caller runs.
    ///
    /// # Safety
    ///
    /// The caller has its frame on this stack.
    #[inline(always)]
    pub(in crate::stack) unsafe fn suspend_by(&self, _by: Handle) {
        // SAFETY: the coroutine runs, so it was entered.
        unsafe { suspend(self.get().yielder.get()) };
    }

    /// Suspends this coroutine, which a task has, from a frame on another stack, at `here`: of
    /// whatever the task itself runs. The coroutine is resumed there. `inside` are the coroutines
    /// of gocoro's that are suspended with it, innermost first.
    #[cold]
    #[inline(never)]
    pub(in crate::stack) fn suspend_whole<'a>(
        &self,
        here: usize,
        inside: impl Iterator<Item = &'a Coroutine>,
    ) {
        refuse_generators();
        let record = self.get();
        record.place.set(here);
        let mut last = record;
        for coroutine in inside {
            last.inner.set(coroutine.record());
            last = coroutine.get();
        }
        last.inner.set(self.record());
        // SAFETY: the coroutine runs, so it was entered.
        unsafe { suspend(record.yielder.get()) };
        record.place.set(0);
        record.inner.set(self.record());
    }

    /// Where the frame is from which this coroutine was suspended as a
    /// [whole](Self::suspend_whole). `None`: it lies on this stack.
    pub(in crate::stack) fn place(&self, _by: Handle) -> Option<usize> {
        let place = self.get().place.get();
        (place != 0).then_some(place)
    }

    /// Notes that a coroutine of gocoro's has this stack, which makes no difference here.
    pub(in crate::stack) fn lend(&self) {}

    /// Notes that no coroutine of gocoro's has this stack any longer.
    pub(in crate::stack) fn take_back(&self, _by: Handle) {}
}

/// Suspends the running coroutine.
///
/// # Safety
///
/// The yielder is that of a coroutine that runs on this thread.
#[inline(always)]
unsafe fn suspend(yielder: *const Yielder<(), ()>) {
    // SAFETY: the caller's promise: a coroutine that runs has its yielder.
    let switch = || unsafe { &*yielder }.suspend(());
    #[cfg(gocoro_asan)]
    return sanitizer::suspend(Some(switch));
    #[cfg(not(gocoro_asan))]
    switch();
}

/// A coroutine's first function: runs jobs, until it is resumed without one.
fn run(record: &Record, yielder: &Yielder<(), ()>) {
    record.yielder.set(yielder);
    whole(|| {
        while let Some(job) = record.job.take() {
            // SAFETY: whoever gave the job has answered for its call, now that the coroutine is
            // resumed.
            unsafe { (job.run)(job.with) };
            // SAFETY: this is the coroutine that runs.
            unsafe { suspend(yielder) };
        }
    });
}

/// Ends the process if the caller runs inside a coroutine of the crate `generator`. That crate has
/// a list of its coroutines that run on a thread. A task that is suspended inside of one cannot
/// take it off the list, and the next one of another task would be entered above it, and left below
/// it.
///
/// The crate tells no more than whether the list is empty. So this is also said of a task that
/// waits inside of any coroutine, while the `LocalRuntime` that runs the task is itself run inside
/// of one of `generator`'s.
fn refuse_generators() {
    if ::generator::is_generator() {
        // `eprintln` would panic when stderr is closed.
        let _ = writeln!(
            io::stderr(),
            "gocoro: a task waits inside of a coroutine of the crate `generator`, which gocoro permits \
             only without its feature `corosensei`; aborting"
        );
        std::process::abort();
    }
}
