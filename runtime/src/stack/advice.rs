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
//! of one ended task in a tick of the kernel's coarse clock, which takes a microsecond each. Which of
//! the tasks that could be asked about is left to chance, and each that is passed over has its pages
//! given back for the next. All others pay two comparisons at their start and two at their end.
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
