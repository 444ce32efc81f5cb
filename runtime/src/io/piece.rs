//! What a pipe with any room takes whole, so that even a write that may wait does not.

use std::io::IoSlice;

use crate::limits::PIPE_PIECE_BYTES_MAX;

/// As much of `buf` as one write to a pipe may have.
pub(super) fn of_one(buf: &[u8]) -> &[u8] {
    &buf[..buf.len().min(PIPE_PIECE_BYTES_MAX)]
}

/// What to write of several buffers; `None`: all of them, since together they are small enough.
pub(super) fn of_several<'a>(bufs: &'a [IoSlice<'_>]) -> Option<&'a [u8]> {
    let mut room = PIPE_PIECE_BYTES_MAX;
    for buf in bufs {
        match room.checked_sub(buf.len()) {
            Some(left) => room = left,
            None => return bufs.iter().find(|buf| !buf.is_empty()).map(|buf| of_one(buf)),
        }
    }
    None
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_fits_together_stays_together() {
        assert!(of_several(&[]).is_none());
        let page = vec![7; PIPE_PIECE_BYTES_MAX];
        let (head, tail) = page.split_at(9);
        assert!(of_several(&[IoSlice::new(head), IoSlice::new(&[]), IoSlice::new(tail)]).is_none());
    }

    #[test]
    fn the_first_bytes_come_first() {
        let long = vec![7; PIPE_PIECE_BYTES_MAX + 1];
        assert_eq!(of_one(&long).len(), PIPE_PIECE_BYTES_MAX);
        let bufs = [IoSlice::new(&[]), IoSlice::new(&[1, 2]), IoSlice::new(&long)];
        assert_eq!(of_several(&bufs), Some(&[1, 2][..]));
        let bufs = [IoSlice::new(&[]), IoSlice::new(&long), IoSlice::new(&[1, 2])];
        assert_eq!(of_several(&bufs), Some(&long[..PIPE_PIECE_BYTES_MAX]));
    }
}
