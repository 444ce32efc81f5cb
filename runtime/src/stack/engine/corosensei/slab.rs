//! Memory for stacks: slabs, each one mapping for many stacks of a class.
//!
//! A slot of a slab is a guard and, above it, a stack's usable memory. Slots get their guards some
//! at a time, when the first of them is needed, and keep them for as long as the slab is mapped, so
//! that memory which becomes a stack again costs no more than its pages. What workers do not need
//! for a while they bring here (see `pool`, the workers' magazines, which say what was needed). A
//! slot that comes back gives its pages to the kernel, and a slab whose slots have all come back is
//! unmapped, but for one a class.
//!
//! Where each guard takes mappings of its own, and where the kernel counts what is merely mapped
//! (`vm.overcommit_memory`, RLIMIT_AS), slabs would bring nothing, or refusals. There each has one
//! slot.
//!
//! Slabs of one kind that the kernel puts beside each other are one mapping for it.
//!
//! # To grow
//!
//! Memory that one worker does not need goes to another only by way of the kernel, which blanks it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::stack::admission::{self, Admission, address_space, limits, refusal};
use crate::stack::guard::{self, Kind, guard_bytes, page_bytes};
use crate::stack::{CLASSES, SizeClass};

/// About how many bytes a slab has, if it has more than one slot. They are addresses, of which
/// there is plenty, and not memory.
const SLAB_BYTES: usize = 16 * 1024 * 1024;

/// How many slots a slab has at most: so many as a [`Slots`] can have. The smaller it is, the
/// sooner all of them are free again.
const SLOTS_MAX: usize = 128;

/// How many slots get their guards at once at most, if the kernel permits: a call for each would
/// take a quarter longer. As many more as a first slab has already, so that a program with few
/// stacks does not pay for the page tables of many.
const GUARDED_AT_ONCE: usize = 32;

/// How slabs are mapped: nothing is set aside for what may never be touched.
#[cfg(target_os = "linux")]
const FLAGS: libc::c_int = libc::MAP_NORESERVE | libc::MAP_STACK;
#[cfg(not(target_os = "linux"))]
const FLAGS: libc::c_int = 0;

/// How many slabs without a stack a class keeps: one, so that a program in which one stack comes
/// and goes does not map and unmap a slab each time.
const EMPTY_KEPT: usize = 1;

/// The slabs of one class.
#[derive(Debug)]
struct Slabs {
    /// By the address at which they begin.
    all: BTreeMap<usize, Slab>,
    /// The slabs with a free slot. The lowest is used first, so that others run empty.
    with_room: BTreeSet<usize>,
    /// How many slabs have no stack in use.
    empty: usize,
}

/// A set of slots of a slab, with a bit for each: lists took 2 bytes for each stack of a million.
#[derive(Clone, Copy, Default, Debug)]
struct Slots([u64; SLOTS_MAX / 64]);

impl Slots {
    fn is_empty(self) -> bool {
        self.len() == 0
    }

    fn len(self) -> usize {
        self.0.iter().map(|part| part.count_ones() as usize).sum()
    }

    fn add(&mut self, slot: usize) {
        self.0[slot / 64] |= 1 << (slot % 64);
    }

    /// Takes the lowest slot out.
    fn pop(&mut self) -> Option<usize> {
        let part = self.0.iter().position(|&part| part != 0)?;
        let slot = 64 * part + self.0[part].trailing_zeros() as usize;
        self.0[part] &= self.0[part] - 1;
        Some(slot)
    }

    fn iter(self) -> impl Iterator<Item = usize> + Clone {
        (0..SLOTS_MAX).filter(move |slot| self.0[slot / 64] >> (slot % 64) & 1 != 0)
    }
}

#[derive(Debug)]
struct Slab {
    /// The slots that were in use, and have their guards. The lowest one is taken first.
    free: Slots,
    /// The slots that were taken, and got no guard.
    bare: Slots,
    slots: u8,
    /// How many slots were ever taken.
    begun: u8,
}

const _: () = assert!(SLOTS_MAX <= u8::MAX as usize);

impl Slab {
    /// Whether no slot is in use.
    fn is_empty(&self) -> bool {
        self.free.len() + self.bare.len() == self.begun.into()
    }

    fn has_room(&self) -> bool {
        self.begun < self.slots || !self.free.is_empty() || !self.bare.is_empty()
    }

    /// Takes a slot with its guard, or else some slots that need theirs, whose number depends on
    /// whether this is the `only` slab of its class.
    fn take(&mut self, only: bool) -> Taken {
        if let Some(slot) = self.free.pop() {
            return Taken::Guarded(slot);
        }
        if let Some(slot) = self.bare.pop() {
            return Taken::Bare(slot..slot + 1);
        }
        let first = usize::from(self.begun);
        let more = if only { first.clamp(1, GUARDED_AT_ONCE) } else { GUARDED_AT_ONCE };
        let end = usize::from(self.slots).min(first + more);
        self.begun = end as u8;
        Taken::Bare(first..end)
    }
}

/// What a slab gives.
#[derive(Debug)]
enum Taken {
    Guarded(usize),
    /// These slots, of which there is at least one if the slab has room, need their guards.
    Bare(Range<usize>),
}

static SLABS: [Mutex<Slabs>; CLASSES] =
    [const { Mutex::new(Slabs { all: BTreeMap::new(), with_room: BTreeSet::new(), empty: 0 }) };
        CLASSES];

fn slabs(class: SizeClass) -> MutexGuard<'static, Slabs> {
    SLABS[class.index()].lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes of a slot.
fn slot_bytes(class: SizeClass) -> usize {
    guard_bytes(class) + class.bytes()
}

/// How many slots a new slab should have.
fn slots(class: SizeClass) -> usize {
    match guard::kind() == Kind::Marked && !limits().strict && address_space().is_none() {
        true => (SLAB_BYTES / slot_bytes(class)).clamp(1, SLOTS_MAX),
        false => 1,
    }
}

/// Takes memory for a stack of this class, with its guard. The answer is the address at which it
/// ends. This is the one place where a stack is refused.
pub(super) fn take(class: SizeClass) -> io::Result<usize> {
    consists_of_pages(class.bytes(), page_bytes())?;
    let (start, taken) = slabs(class).take(class)?;
    let slot = match taken {
        Taken::Guarded(slot) => slot,
        // Not under the lock, for it takes as long as all the rest.
        Taken::Bare(slots) => guard(start, slots, class)?,
    };
    Ok(start + (slot + 1) * slot_bytes(class))
}

/// Makes the guards of some slots of the slab that begins at `start`. The first is the answer, and
/// the others go back to the slab, those included that got none.
fn guard(start: usize, slots: Range<usize>, class: SizeClass) -> io::Result<usize> {
    let (first, bytes) = (slots.start, guard_bytes(class));
    let guard_of = |slot| start + slot * slot_bytes(class);
    let marked = match slots.len() > 1 && guard::kind() == Kind::Marked {
        true => guard::mark_together(&slots.clone().map(guard_of).collect::<Vec<_>>(), bytes),
        false => 0,
    };
    let guarded = match marked {
        0 => Admission::new().and_then(|admission| {
            guard::install(&(guard_of(first)..guard_of(first) + bytes), true, admission)
        }),
        _ => Ok(()),
    };
    let mut slabs = slabs(class);
    // The slab is not empty, and so is not unmapped, as long as the first slot is not put back.
    for slot in slots.skip(1) {
        slabs.put(start, class, |slab| match slot < first + marked {
            true => slab.free.add(slot),
            false => slab.bare.add(slot),
        });
    }
    guarded.map(|()| first).map_err(|error| {
        slabs.put(start, class, |slab| slab.bare.add(first));
        // What the kernel has said, and not `Admission`.
        if error.raw_os_error().is_some() { refusal(&error) } else { error }
    })
}

/// Whether a stack of so many bytes consists of whole pages. Else its guard would not begin with
/// one.
fn consists_of_pages(bytes: usize, page_bytes: usize) -> io::Result<()> {
    if bytes.is_multiple_of(page_bytes) {
        return Ok(());
    }
    let why = format!(
        "a stack of {bytes} bytes is smaller than a page of this system, which has {page_bytes}; ask for \
         a larger one"
    );
    Err(io::Error::new(io::ErrorKind::Unsupported, why))
}

/// Takes the memory of a stack back, which ends at `top` and which nobody uses.
pub(super) fn put(top: usize, class: SizeClass) {
    let bottom = top - slot_bytes(class);
    guard::discard(top - class.bytes(), class.bytes());
    let mut slabs = slabs(class);
    let (&start, _) = slabs.all.range(..=bottom).next_back().expect("a stack lies in a slab");
    let slot = (bottom - start) / slot_bytes(class);
    slabs.put(start, class, |slab| slab.free.add(slot));
}

impl Slabs {
    /// Takes a slot, or some: where their slab begins, and which they are.
    fn take(&mut self, class: SizeClass) -> io::Result<(usize, Taken)> {
        let start = match self.with_room.first() {
            Some(&start) => start,
            None => self.map(class)?,
        };
        let only = self.all.len() == 1;
        let slab = self.all.get_mut(&start).expect("a slab with room is among all");
        let was_empty = slab.is_empty();
        let taken = slab.take(only);
        self.empty -= usize::from(was_empty);
        if !slab.has_room() {
            self.with_room.remove(&start);
        }
        Ok((start, taken))
    }

    /// Takes a slot back, which `put` puts where it belongs in its slab.
    fn put(&mut self, start: usize, class: SizeClass, put: impl FnOnce(&mut Slab)) {
        let slab = self.all.get_mut(&start).expect("a slab with a stack is among all");
        put(slab);
        if !slab.is_empty() {
            self.with_room.insert(start);
        } else if self.empty < EMPTY_KEPT || !self.unmap(start, class) {
            self.with_room.insert(start);
            self.empty += 1;
        }
    }

    /// Maps a slab, and returns where it begins. If there are no addresses for many slots, it has
    /// one.
    fn map(&mut self, class: SizeClass) -> io::Result<usize> {
        if address_space().is_some() {
            admission::probe(slot_bytes(class)).map_err(|error| refusal(&error))?;
        }
        let map = |slots| guard::map_with(slots * slot_bytes(class), FLAGS).map(|at| (at, slots));
        let (first, slots) = match map(slots(class)) {
            Err(_) => map(1).map_err(|error| refusal(&error))?,
            mapped => mapped?,
        };
        // Stacks use a page here and there. A huge page in their place would be much of a slab's
        // memory at the first touch. Where there are none, this fails, and is not needed.
        #[cfg(target_os = "linux")]
        // SAFETY: the memory was mapped just above; the call changes how it is backed.
        unsafe {
            libc::madvise(first, slots * slot_bytes(class), libc::MADV_NOHUGEPAGE)
        };
        let start = first.expose_provenance();
        self.all.insert(
            start,
            Slab { free: Slots::default(), bare: Slots::default(), slots: slots as u8, begun: 0 },
        );
        self.with_room.insert(start);
        self.empty += 1;
        Ok(start)
    }

    /// Unmaps a slab without a stack. `false`: it stays, for the kernel refuses, which needs one
    /// mapping more where a mapping is cut in two.
    fn unmap(&mut self, start: usize, class: SizeClass) -> bool {
        let slab = &self.all[&start];
        let guards = slab.free.iter().map(|slot| {
            let guard = start + slot * slot_bytes(class);
            guard..guard + guard_bytes(class)
        });
        // Before, for afterwards another thread may have the addresses.
        let mappings: Vec<usize> = guards.clone().map(|guard| guard::forget(&guard).1).collect();
        let first = std::ptr::without_provenance_mut(start);
        // SAFETY: the slab was mapped by `map`, with as many slots, and none of them is in use.
        if unsafe { libc::munmap(first, usize::from(slab.slots) * slot_bytes(class)) } != 0 {
            guards.zip(mappings).for_each(|(guard, mappings)| guard::remember(&guard, mappings));
            return false;
        }
        admission::give_back(mappings.iter().sum());
        self.all.remove(&start);
        self.with_room.remove(&start);
        true
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::limits::STACK_BYTES_MIN;
    use crate::stack::guard::{is_readable, touched};

    fn write(address: usize) {
        // SAFETY: the address lies in memory that the test has taken.
        unsafe { std::ptr::with_exposed_provenance_mut::<u8>(address).write_volatile(1) };
    }

    /// A class that no other test has stacks of, nor the runtime by default: one for each test
    /// here, of 4 MiB, which has several stacks a slab, or of 16 MiB and more.
    fn class(doublings: u32) -> SizeClass {
        SizeClass::holding(STACK_BYTES_MIN << doublings).unwrap()
    }

    #[test]
    fn stacks_are_apart_and_each_has_its_guard() {
        let class = class(4);
        let first = take(class).unwrap();
        let begun = || slabs(class).all.values().map(|slab| usize::from(slab.begun)).sum::<usize>();
        assert_eq!(begun(), 1, "one stack takes the guard of no other");
        let mut tops: Vec<usize> = (0..100).map(|_| take(class).unwrap()).collect();
        tops.push(first);
        assert!((101..101 + GUARDED_AT_ONCE).contains(&begun()));
        for &top in &tops {
            let bottom = top - class.bytes();
            write(bottom);
            write(top - 1);
            assert!(!is_readable(bottom - 1) && !is_readable(bottom - guard_bytes(class)));
        }
        tops.sort_unstable();
        assert!(tops.windows(2).all(|pair| pair[1] - pair[0] >= slot_bytes(class)));
        tops.into_iter().for_each(|top| put(top, class));
    }

    #[test]
    fn memory_that_comes_again_is_blank_and_guarded() {
        let class = class(10);
        let kept = take(class).unwrap();
        let top = take(class).unwrap();
        let usable = top - class.bytes()..top;
        write(top - page_bytes());
        assert_eq!(touched(&usable), Some(page_bytes()));
        put(top, class);
        assert_eq!(touched(&usable), Some(0));
        assert_eq!(take(class).unwrap(), top);
        assert!(is_readable(usable.start) && !is_readable(usable.start - page_bytes()));
        put(top, class);
        put(kept, class);
    }

    #[test]
    fn slabs_go_when_all_of_their_stacks_have_come_back() {
        let class = class(7);
        let each = slots(class);
        let mapped = || slabs(class).all.len();
        let mut tops: Vec<usize> = (0..4 * each).map(|_| take(class).unwrap()).collect();
        assert_eq!(mapped(), 4);
        // Stacks that are left keep their slabs, and new stacks come from there.
        let left = tops.split_off(3 * each);
        tops.drain(..).for_each(|top| put(top, class));
        assert_eq!(mapped(), 1 + EMPTY_KEPT);
        let again = take(class).unwrap();
        assert_eq!(mapped(), 1 + EMPTY_KEPT);
        put(again, class);
        left.into_iter().for_each(|top| put(top, class));
        assert_eq!((mapped(), slabs(class).empty), (EMPTY_KEPT, EMPTY_KEPT));
    }

    #[test]
    fn a_slot_that_got_no_guard_is_tried_again() {
        let class = class(11);
        let top = take(class).unwrap();
        let (start, taken) = slabs(class).take(class).unwrap();
        let Taken::Bare(slots) = taken else { panic!("{taken:?}") };
        assert_eq!(slots.len(), 1);
        slabs(class).put(start, class, |slab| slab.bare.add(slots.start));
        let next = take(class).unwrap();
        assert_eq!(next, start + slots.end * slot_bytes(class));
        assert!(!is_readable(next - class.bytes() - 1));
        put(next, class);
        put(top, class);
    }

    #[test]
    fn a_stack_smaller_than_a_page_is_an_error() {
        assert!(consists_of_pages(STACK_BYTES_MIN, 4096).is_ok());
        let error = consists_of_pages(STACK_BYTES_MIN, 2 * STACK_BYTES_MIN).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    }
}
