//! Pipes do what std documents, and leave the mode of both ends alone.

mod named;

use std::fs::File;
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::Arc;

use gocoro::io::{self, BufReader, PipeReader, PipeWriter, Read, Write};
use gocoro::time::{io_deadline, timeout};
use gocoro::{go, select, task};

use crate::support::{SOON, on_workers, settle, until};
use crate::tcp::{Colour, both, kind, matrix};

/// A write of as many bytes is whole or not at all.
const ATOMIC: usize = 4096;

/// Asserts that the open file of a descriptor is in the mode in which it was made.
pub(super) fn assert_blocking(fd: impl AsFd) {
    // SAFETY: no pointers.
    let flags = unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_GETFL) };
    assert!(flags >= 0);
    assert_eq!(flags & libc::O_NONBLOCK, 0);
}

/// Bytes that differ from their neighbours, and from those a page on.
pub(super) fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at % 251) as u8).collect()
}

/// Sends more than the pipe holds, and more than one call takes, through two ends.
fn carry(mut reader: PipeReader, mut writer: PipeWriter, peer: Colour) -> io::Result<()> {
    let sent = pattern((64 << 10) + (1 << 20));
    let copy = sent.clone();
    let writing = peer.spawn(move || {
        writer.write_all(&copy)?;
        assert_blocking(&writer);
        io::Result::Ok(())
    });
    let mut received = Vec::new();
    reader.read_to_end(&mut received)?;
    assert!(received == sent);
    assert_blocking(&reader);
    writing.wait()
}

#[test]
fn much_goes_through() {
    matrix(|peer| {
        let (reader, writer) = io::pipe()?;
        carry(reader, writer, peer)
    });
}

#[test]
fn the_end_comes_when_the_last_writer_is_gone() {
    matrix(|peer| {
        let (mut reader, mut writer) = io::pipe()?;
        let other = writer.try_clone()?;
        let writing = peer.spawn(move || {
            writer.write_all(b"ab")?;
            drop(writer);
            settle();
            // The reader, which has read by now, waits.
            drop(other);
            io::Result::Ok(())
        });
        let mut text = String::new();
        reader.read_to_string(&mut text)?;
        assert_eq!(text, "ab");
        // A pipe without writers is at its end for every later read, too.
        assert_eq!(reader.read(&mut [0; 8])?, 0);
        writing.wait()
    });
}

#[test]
fn without_readers_a_write_is_refused() {
    matrix(|peer| {
        let (reader, mut writer) = io::pipe()?;
        let other = reader.try_clone()?;
        drop(reader);
        while timeout(SOON, || writer.write(&[0; ATOMIC])).is_ok() {}
        // The pipe is full, so the writer waits when the last reader goes.
        let ending = peer.spawn(move || {
            settle();
            drop(other);
        });
        assert_eq!(kind(writer.write_all(&[0; 1 << 20])), ErrorKind::BrokenPipe);
        assert_eq!(kind(writer.write(b"x")), ErrorKind::BrokenPipe);
        ending.wait();
        Ok(())
    });
}

/// Writes records of one byte each from several sides, and counts what comes in one piece.
fn whole_records(mut reader: PipeReader, writer: PipeWriter, size: usize) -> io::Result<()> {
    const EACH: usize = 300;
    let writing: Vec<_> = (0..6)
        .map(|id| {
            let mut writer = writer.try_clone().unwrap();
            let colour = [Colour::Task, Colour::Thread][id % 2];
            colour.spawn(move || {
                let record = vec![id as u8; size];
                for _ in 0..EACH {
                    let (head, tail) = record.split_at(id);
                    let bufs = [IoSlice::new(head), IoSlice::new(tail)];
                    assert_eq!(writer.write_vectored(&bufs).unwrap(), size);
                }
            })
        })
        .collect();
    drop(writer);
    let mut counts = [0; 6];
    let mut record = vec![0; size];
    while reader.read(&mut record[..1])? == 1 {
        reader.read_exact(&mut record[1..])?;
        assert!(record.iter().all(|byte| *byte == record[0]));
        counts[record[0] as usize] += 1;
    }
    assert_eq!(counts, [EACH; 6]);
    writing.into_iter().for_each(|side| side.wait());
    Ok(())
}

#[test]
fn small_writes_stay_whole() {
    both(|| {
        for size in [ATOMIC, 1000, 64] {
            let (reader, writer) = io::pipe()?;
            whole_records(reader, writer, size)?;
        }
        Ok(())
    });
}

#[test]
fn a_large_write_takes_what_there_is_room_for() {
    both(|| {
        let (mut reader, mut writer) = io::pipe()?;
        let much = pattern(1 << 20);
        let mut written = writer.write(&much)?;
        assert!((ATOMIC..much.len()).contains(&written), "{written}");
        // A kernel that has to be asked first lets no more than a page in at a time.
        let full = loop {
            let soon = std::time::Instant::now() + SOON;
            match io_deadline(soon, || writer.write(&much[written..])) {
                Ok(count) => written += count,
                full => break full,
            }
        };
        assert_eq!(kind(full), ErrorKind::TimedOut);
        let mut received = vec![0; written];
        reader.read_exact(&mut received)?;
        assert!(received == much[..written]);
        assert!(writer.write(&much)? > 0);
        Ok(())
    });
}

#[test]
fn several_buffers_at_once() {
    both(|| {
        let (mut reader, mut writer) = io::pipe()?;
        let bufs = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")];
        assert_eq!(writer.write_vectored(&bufs)?, 5);
        let (mut one, mut two) = ([0; 3], [0; 8]);
        let mut bufs = [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
        assert_eq!(reader.read_vectored(&mut bufs)?, 5);
        assert_eq!((&one, &two[..2]), (b"abc", &b"de"[..]));
        // More than the kernel takes at once.
        let many = vec![IoSlice::new(b"x"); 2000];
        let count = writer.write_vectored(&many)?;
        assert!((1..=2000).contains(&count));
        reader.read_exact(&mut vec![0; count])?;
        Ok(())
    });
}

/// The system calls wait neither for bytes nor for room if none are wanted.
#[test]
fn nothing_is_done_at_once() {
    both(|| {
        let (mut reader, mut writer) = io::pipe()?;
        assert_eq!(reader.read(&mut [])?, 0);
        assert_eq!(reader.read_vectored(&mut [])?, 0);
        while timeout(SOON, || writer.write(&[0; ATOMIC])).is_ok() {}
        assert_eq!(writer.write(&[])?, 0);
        assert_eq!(writer.write_vectored(&[IoSlice::new(&[])])?, 0);
        drop(reader);
        assert_eq!(writer.write(&[])?, 0);
        Ok(())
    });
}

/// A short read proves that the pipe is empty, so the next one waits without asking the kernel.
/// What comes in between is not missed.
#[test]
fn short_transfers_lose_nothing() {
    on_workers(|_| {
        let (reader, mut writer) = io::pipe().unwrap();
        let echo = go!({
            let mut count = 0;
            let mut buf = [0; 64];
            loop {
                match (&reader).read(&mut buf).unwrap() {
                    0 => return count,
                    read => count += read,
                }
            }
        });
        let mut sent = 0;
        for round in 0..2000 {
            let size = 1 + round % 80;
            writer.write_all(&[7; 80][..size]).unwrap();
            sent += size;
            if round % 3 == 0 {
                task::yield_now();
            }
        }
        drop(writer);
        assert_eq!(echo.wait(), sent);
    });
}

#[test]
fn several_readers_share_what_there_is() {
    on_workers(|_| {
        let (reader, mut writer) = io::pipe().unwrap();
        let shared = Arc::new(reader);
        let reading: Vec<_> = (0..4)
            .map(|number| {
                // By one handle, or by handles of their own.
                let own = (number % 2 == 0).then(|| shared.try_clone().unwrap());
                go!(clone(shared) => {
                    let mut bytes = Vec::new();
                    match &own {
                        Some(own) => { let mut own = own; own.read_to_end(&mut bytes).unwrap() }
                        None => (&*shared).read_to_end(&mut bytes).unwrap(),
                    };
                    bytes.len()
                })
            })
            .collect();
        settle();
        writer.write_all(&pattern(300_000)).unwrap();
        drop(writer);
        assert_eq!(reading.into_iter().map(|task| task.wait()).sum::<usize>(), 300_000);
    });
}

#[test]
fn it_stands_in_a_choice() {
    matrix(|peer| {
        let (reader, writer) = io::pipe()?;
        select! {
            readable(reader) => unreachable!("nothing was written"),
            writable(writer) -> ready => ready?,
        }
        let writing = peer.spawn(move || (&writer).write_all(b"x").map(|()| writer));
        select! {
            readable(reader) -> ready => ready?,
            recv(gocoro::channel::never::<()>()) -> _ => unreachable!(),
        }
        assert_eq!((&reader).read(&mut [0; 8])?, 1);
        let writer = writing.wait()?;
        while timeout(SOON, || (&writer).write(&[0; ATOMIC])).is_ok() {}
        select! {
            writable(writer) => unreachable!("it is full"),
            default => {}
        }
        let ending = peer.spawn(move || {
            settle();
            drop(reader);
        });
        select!(writable(writer) -> ready => ready?);
        ending.wait();
        Ok(())
    });
}

#[test]
fn it_converts_to_stds_and_back() {
    both(|| {
        let (reader, writer) = io::pipe()?;
        let number = reader.as_raw_fd();
        let mut reader: std::io::PipeReader = reader.into();
        let mut writer = std::io::PipeWriter::from(OwnedFd::from(writer));
        assert_eq!(reader.as_raw_fd(), number);
        writer.write_all(b"ab")?;
        assert_eq!(reader.read(&mut [0; 1])?, 1);
        let mut reader = PipeReader::from(reader);
        // SAFETY: the number was just given up.
        let mut writer = unsafe { PipeWriter::from_raw_fd(PipeWriter::from(writer).into_raw_fd()) };
        assert_eq!(reader.as_fd().as_raw_fd(), number);
        assert_eq!(reader.read(&mut [0; 8])?, 1);
        writer.write_all(b"c")?;
        assert_eq!(reader.read(&mut [0; 8])?, 1);
        assert!(timeout(SOON, || reader.read(&mut [0; 8])).is_err());
        assert_blocking(&reader);
        assert_blocking(&writer);
        assert!(format!("{reader:?}").contains(&number.to_string()));
        Ok(())
    });
}

/// What was given to a child is as a child expects it, whatever was done with it before.
#[test]
fn a_child_between_two_pipes() {
    both(|| {
        let (input, mut to_child) = io::pipe()?;
        let (mut from_child, output) = io::pipe()?;
        assert!(timeout(SOON, || (&input).read(&mut [0; 8])).is_err());
        while timeout(SOON, || (&output).write(&[b'-'; ATOMIC])).is_ok() {}
        let mut filled = from_child.try_clone()?;
        let draining = Colour::Task.spawn(move || {
            let mut lines = BufReader::new(&mut filled);
            let mut rest = Vec::new();
            lines.read_to_end(&mut rest).map(|_| rest)
        });
        assert_blocking(&input);
        assert_blocking(&output);
        let mut child = Command::new("cat").stdin(input).stdout(Stdio::from(output)).spawn()?;
        let sent = pattern(200_000);
        to_child.write_all(&sent)?;
        drop(to_child);
        let rest = draining.wait()?;
        assert!(rest.ends_with(&sent));
        assert_eq!(from_child.read(&mut [0; 8])?, 0);
        assert!(child.wait()?.success());
        Ok(())
    });
}

/// Each read gives one packet, so a short one does not mean that there are no more.
#[test]
fn packets_come_one_by_one() {
    both(|| {
        let mut ends = [0; 2];
        // SAFETY: the array has room for two descriptors.
        let made = unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_DIRECT) };
        assert_eq!(made, 0);
        // SAFETY: both were just made.
        let [reader, writer] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
        let (mut reader, mut writer) = (PipeReader::from(reader), PipeWriter::from(writer));
        // The task waits once, and so has a place where it would note that nothing is left.
        assert!(timeout(SOON, || reader.read(&mut [0; 64])).is_err());
        writer.write_all(b"one")?;
        writer.write_all(b"to")?;
        assert_eq!(reader.read(&mut [0; 64])?, 3);
        assert_eq!(reader.read(&mut [0; 64])?, 2);
        Ok(())
    });
}

/// std takes any descriptor for an end of a pipe.
#[test]
fn other_files_are_read_as_well() {
    both(|| {
        let program = std::env::current_exe()?;
        let mut reader = PipeReader::from(OwnedFd::from(File::open(&program)?));
        let mut bytes = Vec::new();
        reader.by_ref().take(100_000).read_to_end(&mut bytes)?;
        assert!(bytes == std::fs::read(program)?[..100_000]);

        let (one, two) = std::os::unix::net::UnixStream::pair()?;
        let mut reader = PipeReader::from(OwnedFd::from(one));
        let mut writer = PipeWriter::from(OwnedFd::from(two));
        assert!(timeout(SOON, || reader.read(&mut [0; 8])).is_err());
        writer.write_all(b"abc")?;
        assert_eq!(reader.read(&mut [0; 8])?, 3);
        drop(writer);
        assert_eq!(reader.read(&mut [0; 8])?, 0);
        assert_eq!(
            kind(PipeReader::from(OwnedFd::from(File::open("/")?)).read(&mut [0])),
            ErrorKind::IsADirectory
        );
        Ok(())
    });
}

/// The descriptor is in the poll of each worker that waited, and gets a new owner.
#[test]
fn a_number_is_used_again() {
    on_workers(|workers| {
        for _ in 0..50 {
            let (reader, writer) = io::pipe().unwrap();
            let reader = Arc::new(reader);
            let reading: Vec<_> = (0..2 * workers)
                .map(|_| go!(clone(reader) => { (&*reader).read(&mut [0]).unwrap() }))
                .collect();
            settle();
            for _ in 0..workers {
                (&writer).write_all(&[1]).unwrap();
            }
            drop(writer);
            let got: usize = reading.into_iter().map(|task| task.wait()).sum();
            assert_eq!(got, workers);
        }
    });
}

#[test]
fn a_task_that_waits_for_a_pipe_keeps_nobody_from_running() {
    on_workers(|_| {
        let (mut reader, mut writer) = io::pipe().unwrap();
        let reading = go!({
            let mut byte = [0];
            reader.read_exact(&mut byte).map(|()| byte[0])
        });
        let mut turns = 0;
        until(|| {
            turns += 1;
            turns == 100
        });
        assert!(!reading.is_finished());
        writer.write_all(&[9]).unwrap();
        assert_eq!(reading.wait().unwrap(), 9);
    });
}
