//! How much of their stacks tasks need, by the place where they were spawned.
//!
//! # What is exact
//!
//! The kernel tells which pages of a stack were touched since they were given to it. That is what
//! *this* task needed only if nobody had the stack before, or if its pages were given back before
//! the task got it. Both are known to the pool: it remembers the stack that it made last, or whose
//! pages it gave back last, until that is put back after a use. A task that starts on this very
//! stack is marked (`own_stack` in its header), and looked at when it ends. Of other tasks nothing
//! is said, so pooled stacks never mix two places up.
//!
//! The figure counts whole pages from the stack's upper end. It includes some hundred bytes of the
//! engine, and is [`CLEAN_KEPT`] at least where the stack was used before, for so much of it is
//! kept. Pages that the system has swapped out are missing.
//!
//! # What it costs
//!
//! A worker gives the pages of one idle stack back every [`SAMPLE_EVERY`], and asks for the pages
//! of one ended task in a tick of the kernel's coarse clock, which takes a microsecond each. Which
//! of the tasks that could be asked about is left to chance, and each that is passed over has its
//! pages given back for the next. All others pay two comparisons at their start and two at their
//! end.
//!
//! [`CLEAN_KEPT`]: super::pool::CLEAN_KEPT
//! [`SAMPLE_EVERY`]: super::pool::SAMPLE_EVERY
//!
//! # Open
//!
//! - *Rare tasks beside many.* Tasks are looked at in proportion to how many end, so those of a
//!   place from which few come, and which share a size with very many others, are seen late.
//! - *The report of an overflow* could name what other tasks of the place needed.

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::{Mutex, PoisonError};

use super::SizeClass;

/// What is known of the tasks of one place. The program has as many places as its source spawns
/// tasks in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    pub(crate) at: &'static Location<'static>,
    /// The largest stack, in bytes.
    pub(crate) size: usize,
    /// The most bytes that a task needed.
    pub(crate) peak: usize,
    /// How many tasks were looked at.
    pub(crate) tasks: u64,
}

impl Site {
    pub(crate) fn of(at: &'static Location<'static>, size: usize, peak: usize) -> Site {
        Site { at, size, peak, tasks: 1 }
    }

    /// Adds what is known of other tasks of this place.
    pub(crate) fn add(&mut self, other: Site) {
        self.size = self.size.max(other.size);
        self.peak = self.peak.max(other.peak);
        self.tasks += other.tasks;
    }

    /// The size of stack that has twice as much as was needed.
    pub(crate) fn ample(&self) -> Option<usize> {
        Some(SizeClass::holding(self.peak.checked_mul(2)?).ok()?.bytes())
    }
}

type Place = (&'static str, u32, u32);

/// The places from which a task has ended that was looked at.
static SITES: Mutex<BTreeMap<Place, Site>> = Mutex::new(BTreeMap::new());

/// Adds what is known of a place to what others know of it.
pub(crate) fn add(sites: &mut BTreeMap<Place, Site>, new: Site) {
    let place = (new.at.file(), new.at.line(), new.at.column());
    sites.entry(place).and_modify(|site| site.add(new)).or_insert(new);
}

/// Notes a task that has ended.
#[cold]
pub(crate) fn note(new: Site) {
    add(&mut SITES.lock().unwrap_or_else(PoisonError::into_inner), new);
}

/// What the tasks that have ended needed, by place.
pub(crate) fn noted() -> BTreeMap<Place, Site> {
    SITES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::cell::Cell;
    use std::ptr::NonNull;

    use super::super::pool::CLEAN_KEPT;
    use super::super::{Job, Pool};
    use super::*;
    use crate::clock;
    use crate::limits::STACK_BYTES_MIN;

    fn class() -> SizeClass {
        SizeClass::holding(STACK_BYTES_MIN).unwrap()
    }

    fn filled(count: usize) -> Pool {
        super::super::install(|_| None).unwrap();
        let mut pool = Pool::new().unwrap();
        pool.warm(class(), count).unwrap();
        pool
    }

    fn empty(mut pool: Pool) {
        while let Some((stack, class)) = pool.pop_any() {
            // SAFETY: the stack is idle and this thread's, and has no job.
            unsafe { stack.free(class) };
        }
    }

    /// The frames of an idle stack lie in what it keeps.
    #[test]
    fn a_stack_that_gave_its_pages_back_runs_on() {
        for _ in 0..32 {
            let mut pool = filled(1);
            pool.clean(clock::now());
            let stack = pool.take(class()).unwrap();
            assert!(pool.is_clean(&stack));
            let lowest = Cell::new(0);
            // SAFETY: `lowest` outlives the job, which is the only one and runs to its end in the
            // resume below.
            unsafe {
                let note = |lowest: NonNull<()>| {
                    let here = Cell::new(0u8);
                    lowest.cast::<Cell<usize>>().as_ref().set((&raw const here).addr());
                };
                stack.give(Job::new(note, &lowest));
                stack.resume();
            }
            let depth = stack.top() - lowest.get();
            assert!(depth < CLEAN_KEPT / 2, "frames of {depth} bytes");
            pool.put(stack, class());
            empty(pool);
        }
    }

    #[test]
    fn a_stack_is_clean_until_it_is_used() {
        let mut pool = filled(2);
        pool.clean(clock::now());
        let (first, second) = (pool.take(class()).unwrap(), pool.take(class()).unwrap());
        assert_eq!((pool.is_clean(&first), pool.is_clean(&second)), (true, false));
        pool.put(second, class());
        pool.put(first, class());
        let first = pool.take(class()).unwrap();
        assert!(!pool.is_clean(&first));
        pool.put(first, class());
        let new = pool.make(class()).unwrap();
        assert!(pool.is_clean(&new));
        pool.put(new, class());
        empty(pool);
    }
}
