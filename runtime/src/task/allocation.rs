//! The memory of tasks: each thread keeps what its last tasks left for its next ones.
//!
//! A task that does nothing costs little more than its allocation. Of 10 000 spawned and joined, each
//! cost 150 ns with glibc's allocator alone, 90 with this before it (Xeon at 2.8 GHz).

use std::alloc::{self, Layout};
use std::cell::RefCell;
use std::ptr::NonNull;

use crate::limits::TASK_BYTES_KEPT;

/// Bytes of the two sizes that are kept; most closures fit into the first.
const SIZES: [usize; 2] = [128, 256];

/// What the system's allocator aligns to by itself.
const ALIGN: usize = 16;

/// The sanitizer should see each task come and go, and a model's threads are one thread.
const KEEPS: bool = !cfg!(any(gocoro_asan, all(test, loom)));

/// Memory of one thread, by size.
struct Kept([RefCell<Vec<NonNull<u8>>>; SIZES.len()]);

impl Drop for Kept {
    fn drop(&mut self) {
        for (index, cells) in self.0.iter_mut().enumerate() {
            for cell in cells.get_mut().drain(..) {
                // SAFETY: `allocate` made it with this layout, and nobody uses it.
                unsafe { alloc::dealloc(cell.as_ptr(), of_size(index)) };
            }
        }
    }
}

thread_local! {
    static KEPT: Kept = const { Kept([const { RefCell::new(Vec::new()) }; SIZES.len()]) };
}

const fn of_size(index: usize) -> Layout {
    match Layout::from_size_align(SIZES[index], ALIGN) {
        Ok(layout) => layout,
        Err(_) => panic!("a power of two"),
    }
}

/// Which of the sizes holds this, if one does.
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

/// Memory for a `T`.
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

/// Gives memory back that [`allocate`] gave for the same type.
///
/// # Safety
///
/// It is not used again, and was given for a `T`.
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
    // SAFETY: the caller's promise; `allocate` used the same layout.
    unsafe { alloc::dealloc(cell.as_ptr(), layout) };
}

/// Memory of the allocator.
fn system(layout: Layout) -> NonNull<u8> {
    // SAFETY: no layout here is empty: a task has a header.
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
        assert_eq!(index_of(Layout::new::<[u8; 128]>()), Some(0));
        assert_eq!(index_of(Layout::new::<[u8; 129]>()), Some(1));
        assert_eq!(index_of(Layout::new::<[u8; 257]>()), None);
        assert_eq!(index_of(Layout::new::<Line>()), None);
        assert!(allocate::<Line>().is_aligned());
    }

    #[test]
    fn what_was_released_comes_again_up_to_a_limit() {
        let first = allocate::<[u8; 100]>();
        // SAFETY: not used again.
        unsafe { release(first) };
        let again = allocate::<[u8; 128]>();
        assert_eq!(again, first.cast());
        // SAFETY: as above.
        unsafe { release(again) };
        let many: Vec<_> =
            (0..2 * TASK_BYTES_KEPT / 128).map(|_| allocate::<[u8; 100]>()).collect();
        // SAFETY: as above.
        many.into_iter().for_each(|cell| unsafe { release(cell) });
        KEPT.with(|kept| assert_eq!(kept.0[0].borrow().len(), TASK_BYTES_KEPT / 128));
    }
}
