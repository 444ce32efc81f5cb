//! The buffer of a copy, which follows the traffic.

use std::io::{self, Read};

use crate::limits::{COPY_BYTES_MAX, COPY_BYTES_MIN};

/// The buffer of a copy. It lies on the heap, since a task's stack may be small. It begins small,
/// for many a copy waits for a few bytes most of its time, and doubles whenever a read fills it.
pub(super) struct Chunk {
    bytes: Box<[u8]>,
    max: usize,
    filled: bool,
}

impl Chunk {
    /// A buffer that grows as far as copies usually do.
    pub(super) fn new() -> Chunk {
        Chunk::with_max(COPY_BYTES_MAX)
    }

    /// A buffer that grows to `max` bytes.
    pub(super) fn with_max(max: usize) -> Chunk {
        Chunk { bytes: zeroed(COPY_BYTES_MIN.min(max)), max, filled: false }
    }

    /// Reads once, and returns what was read: nothing at an end of file.
    pub(super) fn read(
        &mut self,
        mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<&[u8]> {
        if self.filled && self.bytes.len() < self.max {
            // The old bytes are gone by now, so there is nothing to be moved over.
            self.bytes = zeroed(self.bytes.len().saturating_mul(2).min(self.max));
        }
        let count = loop {
            match read(&mut self.bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.filled = count == self.bytes.len();
        Ok(&self.bytes[..count])
    }

    /// Reads from `reader` as [`read`](Self::read) does.
    pub(super) fn read_from<R: Read + ?Sized>(&mut self, reader: &mut R) -> io::Result<&[u8]> {
        self.read(|bytes| reader.read(bytes))
    }
}

fn zeroed(len: usize) -> Box<[u8]> {
    vec![0; len].into_boxed_slice()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn grows_while_reads_fill_it_and_no_further_than_it_may() {
        let max = 4 * COPY_BYTES_MIN - 1;
        let mut chunk = Chunk::with_max(max);
        let mut lens = Vec::new();
        for _ in 0..4 {
            lens.push(chunk.read_from(&mut io::repeat(0)).unwrap().len());
        }
        assert_eq!(lens, [COPY_BYTES_MIN, 2 * COPY_BYTES_MIN, max, max]);

        let mut chunk = Chunk::with_max(max);
        for _ in 0..4 {
            assert_eq!(chunk.read_from(&mut &b"few"[..]).unwrap(), b"few");
        }
        assert_eq!(chunk.bytes.len(), COPY_BYTES_MIN);
    }

    #[test]
    fn one_that_may_hold_little_holds_no_more_from_the_start() {
        let mut chunk = Chunk::with_max(3);
        assert_eq!(chunk.read_from(&mut &b"abcdef"[..]).unwrap(), b"abc");
        assert_eq!(chunk.read_from(&mut &b"def"[..]).unwrap(), b"def");
    }
}
