//! Holders of descriptors that do not behave.

use std::cell::Cell;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use gocoro::go;
use gocoro::io::{self, ErrorKind, PipeReader, Pollable, Read, Write};
use gocoro::time::{io_deadline, timeout};

use crate::support::{SOON, on_workers, settle};
use crate::tcp::{both, kind};

/// A stream whose reads, writes and flushes say `WouldBlock` the next `left` times, ready or not.
struct Reluctant {
    stream: UnixStream,
    left: Cell<u32>,
}

impl Reluctant {
    fn refuse(&self) -> io::Result<()> {
        match self.left.get() {
            0 => Ok(()),
            left => {
                self.left.set(left - 1);
                Err(ErrorKind::WouldBlock.into())
            }
        }
    }
}

impl AsFd for Reluctant {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Read for Reluctant {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.refuse()?;
        self.stream.read(buf)
    }
}

impl Write for Reluctant {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.refuse()?;
        self.stream.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.refuse()
    }
}

fn reluctant(left: u32) -> io::Result<(Pollable<Reluctant>, UnixStream)> {
    let (stream, peer) = UnixStream::pair()?;
    Ok((Pollable::new(Reluctant { stream, left: Cell::new(left) })?, peer))
}

/// No event comes after the refusal: what is to be read has been there before.
#[test]
fn a_call_that_is_refused_is_made_again() {
    both(|| {
        for refusals in [1, 4] {
            let (mut pollable, mut peer) = reluctant(refusals)?;
            peer.write_all(b"abc")?;
            assert_eq!(pollable.read(&mut [0; 8])?, 3);
            assert_eq!(pollable.get_ref().left.get(), 0);

            // A read that was refused after a wait is made again, too.
            pollable.get_ref().left.set(refusals);
            let writing = std::thread::spawn(move || peer.write_all(b"de").map(|()| peer));
            assert_eq!(pollable.read(&mut [0; 8])?, 2);
            let mut peer = writing.join().unwrap()?;

            pollable.get_ref().left.set(refusals);
            assert_eq!(pollable.write(b"x")?, 1);
            assert_eq!(peer.read(&mut [0; 8])?, 1);
            pollable.get_ref().left.set(refusals);
            pollable.flush()?;
            assert_eq!(pollable.get_ref().left.get(), 0);
        }
        Ok(())
    });
}

/// A read that its holder refuses for ever keeps no other task from running, and can be cut short.
#[test]
fn a_call_that_is_refused_for_ever_is_a_wait() {
    both(|| {
        let (mut pollable, mut peer) = reluctant(u32::MAX)?;
        peer.write_all(b"abc")?;
        assert!(timeout(SOON, || pollable.read(&mut [0; 8])).is_err());
        let late = io_deadline(Instant::now() + SOON, || pollable.write(b"x"));
        assert_eq!(kind(late), ErrorKind::TimedOut);
        // Pauses grow: so few attempts in so long a time.
        pollable.get_ref().left.set(u32::MAX);
        let long = Duration::from_millis(300);
        assert!(timeout(long, || pollable.read(&mut [0; 8])).is_err());
        let attempts = u32::MAX - pollable.get_ref().left.get();
        assert!((2..100).contains(&attempts), "{attempts}");
        Ok(())
    });
    on_workers(|_| {
        let (mut pollable, mut peer) = reluctant(u32::MAX).unwrap();
        peer.write_all(b"abc").unwrap();
        let reading = go!({ pollable.read(&mut [0; 8]) });
        settle();
        assert!(!reading.is_finished());
        reading.cancel();
        assert!(reading.join().unwrap_err().is_cancelled());
    });
}

/// Closes its descriptor in the middle of a read, and takes another one.
struct Changing {
    stream: Option<UnixStream>,
    next: Option<UnixStream>,
}

impl AsFd for Changing {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_ref().unwrap().as_fd()
    }
}

impl Read for Changing {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.as_mut().unwrap().read(buf)?;
        self.stream = self.next.take();
        Ok(count)
    }
}

/// Somebody else gets the number of a descriptor that was closed in here. What waits there is
/// woken, also after all that was in here has gone.
#[test]
fn a_holder_that_changes_its_descriptor_harms_nobody() {
    on_workers(|_| {
        let (stream, mut peer) = UnixStream::pair().unwrap();
        let (next, _other) = UnixStream::pair().unwrap();
        let number = stream.as_raw_fd();
        let mut changing =
            Pollable::new(Changing { stream: Some(stream), next: Some(next) }).unwrap();
        assert!(timeout(SOON, || changing.readable()).is_err());
        peer.write_all(b"x").unwrap();
        assert_eq!(changing.read(&mut [0; 8]).unwrap(), 1);
        // Others open descriptors too, so it may take some until the number comes.
        let mut kept = Vec::new();
        let (reader, mut writer) = loop {
            let (reader, writer) = std::io::pipe().unwrap();
            match reader.as_raw_fd() == number || kept.len() == 100 {
                true => break (PipeReader::from(reader), writer),
                false => kept.push((reader, writer)),
            }
        };
        let reading = go!({ (&reader).read(&mut [0; 8]) });
        settle();
        drop(changing);
        writer.write_all(b"abc").unwrap();
        assert_eq!(reading.wait().unwrap(), 3);
    });
}
