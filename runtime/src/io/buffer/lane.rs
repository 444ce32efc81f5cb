//! One direction of a pair: bytes, and those who wait for some, or for room.
//!
//! All of it is state under the lock of one queue. Readers wait there only while there are no
//! bytes, writers only while there is no room, so those in the queue are of one kind. Whoever
//! changes that claims all of them in the same hold of the lock, and each looks again: a wake that
//! its waiter has no use for is needed by nobody else.

use std::collections::VecDeque;
use std::io;
use std::mem;

use crate::limits::{BUFFER_BYTES_KEPT, BUFFER_PIECE_MAX};
use crate::lock::Lock;
use crate::reactor::{cut_short, timed_out};
use crate::task::{Described, Legible, Plain, Reason, Words};
use crate::waiters::{Locked, Queue};
use crate::{cancel, clock, current, park};

/// One direction of a pair.
pub(super) struct Lane {
    capacity: usize,
    queue: Queue<(), State>,
}

/// Bytes that the reading end has taken out of its lane, so that it can lend them. They come before
/// those that are still there.
pub(super) type Taken = Lock<VecDeque<u8>>;

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    /// How many bytes have been written and not read, those that the reading end has taken
    /// included.
    len: usize,
    /// The writing end has shut down.
    written: bool,
    /// The reading end has shut down.
    unread: bool,
    /// What readers are told in place of an end of file.
    failure: Option<Failure>,
}

/// An error for readers. The first reader gets it as it is, those after it a likeness.
struct Failure {
    original: Option<io::Error>,
    kind: io::ErrorKind,
    text: String,
}

/// Whether an operation waits for what it cannot do at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    Yes,
    No,
}

impl Lane {
    pub(super) fn new(capacity: usize) -> Lane {
        Lane { capacity, queue: Queue::with(State::default()) }
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many bytes there are to be read.
    pub(super) fn len(&self) -> usize {
        self.queue.lock().len
    }

    pub(super) fn read(&self, taken: &Taken, buf: &mut [u8], wait: Wait) -> io::Result<usize> {
        let most = buf.len().min(BUFFER_PIECE_MAX);
        let buf = &mut buf[..most];
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            let mut taken = taken.lock();
            let mut locked = self.queue.lock();
            let mut count = move_out(&mut taken, buf);
            count += move_out(&mut locked.bytes, &mut buf[count..]);
            drop(taken);
            if count > 0 {
                self.have_read(locked, count);
                return Ok(count);
            }
            if let Some(end) = locked.end() {
                return end.map(|()| 0);
            }
            self.wait(locked, Reason::Readable, wait)?;
        }
    }

    /// Takes bytes out of the lane for somebody who has none. They are to be counted as read by
    /// [`have_read_taken`](Self::have_read_taken). `Ok` without any is an end of file.
    pub(super) fn take(&self, taken: &mut VecDeque<u8>) -> io::Result<()> {
        loop {
            let mut locked = self.queue.lock();
            if !locked.bytes.is_empty() {
                mem::swap(taken, &mut locked.bytes);
                return Ok(());
            }
            if let Some(end) = locked.end() {
                return end;
            }
            self.wait(locked, Reason::Readable, Wait::Yes)?;
        }
    }

    /// Counts bytes as read that had been taken out of the lane.
    pub(super) fn have_read_taken(&self, count: usize) {
        self.have_read(self.queue.lock(), count);
    }

    /// Counts bytes as read, which gives writers room.
    fn have_read(&self, mut locked: Locked<'_, (), State>, count: usize) {
        locked.len -= count;
        let burst = locked.spare();
        let wakes = locked.claim_all(|()| ());
        drop(locked);
        drop(burst);
        wakes.give();
    }

    /// Writes as much as there is room for, and waits only if that is nothing.
    pub(super) fn write(&self, buf: &[u8], wait: Wait) -> io::Result<usize> {
        let mut written = 0;
        while written < buf.len() {
            let mut locked = self.queue.lock();
            if locked.written || locked.unread {
                drop(locked);
                return if written > 0 { Ok(written) } else { Err(broken_pipe()) };
            }
            let room = self.capacity - locked.len;
            let piece = room.min(buf.len() - written).min(BUFFER_PIECE_MAX);
            if piece == 0 {
                if written > 0 {
                    break;
                }
                self.wait(locked, Reason::Writable, wait)?;
                continue;
            }
            locked.bytes.extend(&buf[written..written + piece]);
            locked.len += piece;
            written += piece;
            let wakes = locked.claim_all(|()| ());
            drop(locked);
            wakes.give();
        }
        Ok(written)
    }

    /// Ends what is written: readers get the rest, then the error, or an end of file. What ended it
    /// first holds.
    pub(super) fn end_writing(&self, error: Option<io::Error>) {
        let failure = error.map(|error| Failure {
            kind: error.kind(),
            text: error.to_string(),
            original: Some(error),
        });
        let mut locked = self.queue.lock();
        let spare = if locked.written {
            failure
        } else {
            locked.written = true;
            mem::replace(&mut locked.failure, failure)
        };
        self.has_ended(locked);
        // An error's destructor is the program's code, which does not run under the lock.
        drop(spare);
    }

    /// Ends what is read: writers fail, and readers get what is there, then an end of file.
    pub(super) fn end_reading(&self) {
        let mut locked = self.queue.lock();
        locked.unread = true;
        self.has_ended(locked);
    }

    /// Forgets what nobody is left to read.
    pub(super) fn clear(&self) {
        let bytes = mem::take(&mut self.queue.lock().bytes);
        drop(bytes);
    }

    fn has_ended(&self, mut locked: Locked<'_, (), State>) {
        let wakes = locked.claim_all(|()| ());
        drop(locked);
        wakes.give();
    }

    /// Waits for bytes or for room, as an operation of a socket waits.
    fn wait(&self, locked: Locked<'_, (), State>, reason: Reason, wait: Wait) -> io::Result<()> {
        if wait == Wait::No {
            drop(locked);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if park::refuses_io() {
            drop(locked);
            return Err(cancel::error());
        }
        let deadline = current::waits().io_deadline();
        if deadline.is_some_and(|at| clock::now() >= at) {
            drop(locked);
            return Err(timed_out());
        }
        self.queue.wait(locked, (), reason.on(self), deadline).ok_or_else(cut_short)
    }
}

impl State {
    /// How reading ends where there are no bytes. `None`: more may come.
    fn end(&mut self) -> Option<io::Result<()>> {
        if self.unread {
            return Some(Ok(()));
        }
        if !self.written {
            return None;
        }
        let Some(failure) = &mut self.failure else { return Some(Ok(())) };
        let original = failure.original.take();
        let error = original.unwrap_or_else(|| io::Error::new(failure.kind, failure.text.clone()));
        Some(Err(error))
    }

    /// The memory that a burst took, if the bytes are gone and it is much.
    fn spare(&mut self) -> Option<VecDeque<u8>> {
        (self.bytes.is_empty() && self.bytes.capacity() > BUFFER_BYTES_KEPT)
            .then(|| mem::take(&mut self.bytes))
    }
}

/// Moves bytes to `buf`, as many as fit, and returns how many.
fn move_out(bytes: &mut VecDeque<u8>, buf: &mut [u8]) -> usize {
    let (first, second) = bytes.as_slices();
    let head = first.len().min(buf.len());
    let tail = second.len().min(buf.len() - head);
    buf[..head].copy_from_slice(&first[..head]);
    buf[head..head + tail].copy_from_slice(&second[..tail]);
    bytes.drain(..head + tail);
    head + tail
}

fn broken_pipe() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads what is written to this stream")
}

impl Legible for Lane {
    const PLAIN: Plain =
        Plain::of_two("read from a stream in memory", "write to a stream in memory").address();
}

impl Described for Lane {
    fn in_words(&self, reason: Reason, words: &mut Words) {
        let what = match reason {
            Reason::Writable => "write to a stream in memory",
            _ => "read from a stream in memory",
        };
        words.at(what, self);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn read(lane: &Lane, len: usize) -> Vec<u8> {
        let mut buf = vec![0; len];
        let count = lane.read(&Lock::new(VecDeque::new()), &mut buf, Wait::No).unwrap();
        buf.truncate(count);
        buf
    }

    #[test]
    fn bytes_that_wrap_around_the_end_of_the_memory_come_in_their_order() {
        let lane = Lane::new(8);
        let mut next = 0_u8;
        let mut expected = 0_u8;
        for round in 0..100 {
            let bytes: Vec<u8> = (0..3 + round % 5).map(|i| next.wrapping_add(i)).collect();
            let count = lane.write(&bytes, Wait::No).unwrap();
            next = next.wrapping_add(count as u8);
            for byte in read(&lane, 2 + usize::from(round % 7)) {
                assert_eq!(byte, expected);
                expected = expected.wrapping_add(1);
            }
            // Whatever is left makes room for the next round.
            while lane.len() > 2 {
                assert_eq!(read(&lane, 1), [expected]);
                expected = expected.wrapping_add(1);
            }
        }
    }

    #[test]
    fn the_memory_of_a_burst_is_given_back() {
        let lane = Lane::new(usize::MAX);
        let burst = vec![1; 16 * BUFFER_BYTES_KEPT];
        assert_eq!(lane.write(&burst, Wait::No).unwrap(), burst.len());
        while lane.len() > 0 {
            assert!(!read(&lane, burst.len()).is_empty());
        }
        assert!(lane.queue.lock().bytes.capacity() <= BUFFER_BYTES_KEPT);
    }
}
