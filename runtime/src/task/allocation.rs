//! The memory of tasks: each thread keeps what its last tasks left for its next ones.
//!
//! A task that does nothing costs little more than its allocation. Each of 10 000 tasks that were
//! spawned and joined cost 150 ns with glibc's allocator alone, and 90 ns with this module before
//! it (Xeon at 2.8 GHz).

use std::alloc::{self, Layout};
use std::cell::RefCell;
use std::ptr::NonNull;

use crate::limits::TASK_BYTES_KEPT;

/// Bytes of the sizes of memory that threads keep. Most tasks fit into the first. glibc's allocator
/// adds 8 bytes, and rounds up to 16.
const SIZES: [usize; 3] = [120, 136, 264];

/// Alignment of the memory that threads keep: what the system's allocator gives anyway.
const ALIGN: usize = 16;

/// Whether threads keep memory at all. Not under AddressSanitizer, which should see each task's
/// memory come and go; and not in a model, whose threads are one thread of the system.
const KEEPS: bool = !cfg!(any(gocoro_asan, all(test, loom)));

/// Memory that one thread keeps, by its index in `SIZES`.
struct Kept([RefCell<Vec<NonNull<u8>>>; SIZES.len()]);

impl Drop for Kept {
    fn drop(&mut self) {
        for (index, cells) in self.0.iter_mut().enumerate() {
            for cell in cells.get_mut().drain(..) {
                // SAFETY: `cell` was allocated by `allocate` with this layout, and is in no task's
                // use.
                unsafe { alloc::dealloc(cell.as_ptr(), of_size(index)) };
            }
        }
    }
}

thread_local! {
    static KEPT: Kept = const { Kept([const { RefCell::new(Vec::new()) }; SIZES.len()]) };
}

/// Layout of the memory that is kept at this index.
const fn of_size(index: usize) -> Layout {
    match Layout::from_size_align(SIZES[index], ALIGN) {
        Ok(layout) => layout,
        Err(_) => panic!("a size of a few bytes"),
    }
}

/// Index of the smallest of `SIZES` that holds this layout, if one does.
const fn index_of(layout: Layout) -> Option<usize> {
    let mut index = 0;
    while KEEPS && layout.align() <= ALIGN && index < SIZES.len() {
        if layout.size() <= SIZES[index] {
            return Some(index);
        }
        index += 1;
    }
    None
}

/// Uninitialised memory for a `T`: what the thread keeps of its size, else new from the system.
#[inline(always)]
pub(super) fn allocate<T>() -> NonNull<T> {
    let layout = const { Layout::new::<T>() };
    let cell = match const { index_of(Layout::new::<T>()) } {
        Some(index) => KEPT
            .try_with(|kept| kept.0[index].borrow_mut().pop())
            .ok()
            .flatten()
            .unwrap_or_else(|| system(of_size(index))),
        None => system(layout),
    };
    cell.cast()
}

/// Gives memory back: the thread keeps it for its next tasks, unless it has enough of that size.
///
/// # Safety
///
/// `cell` came from [`allocate`] for the same `T`, and nobody uses it again.
#[inline(always)]
pub(super) unsafe fn release<T>(cell: NonNull<T>) {
    let cell = cell.cast::<u8>();
    let layout = match const { index_of(Layout::new::<T>()) } {
        Some(index) => {
            let kept = KEPT.try_with(|kept| {
                let mut cells = kept.0[index].borrow_mut();
                let room = cells.len() < TASK_BYTES_KEPT / SIZES[index];
                if room {
                    cells.push(cell);
                }
                room
            });
            if kept == Ok(true) {
                return;
            }
            of_size(index)
        }
        None => const { Layout::new::<T>() },
    };
    // SAFETY: `cell` came from `allocate` for the same `T`, which used the same layout, and the
    // caller does not use it again.
    unsafe { give_back(cell, layout) };
}

/// Gives memory back to the program's allocator.
///
/// # Safety
///
/// `cell` came from [`system`] with this layout, and nobody uses it again.
#[cold]
#[inline(never)]
unsafe fn give_back(cell: NonNull<u8>, layout: Layout) {
    // SAFETY: the caller's promise.
    unsafe { alloc::dealloc(cell.as_ptr(), layout) };
}

/// New memory from the program's allocator.
#[cold]
#[inline(never)]
fn system(layout: Layout) -> NonNull<u8> {
    // SAFETY: no layout here has size zero, for each is that of a task, which has a header.
    let cell = unsafe { alloc::alloc(layout) };
    NonNull::new(cell).unwrap_or_else(|| alloc::handle_alloc_error(layout))
}

#[cfg(all(test, not(any(loom, gocoro_asan))))]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_alignments_are_held() {
        #[repr(align(64))]
        struct Line(#[expect(dead_code, reason = "for its size")] [u8; 64]);
        assert_eq!(index_of(Layout::new::<[u8; 120]>()), Some(0));
        assert_eq!(index_of(Layout::new::<[u8; 121]>()), Some(1));
        assert_eq!(index_of(Layout::new::<[u8; 265]>()), None);
        assert_eq!(index_of(Layout::new::<Line>()), None);
        assert!(allocate::<Line>().is_aligned());
    }

    #[test]
    fn what_was_released_comes_again_up_to_a_limit() {
        let first = allocate::<[u8; 100]>();
        // SAFETY: `first` came from `allocate` for this type, and only its address is used again.
        unsafe { release(first) };
        let again = allocate::<[u8; 120]>();
        assert_eq!(again, first.cast());
        // SAFETY: `again` came from `allocate` for this type, and is not used again.
        unsafe { release(again) };
        let many: Vec<_> =
            (0..2 * TASK_BYTES_KEPT / SIZES[0]).map(|_| allocate::<[u8; 100]>()).collect();
        // SAFETY: each `cell` came from `allocate` for this type, and is not used again.
        many.into_iter().for_each(|cell| unsafe { release(cell) });
        KEPT.with(|kept| assert_eq!(kept.0[0].borrow().len(), TASK_BYTES_KEPT / SIZES[0]));
    }
}
