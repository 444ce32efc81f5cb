//! One worker's queue of tasks that are ready to go on.

use std::cell::{Cell, UnsafeCell};

use super::Header;

/// How many entries the first memory of a queue has.
const FIRST: usize = 16;

/// A first-in, first-out queue, for one thread. Entries are bare pointers, for a worker holds a
/// reference to each of its started tasks anyway.
///
/// The memory is a ring whose size is a power of two, so that an entry's place in it is the low
/// bits of the entry's number. std's `VecDeque` has rings of all sizes, and with it a yield, which
/// comes through here four times, had twelve instructions more.
#[derive(Debug)]
pub(crate) struct ReadyQueue {
    ring: UnsafeCell<Box<[*const Header]>>,
    /// How many entries have been taken out, modulo the range of `usize`.
    taken: Cell<usize>,
    /// How many entries have been pushed, modulo the range of `usize`.
    pushed: Cell<usize>,
}

impl Default for ReadyQueue {
    fn default() -> ReadyQueue {
        let ring = UnsafeCell::new(Box::new([std::ptr::null(); FIRST]) as Box<[_]>);
        ReadyQueue { ring, taken: Cell::new(0), pushed: Cell::new(0) }
    }
}

impl ReadyQueue {
    #[inline(always)]
    pub(crate) fn push(&self, task: *const Header) {
        let place = self.pushed.get();
        if place.wrapping_sub(self.taken.get()) == self.ring().len() {
            self.grow();
        }
        // SAFETY: `ReadyQueue` is not `Sync`, and nothing in these methods runs foreign code, so no
        // second borrow of the ring can exist.
        let ring = unsafe { &mut *self.ring.get() };
        let at = place & (ring.len() - 1);
        // SAFETY: the ring is never empty, and its size is a power of two, so `at` lies in it.
        *unsafe { ring.get_unchecked_mut(at) } = task;
        self.pushed.set(place.wrapping_add(1));
    }

    /// Doubles the memory of a queue that is full. The entries keep their numbers.
    #[cold]
    #[inline(never)]
    fn grow(&self) {
        let full = self.ring();
        let mut larger = vec![std::ptr::null(); 2 * full.len()].into_boxed_slice();
        for step in 0..full.len() {
            let place = self.taken.get().wrapping_add(step);
            larger[place & (2 * full.len() - 1)] = full[place & (full.len() - 1)];
        }
        // SAFETY: the borrow `full` has ended, and no other exists, as `push` says.
        unsafe { *self.ring.get() = larger };
    }

    #[inline(always)]
    fn ring(&self) -> &[*const Header] {
        // SAFETY: no exclusive borrow of the ring exists, as `push` says; and none is made while
        // the answer is used, which does not leave these methods.
        unsafe { &*self.ring.get() }
    }

    /// The entry at this place, which is in the queue.
    #[inline(always)]
    fn at(&self, place: usize) -> *const Header {
        let ring = self.ring();
        // SAFETY: the ring is never empty, and its size is a power of two, so the place lies in it.
        unsafe { *ring.get_unchecked(place & (ring.len() - 1)) }
    }

    /// Takes the entry out that was pushed last.
    pub(crate) fn unpush(&self) {
        if !self.is_empty() {
            self.pushed.set(self.pushed.get().wrapping_sub(1));
        }
    }

    #[inline(always)]
    pub(crate) fn pop(&self) -> Option<*const Header> {
        let place = self.taken.get();
        if place == self.pushed.get() {
            return None;
        }
        self.taken.set(place.wrapping_add(1));
        Some(self.at(place))
    }

    /// The place of the entry that is pushed next. Places are numbered in the order of pushes,
    /// modulo the range of `usize`.
    pub(crate) fn end(&self) -> usize {
        self.pushed.get()
    }

    /// How many entries stand before the one at this place; negative once that has been taken out.
    pub(crate) fn distance(&self, place: usize) -> isize {
        place.wrapping_sub(self.taken.get()) as isize
    }

    /// The entry that has `distance` others before it.
    #[inline(always)]
    pub(crate) fn peek(&self, distance: usize) -> Option<*const Header> {
        (distance < self.len()).then(|| self.at(self.taken.get().wrapping_add(distance)))
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.taken.get() == self.pushed.get()
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.pushed.get().wrapping_sub(self.taken.get())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn entry(number: usize) -> *const Header {
        std::ptr::without_provenance(number)
    }

    /// Entries come out in the order in which they went in, while the ring turns and grows, and
    /// also where the numbers of places begin anew.
    #[test]
    fn entries_keep_their_order_while_the_ring_turns_and_grows() {
        for begin in [0, usize::MAX - 3 * FIRST] {
            let queue = ReadyQueue::default();
            queue.taken.set(begin);
            queue.pushed.set(begin);
            let (mut pushed, mut popped) = (0, 0);
            for round in 0..6 * FIRST {
                for _ in 0..2 + round % 3 {
                    assert_eq!(queue.distance(queue.end()), (pushed - popped) as isize);
                    queue.push(entry(pushed));
                    pushed += 1;
                }
                assert_eq!(queue.peek(0), Some(entry(popped)));
                assert_eq!(queue.peek(queue.len() - 1), Some(entry(pushed - 1)));
                assert_eq!(queue.peek(queue.len()), None);
                assert_eq!(queue.pop(), Some(entry(popped)));
                popped += 1;
            }
            assert_eq!(queue.len(), pushed - popped);
            queue.unpush();
            for number in popped..pushed - 1 {
                assert_eq!(queue.pop(), Some(entry(number)));
            }
            assert!(queue.pop().is_none() && queue.is_empty());
            queue.unpush();
            assert!(queue.is_empty());
        }
    }
}
