//! What of several buffers one call takes.

use std::io::{IoSlice, IoSliceMut};
use std::ops::Deref;

#[derive(Debug)]
pub(super) enum Piece<'a, 'b> {
    /// The beginning of a buffer that is larger than the call may be.
    One(&'a [u8]),
    /// Whole buffers.
    Several(&'a [IoSlice<'b>]),
}

#[derive(Debug)]
pub(super) enum PieceMut<'a, 'b> {
    /// The beginning of a buffer that is larger than the call may be.
    One(&'a mut [u8]),
    /// Whole buffers.
    Several(&'a mut [IoSliceMut<'b>]),
}

/// What to write of `bufs` by a call of at most `most` bytes; nothing only if they are empty.
pub(super) fn of_several<'a, 'b>(bufs: &'a [IoSlice<'b>], most: usize) -> Piece<'a, 'b> {
    let bufs = &bufs[empty(bufs)..];
    match fitting(bufs, most) {
        0 if !bufs.is_empty() => Piece::One(&bufs[0][..most]),
        whole => Piece::Several(&bufs[..whole]),
    }
}

/// Where to read to of `bufs` by a call of at most `most` bytes; nowhere only if they are empty.
pub(super) fn of_several_mut<'a, 'b>(
    bufs: &'a mut [IoSliceMut<'b>],
    most: usize,
) -> PieceMut<'a, 'b> {
    let empty = empty(bufs);
    let bufs = &mut bufs[empty..];
    match fitting(bufs, most) {
        0 if !bufs.is_empty() => PieceMut::One(&mut bufs[0][..most]),
        whole => PieceMut::Several(&mut bufs[..whole]),
    }
}

/// How many buffers without a byte come first. A call that got them alone would transfer nothing,
/// which means the end of a file.
fn empty<B: Deref<Target = [u8]>>(bufs: &[B]) -> usize {
    bufs.iter().take_while(|buf| buf.is_empty()).count()
}

/// How many buffers have at most `room` bytes together.
fn fitting<B: Deref<Target = [u8]>>(bufs: &[B], mut room: usize) -> usize {
    let fits = |buf: &&B| match room.checked_sub(buf.len()) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    };
    bufs.iter().take_while(fits).count()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn lengths(piece: &Piece<'_, '_>) -> Vec<usize> {
        match piece {
            Piece::One(buf) => vec![buf.len()],
            Piece::Several(bufs) => bufs.iter().map(|buf| buf.len()).collect(),
        }
    }

    #[test]
    fn whole_buffers_go_together_and_a_long_one_is_cut() {
        let (two, nine) = ([1; 2], [2; 9]);
        let of = |bufs: &[&[u8]]| {
            let slices: Vec<_> = bufs.iter().map(|buf| IoSlice::new(buf)).collect();
            lengths(&of_several(&slices, 8))
        };
        assert_eq!(of(&[]), [0; 0]);
        assert_eq!(of(&[&[], &[]]), [0; 0]);
        assert_eq!(of(&[&two, &[], &two, &two, &two, &two]), [2, 0, 2, 2, 2]);
        assert_eq!(of(&[&two, &nine]), [2]);
        // What comes first decides, and what has no bytes comes nowhere.
        assert_eq!(of(&[&[], &nine, &two]), [8]);
    }

    #[test]
    fn what_is_read_to_is_what_would_be_written() {
        let (mut none, mut two, mut nine) = ([], [1; 2], [2; 9]);
        let mut bufs = [IoSliceMut::new(&mut none), IoSliceMut::new(&mut nine)];
        assert!(matches!(of_several_mut(&mut bufs, 8), PieceMut::One(buf) if buf.len() == 8));
        let mut bufs = [IoSliceMut::new(&mut two)];
        assert!(matches!(of_several_mut(&mut bufs, 8), PieceMut::Several(bufs) if bufs.len() == 1));
    }
}
