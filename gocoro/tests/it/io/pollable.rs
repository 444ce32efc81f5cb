//! `Pollable` waits for any descriptor, and does no more to it than its holder would.

mod holders;
mod kinds;

use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Instant;

use gocoro::channel::bounded;
use gocoro::io::{self, ErrorKind, IoSlice, IoSliceMut, Pollable, Read, Write};
use gocoro::time::{io_deadline, timeout};
use gocoro::{go, select, task};

use super::pipe::{assert_blocking, pattern};
use crate::support::{Colour as Run, SOON, on_workers, settle};
use crate::tcp::{Colour, both, kind, matrix};

/// The ends of a pipe of std's, whose own reads and writes block.
fn pipe() -> io::Result<(Pollable<std::io::PipeReader>, Pollable<std::io::PipeWriter>)> {
    let (reader, writer) = std::io::pipe()?;
    Ok((Pollable::new(reader)?, Pollable::new(writer)?))
}

#[test]
fn much_goes_through_a_pipe_of_stds() {
    matrix(|peer| {
        let (mut reader, mut writer) = pipe()?;
        let sent = pattern((64 << 10) + (1 << 20));
        let copy = sent.clone();
        let writing = peer.spawn(move || {
            writer.write_all(&copy)?;
            writer.flush()?;
            assert_blocking(&writer);
            io::Result::Ok(())
        });
        let mut received = Vec::new();
        reader.read_to_end(&mut received)?;
        assert!(received == sent);
        assert_blocking(&reader);
        writing.wait()
    });
}

/// A blocking write of more than there is room for would hold the only worker, on which the reader
/// is.
#[test]
fn a_large_write_to_a_pipe_leaves_the_worker() {
    on_workers(|_| {
        let (reader, mut writer) = pipe().unwrap();
        let reading = go!({
            let (mut one, mut two) = ([0; 1000], [0; 3000]);
            let mut count = 0;
            loop {
                let mut bufs = [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
                match (&reader).read_vectored(&mut bufs).unwrap() {
                    0 => return count,
                    read => count += read,
                }
            }
        });
        let much = vec![0; 1 << 19];
        let written = writer.write_vectored(&[IoSlice::new(b""), IoSlice::new(&much)]).unwrap();
        writer.write_all(&much[written..]).unwrap();
        let written = writer.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"c")]).unwrap();
        assert_eq!(written, 3);
        drop(writer);
        assert_eq!(reading.wait(), much.len() + 3);
    });
}

#[test]
fn it_is_cut_short_and_goes_on() {
    both(|| {
        let (mut reader, writer) = pipe()?;
        let deadline = || Instant::now() + SOON;
        let late = io_deadline(deadline(), || reader.read(&mut [0; 8]));
        assert_eq!(kind(late), ErrorKind::TimedOut);
        assert_eq!(kind(io_deadline(deadline(), || reader.readable())), ErrorKind::TimedOut);
        assert!(timeout(SOON, || reader.read(&mut [0; 8])).is_err());
        writer.writable()?;
        writer.get_ref().write_all(b"abc")?;
        reader.readable()?;
        assert_eq!(reader.get_mut().read(&mut [0; 1])?, 1);
        // What is there is read, whatever time is up.
        assert_eq!(io_deadline(Instant::now(), || reader.read(&mut [0; 8]))?, 2);
        Ok(())
    });
}

#[test]
fn two_tasks_use_one_in_both_directions() {
    for own in [Run::Task, Run::Thread] {
        own.run(1, || {
            let (near, far) = UnixStream::pair().unwrap();
            let (near, far) = (Arc::new(Pollable::new(near).unwrap()), Pollable::new(far).unwrap());
            let echo = go!({
                let mut buf = [0; 512];
                loop {
                    match (&far).read(&mut buf).unwrap() {
                        0 => return,
                        count => (&far).write_all(&buf[..count]).unwrap(),
                    }
                }
            });
            let sent = pattern(100_000);
            let writing = go!(clone(near, sent) => {
                for piece in sent.chunks(1000) {
                    (&*near).write_all(piece).unwrap();
                }
            });
            let mut received = vec![0; sent.len()];
            (&*near).read_exact(&mut received).unwrap();
            assert!(received == sent);
            writing.wait();
            drop(near);
            echo.wait();
        });
    }
}

#[test]
fn it_stands_in_a_choice() {
    matrix(|peer| {
        let (mut reader, writer) = pipe()?;
        select! {
            readable(reader) => unreachable!("nothing was written"),
            default(SOON) => {}
        }
        select!(writable(writer) -> ready => ready?);
        let (sender, receiver) = bounded::<()>(0);
        let writing = peer.spawn(move || {
            writer.get_ref().write_all(b"x")?;
            io::Result::Ok(writer)
        });
        select! {
            readable(reader) -> ready => ready?,
            recv(receiver) -> _ => unreachable!("nobody sends"),
        }
        assert_eq!(reader.read(&mut [0; 8])?, 1);
        drop(writing.wait()?);
        select!(readable(&reader) -> ready => ready?);
        assert_eq!(reader.read(&mut [0; 8])?, 0);
        drop(sender);
        Ok(())
    });
}

/// The first registration in a worker's poll goes with its `Pollable`, whoever waits.
#[test]
fn one_is_dropped_after_a_wait_and_its_number_used_again() {
    on_workers(|workers| {
        for _ in 0..50 {
            let (reader, mut writer) = pipe().unwrap();
            let reader = Arc::new(reader);
            let number = reader.as_raw_fd();
            let waiting: Vec<_> = (0..2 * workers)
                .map(|_| go!(clone(reader) => { timeout(SOON, || reader.readable()).is_err() }))
                .collect();
            assert!(waiting.into_iter().all(|task| task.wait()));
            let std = Arc::into_inner(reader).unwrap().into_inner();
            assert_eq!(std.as_raw_fd(), number);
            let mut reader = Pollable::new(std).unwrap();
            let reading = go!({ reader.read(&mut [0; 8]).unwrap() });
            settle();
            writer.write_all(b"abc").unwrap();
            assert_eq!(reading.wait(), 3);
        }
    });
}

/// The kernel refuses a second registration of one number in one poll.
#[test]
fn several_around_one_descriptor() {
    on_workers(|_| {
        let (reader, writer) = std::io::pipe().unwrap();
        let waits = [0; 3].map(|_| {
            let own = Pollable::new(reader.try_clone().unwrap()).unwrap();
            go!(own.readable())
        });
        task::scope(|s| {
            let waits = [0; 3].map(|_| s.spawn(|| Pollable::new(&reader)?.readable()));
            settle();
            (&writer).write_all(b"x").unwrap();
            waits.into_iter().for_each(|wait| wait.join().unwrap().unwrap());
        });
        waits.into_iter().for_each(|wait| wait.wait().unwrap());
    });
}

#[test]
fn it_lends_what_is_inside() {
    let (reader, _writer) = std::io::pipe().unwrap();
    let number = reader.as_raw_fd();
    let mut pollable = Pollable::new(reader).unwrap();
    assert_eq!(pollable.as_fd().as_raw_fd(), number);
    assert_eq!(pollable.get_ref().as_raw_fd(), number);
    assert_eq!(pollable.get_mut().as_raw_fd(), number);
    assert!(format!("{pollable:?}").starts_with("Pollable { io: PipeReader("));
    let reader: std::io::PipeReader = pollable.into_inner();
    assert_eq!(reader.as_raw_fd(), number);
}

#[test]
fn a_cancel_ends_the_wait_and_leaves_the_rest() {
    on_workers(|_| {
        let (reader, mut writer) = pipe().unwrap();
        let reader = Arc::new(reader);
        let reading = go!(clone(reader) => { (&*reader).read(&mut [0; 8]) });
        settle();
        reading.cancel();
        assert!(reading.join().unwrap_err().is_cancelled());
        writer.write_all(b"x").unwrap();
        assert_eq!((&*reader).read(&mut [0; 8]).unwrap(), 1);
    });
}

#[test]
fn a_parked_reader_sees_the_end() {
    matrix(|peer| {
        let (mut reader, writer) = pipe()?;
        let ending = peer.spawn(move || {
            settle();
            drop(writer);
        });
        assert_eq!(reader.read(&mut [0; 8])?, 0);
        ending.wait();
        let (reader, mut writer) = pipe()?;
        while timeout(SOON, || writer.write(&[0; 4096])).is_ok() {}
        let ending = peer.spawn(move || {
            settle();
            drop(reader);
        });
        assert_eq!(kind(writer.write_all(&[0; 1 << 20])), ErrorKind::BrokenPipe);
        ending.wait();
        assert_eq!(
            Colour::Task.spawn(move || kind(writer.write(b"x"))).wait(),
            ErrorKind::BrokenPipe
        );
        Ok(())
    });
}
