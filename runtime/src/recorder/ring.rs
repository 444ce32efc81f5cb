//! A ring of events that one thread writes, and any thread may read at any time.
//!
//! # The protocol
//!
//! There are as many places as a power of two, each of four words. The event with the number `n`
//! lies at the place `n` modulo the number of places, until event `n + places` overwrites it.
//! `written` is the number of events that are whole. All words are atomic, so a reader that comes
//! at the wrong time reads nonsense, and nothing worse. It has to know that it has.
//!
//! To write event `n`, the writer:
//!
//! 1. has stored `written = n`, at the end of event `n - 1`;
//! 2. passes a release fence;
//! 3. stores the four words, relaxed;
//! 4. stores `written = n + 1`, with release.
//!
//! A reader:
//!
//! 1. loads `written` with acquire: events before that number are whole, or overwritten already;
//! 2. copies the places, relaxed;
//! 3. passes an acquire fence;
//! 4. loads `written` again, and keeps event `m` only if `written <= m + places - 1`.
//!
//! *Why what it keeps is whole.* Step 1 of the reader synchronises with step 4 of the writer, so of
//! each place it reads event `m` or a later one, never an earlier one. Had it read a word of a
//! later event, that is `m + places` or one after that, then the writer's fence before that store
//! synchronises with the reader's fence after that load, and the reader's step 4 finds what the
//! writer had stored in step 1: `written >= m + places`. Then it does not keep `m`.
//!
//! On x86 neither fence is an instruction. The writer never waits, and never knows of readers. A
//! reader loses what is overwritten while it copies: the oldest events, of a writer that is busy.
//! `loom_ring` in the tests is a model of this.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::loom::{AtomicU64, fence};

/// An event as it lies in the ring.
pub(super) type Words = [u64; 4];

/// The last events of one writer.
#[derive(Debug)]
pub(crate) struct Ring {
    /// As many as a power of two.
    places: Box<[[AtomicU64; 4]]>,
    /// How many events have been written.
    written: AtomicU64,
}

impl Ring {
    /// A ring for at least so many events, and one that may be being overwritten.
    pub(crate) fn new(events: usize) -> Ring {
        let places = events.next_power_of_two().max(2);
        let empty = || std::array::from_fn(|_| AtomicU64::new(0));
        Ring { places: (0..places).map(|_| empty()).collect(), written: AtomicU64::new(0) }
    }

    /// How many events there is room for.
    pub(crate) fn room(&self) -> u64 {
        self.places.len() as u64
    }

    /// How many events were ever written. Exact on the writer's thread.
    #[inline(always)]
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    /// Writes an event. By one thread only: were it two, events would be nonsense.
    #[inline(always)]
    pub(crate) fn push(&self, words: Words) {
        let number = self.written();
        let place = &self.places[number as usize & (self.places.len() - 1)];
        fence(Release);
        for (to, word) in place.iter().zip(words) {
            to.store(word, Relaxed);
        }
        self.written.store(number + 1, Release);
    }

    /// The last events, oldest first.
    pub(crate) fn read(&self) -> Vec<Words> {
        let room = self.room();
        let end = self.written.load(Acquire);
        let first = end.saturating_sub(room);
        let copy = |number: u64| {
            let place = &self.places[number as usize & (self.places.len() - 1)];
            place.each_ref().map(|word| word.load(Relaxed))
        };
        let mut copied: Vec<Words> = (first..end).map(copy).collect();
        fence(Acquire);
        let whole = (self.written.load(Relaxed) + 1).saturating_sub(room).max(first);
        copied.drain(..((whole - first) as usize).min(copied.len()));
        copied
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;

    #[test]
    fn the_last_events_are_kept() {
        let ring = Ring::new(3);
        assert_eq!(ring.room(), 4);
        assert_eq!(ring.read(), [[0; 4]; 0]);
        for n in 0..3 {
            ring.push([n; 4]);
        }
        assert_eq!(ring.read(), [[0; 4], [1; 4], [2; 4]]);
        for n in 3..10 {
            ring.push([n; 4]);
        }
        // The oldest of the four might be the one that is being overwritten.
        assert_eq!(ring.read(), [[7; 4], [8; 4], [9; 4]]);
    }

    #[test]
    fn the_smallest_ring_keeps_an_event() {
        let ring = Ring::new(1);
        ring.push([1; 4]);
        ring.push([2; 4]);
        ring.push([3; 4]);
        assert_eq!(ring.read(), [[3; 4]]);
    }

    #[test]
    fn a_reader_beside_a_busy_writer_sees_whole_events_in_a_row() {
        let (ring, ended) = (Ring::new(64), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                for n in 0..300_000 {
                    ring.push([n, n ^ 7, !n, n.wrapping_mul(3)]);
                }
                ended.store(true, Relaxed);
            });
            while !ended.load(Relaxed) {
                let events = ring.read();
                for words in &events {
                    let n = words[0];
                    assert_eq!(*words, [n, n ^ 7, !n, n.wrapping_mul(3)]);
                }
                assert!(events.windows(2).all(|two| two[1][0] == two[0][0] + 1));
            }
        });
        assert_eq!(ring.read().last().unwrap()[0], 299_999);
    }
}
