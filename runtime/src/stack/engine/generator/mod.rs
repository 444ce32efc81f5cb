//! The engine that switches by the crate `generator`, which maps the stacks itself.
//!
//! Of `generator`'s ways to pass data this module uses `para`, which carries a job to an idle
//! stack, and not `ret`. Nor does it use `generator`'s cancellation, or its `done!`.

mod ask;
mod bare;
mod guards;
mod layout;
#[cfg(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64"))]
mod registers;
mod saved;
mod suspend;

use std::io;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;

use ::generator::{Generator, Gn};

use crate::stack::{Job, SizeClass, guard, guard_of, whole};
use crate::unwind;

pub(in crate::stack) use ask::check;
use guards::bytes_with_guard;
pub(in crate::stack) use layout::{is_known as is_layout_known, prepare};
#[cfg(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64"))]
pub(in crate::stack) use registers::{root, sample};
pub(in crate::stack) use saved::record_fields;
use suspend::Own;
pub(in crate::stack) use suspend::Suspender;

/// Offsets, in `generator`'s record of a coroutine, of the cache lines that a switch touches.
pub(in crate::stack) const RECORD_OFFSETS: [usize; 3] = [0, 64, 256];

/// The handle by which the stacks of a pool suspend: [`Suspender::handle`].
pub(in crate::stack) type Handle = *mut Own<'static>;

/// `generator`'s type of the coroutines, which are passed jobs and yield nothing.
type Generated = Generator<'static, Job, ()>;

// SAFETY: `generator` asks for this of whatever a coroutine is passed, but coroutines, and so the
// jobs that they are given, stay on one thread.
unsafe impl Send for Job {}

/// A coroutine, with the stack that `generator` has mapped for it. Dropping it leaks both.
#[derive(Debug)]
#[repr(transparent)]
pub(in crate::stack) struct Coroutine {
    /// `generator`'s record of the coroutine, from `Generator::into_raw`.
    raw: NonNull<usize>,
}

impl Coroutine {
    /// Makes a coroutine with a stack of this class and a guard, whose frames begin as much lower
    /// as its colour says. An error if the kernel has no memory for it, or if the guards have used
    /// up their mappings.
    ///
    /// # Safety
    ///
    /// What `by` refers to lasts at least as long as the coroutine, and only this thread uses it.
    pub(in crate::stack) unsafe fn make(
        class: SizeClass,
        colour: u32,
        by: Handle,
    ) -> io::Result<Coroutine> {
        // The admission keeps other stacks from being made until it is dropped.
        let asked = ask::admit(class)?;
        let words = bytes_with_guard(class) / size_of::<usize>();
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
        let made = Coroutine::from_made(made);
        let guarded = match made.is_laid_out(class) {
            true => guard::install(&guard_of(made.record(), class), false, asked.admission),
            false => Err(io::Error::other(
                "`generator` laid this stack out differently from the first one",
            )),
        };
        if let Err(error) = guarded {
            // SAFETY: `raw` came from `into_raw` just now, and `made` is not used again, nor freed
            // by its drop.
            drop(unsafe { Generated::from_raw(made.raw.as_ptr()) });
            return Err(error);
        }
        made.take_back(by);
        Ok(made)
    }
    fn from_made(made: Generated) -> Coroutine {
        let raw = NonNull::new(made.into_raw()).expect("a generator is never null");
        Coroutine { raw }
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
    pub(in crate::stack) fn record(&self) -> usize {
        self.raw.as_ptr().addr()
    }

    /// A second handle to the coroutine, which does not free it.
    #[inline(always)]
    fn generator(&self) -> ManuallyDrop<Generated> {
        // SAFETY: `raw` came from `into_raw`, and `self` still owns the coroutine, which this
        // handle, never dropped, does not free.
        ManuallyDrop::new(unsafe { Generated::from_raw(self.raw.as_ptr()) })
    }

    /// Gives this idle coroutine a job, which runs when it is resumed next.
    ///
    /// # Safety
    ///
    /// The job's call may be made then, on this stack, and does not unwind.
    #[inline(always)]
    pub(in crate::stack) unsafe fn give(&self, job: Job) {
        self.generator().set_para(job);
    }

    /// Continues this coroutine until it suspends or ends.
    ///
    /// # Safety
    ///
    /// The coroutine is not running, and no other thread has ever resumed it.
    #[inline(always)]
    pub(in crate::stack) unsafe fn resume(&self) {
        self.generator().resume();
    }

    /// Whether the coroutine has ended. It does not end as long as it has a job.
    #[inline(always)]
    pub(in crate::stack) fn is_ended(&self) -> bool {
        self.generator().is_done()
    }

    /// Gives the memory of a coroutine back.
    ///
    /// # Safety
    ///
    /// The coroutine has ended, and `class` is its class.
    pub(in crate::stack) unsafe fn free(self, class: SizeClass) {
        guards::remove(&guard_of(self.record(), class));
        // SAFETY: `raw` came from `into_raw`, the coroutine has ended, and `self` is consumed.
        drop(unsafe { Generated::from_raw(self.raw.as_ptr()) });
    }
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
            suspend::suspend_by(&mut own);
        }
    });
    std::hint::black_box(&pad);
}
