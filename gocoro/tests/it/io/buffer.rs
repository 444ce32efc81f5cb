//! `BufferStream`: a pair of streams within the process.

use std::io::{self, BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gocoro::go;
use gocoro::io::BufferStream;
use gocoro::net::Shutdown;
use gocoro::task;
use gocoro::time::io_deadline;

use crate::support::{Random, assert_cancelled, in_both_colours, on_workers, settle};
use crate::tcp::{Colour, both, kind, matrix};

/// Both kinds of pairs, with small and large bounds.
fn pairs() -> Vec<(BufferStream, BufferStream)> {
    let mut pairs: Vec<_> = [1, 2, 7, 4096, 1 << 20].map(BufferStream::bounded).into();
    pairs.push(BufferStream::unbounded());
    pairs
}

#[test]
fn bytes_arrive_in_their_order_in_pieces_of_any_size() {
    matrix(|peer| {
        for (one, other) in pairs() {
            let len = if one.capacity().is_some_and(|bound| bound < 10) { 2_000 } else { 500_000 };
            let writer = peer.spawn(move || {
                let mut random = Random::new(1);
                let mut left = len;
                while left > 0 {
                    let most = 1 + random.below(if len > 10_000 { 200_000 } else { 20 });
                    let piece: Vec<u8> = (len - left..len).take(most).map(|i| i as u8).collect();
                    let count = (&one).write(&piece)?;
                    assert!(count > 0);
                    left -= count;
                }
                io::Result::Ok(())
            });
            let mut random = Random::new(2);
            let mut next = 0_usize;
            let mut buf = vec![0; 100_000];
            loop {
                let most = 1 + random.below(buf.len());
                let count = (&other).read(&mut buf[..most])?;
                if count == 0 {
                    break;
                }
                for &byte in &buf[..count] {
                    assert_eq!(byte, next as u8);
                    next += 1;
                }
            }
            assert_eq!(next, len);
            writer.wait()?;
        }
        Ok(())
    });
}

#[test]
fn a_writer_waits_for_room_and_a_reader_for_bytes() {
    matrix(|peer| {
        let (one, other) = BufferStream::bounded(3);
        // Each side can only go on when the other one has.
        let echo = peer.spawn(move || {
            let mut byte = [0];
            for _ in 0..300 {
                (&other).read_exact(&mut byte)?;
                (&other).write_all(&byte)?;
            }
            io::Result::Ok(other.available())
        });
        (&one).write_all(b"abc")?;
        let (mut written, mut read) = (3_usize, 0_usize);
        while read < 300 {
            let mut byte = [0];
            (&one).read_exact(&mut byte)?;
            assert_eq!(byte[0], if read < 3 { b"abc"[read] } else { read as u8 });
            read += 1;
            if written < 300 {
                (&one).write_all(&[written as u8])?;
                written += 1;
            }
        }
        assert_eq!(echo.wait()?, 0);
        Ok(())
    });
}

#[test]
fn the_rest_comes_before_the_end() {
    let ends: [fn(BufferStream) -> Option<BufferStream>; 4] = [
        |one| {
            drop(one);
            None
        },
        |one| {
            one.close();
            Some(one)
        },
        |one| {
            one.shutdown(Shutdown::Write).unwrap();
            Some(one)
        },
        |one| {
            one.shutdown(Shutdown::Both).unwrap();
            Some(one)
        },
    ];
    for end in ends {
        for (one, mut other) in [BufferStream::bounded(64), BufferStream::unbounded()] {
            (&one).write_all(b"the rest").unwrap();
            let kept = end(one);
            let mut text = String::new();
            other.read_to_string(&mut text).unwrap();
            assert_eq!(text, "the rest");
            assert_eq!(other.read(&mut [0; 8]).unwrap(), 0, "it stays the end");
            assert!(other.fill_buf().unwrap().is_empty());
            if let Some(one) = kept {
                assert_eq!(kind((&one).write(b"more")), ErrorKind::BrokenPipe);
            }
        }
    }
}

#[test]
fn an_end_wakes_those_who_wait() {
    matrix(|peer| {
        for end in [
            |one: &BufferStream| one.close(),
            |one: &BufferStream| {
                one.fail(ErrorKind::ConnectionReset.into());
                one.shutdown(Shutdown::Read).unwrap();
            },
        ] {
            let (one, other) = BufferStream::bounded(1);
            let other = Arc::new(other);
            (&*other).write_all(b"x")?;
            let (reads, writes) = (other.clone(), other);
            let reader = peer.spawn(move || (&*reads).read(&mut [0]));
            let writer = peer.spawn(move || (&*writes).write(b"x"));
            end(&one);
            let read = reader.wait().or_else(|error| match error.kind() {
                ErrorKind::ConnectionReset => Ok(0),
                _ => Err(error),
            });
            assert_eq!(read?, 0);
            assert_eq!(kind(writer.wait()), ErrorKind::BrokenPipe);
        }
        Ok(())
    });
}

#[test]
fn a_writer_is_told_that_the_reader_is_gone() {
    in_both_colours(|| {
        let (mut one, other) = BufferStream::unbounded();
        one.write_all(b"never read").unwrap();
        drop(other);
        assert_eq!(kind(one.write(b"x")), ErrorKind::BrokenPipe);
        assert_eq!(one.write(b"").unwrap(), 0);
        // Bytes that were written before the writer was dropped can still be read.
        let (mut one, other) = BufferStream::unbounded();
        (&other).write_all(b"bye").unwrap();
        drop(other);
        let mut text = String::new();
        one.read_to_string(&mut text).unwrap();
        assert_eq!(text, "bye");
    });
}

#[test]
fn one_half_of_an_end_is_shut_down_without_the_other() {
    in_both_colours(|| {
        let (one, other) = BufferStream::unbounded();
        (&other).write_all(b"before").unwrap();
        one.shutdown(Shutdown::Read).unwrap();
        assert_eq!(kind((&other).write(b"after")), ErrorKind::BrokenPipe);
        let mut buf = [0; 16];
        assert_eq!((&one).read(&mut buf).unwrap(), 6);
        assert_eq!((&one).read(&mut buf).unwrap(), 0);
        (&one).write_all(b"the other way").unwrap();
        assert_eq!((&other).read(&mut buf).unwrap(), 13);
    });
}

#[test]
fn an_error_comes_after_the_rest_and_stays() {
    in_both_colours(|| {
        let (one, mut other) = BufferStream::bounded(16);
        (&one).write_all(b"the rest").unwrap();
        one.fail(Error::other("the disk is full"));
        one.fail(Error::other("too late"));
        one.close();
        assert_eq!(kind((&one).write(b"x")), ErrorKind::BrokenPipe);

        let mut text = String::new();
        let error = other.read_to_string(&mut text).unwrap_err();
        assert_eq!((text.as_str(), error.to_string().as_str()), ("the rest", "the disk is full"));
        for _ in 0..2 {
            let again = other.fill_buf().unwrap_err();
            assert_eq!(again.kind(), error.kind());
            assert_eq!(again.to_string(), error.to_string());
        }
        drop(one);
        assert!(other.read(&mut [0]).is_err(), "an end that comes later is none");
    });
}

#[test]
fn an_error_after_the_end_is_too_late() {
    let (one, mut other) = BufferStream::unbounded();
    one.shutdown(Shutdown::Write).unwrap();
    one.fail(Error::other("too late"));
    assert_eq!(other.read(&mut [0]).unwrap(), 0);
}

#[test]
fn lines_of_all_lengths() {
    both(|| {
        let long = "x".repeat(59_000) + "\n";
        let texts = [
            "a line\n".repeat(8_000),
            long.repeat(3),
            String::new(),
            "\n".repeat(1_000),
            "no end".to_owned(),
        ];
        for text in texts {
            for (one, other) in pairs() {
                if one.capacity().is_some_and(|bound| bound < 7) {
                    continue;
                }
                let sent = text.clone();
                let writer = Colour::Task.spawn(move || (&one).write_all(sent.as_bytes()));
                let expected: Vec<_> = text.lines().collect();
                let lines: Vec<_> = other.lines().collect::<io::Result<_>>()?;
                assert_eq!(lines, expected);
                writer.wait()?;
            }
        }
        Ok(())
    });
}

#[test]
fn what_is_lent_counts_until_it_is_consumed() {
    in_both_colours(|| {
        let (one, mut other) = BufferStream::bounded(4);
        assert_eq!(one.try_write(b"abcdef").unwrap(), 4);
        assert_eq!(other.fill_buf().unwrap(), b"abcd");
        assert_eq!(other.fill_buf().unwrap(), b"abcd");
        assert_eq!(other.available(), 4);
        assert_eq!(kind(one.try_write(b"e")), ErrorKind::WouldBlock);
        other.consume(1);
        assert_eq!(one.try_write(b"ef").unwrap(), 1);
        // A read by reference goes on where the loan ended.
        let mut buf = [0; 8];
        assert_eq!((&other).read(&mut buf).unwrap(), 4);
        assert_eq!(&buf[..4], b"bcde");
        other.consume(0);
        assert_eq!(other.available(), 0);
    });
}

#[test]
fn a_deadline_ends_a_read_and_loses_nothing() {
    both(|| {
        let (one, mut other) = BufferStream::unbounded();
        let soon = Instant::now() + Duration::from_millis(10);
        let mut line = String::new();
        (&one).write_all(b"half a ")?;
        assert_eq!(kind(io_deadline(soon, || other.read_line(&mut line))), ErrorKind::TimedOut);
        assert!(Instant::now() >= soon);
        (&one).write_all(b"line\n")?;
        other.read_line(&mut line)?;
        assert_eq!(line, "half a line\n");
        // What needs no wait is done, however late.
        (&one).write_all(b"x")?;
        assert_eq!(io_deadline(soon, || other.read(&mut [0; 8]))?, 1);
        Ok(())
    });
}

#[test]
fn a_cancelled_reader_takes_nothing() {
    on_workers(|_| {
        let (one, other) = BufferStream::unbounded();
        let other = Arc::new(other);
        let reader = go!(clone(other) => { (&*other).read(&mut [0; 8]) });
        settle();
        reader.cancel();
        (&one).write_all(b"abc").unwrap();
        let read = reader.join();
        let left = other.available();
        match read {
            Ok(count) => assert_eq!((count.unwrap(), left), (3, 0)),
            Err(error) => assert_eq!((error.is_cancelled(), left), (true, 3)),
        }
    });
}

#[test]
fn a_cancelled_writer_has_written_nothing() {
    on_workers(|_| {
        let (one, mut other) = BufferStream::bounded(3);
        assert_eq!(one.try_write(b"abc").unwrap(), 3);
        let writer = go!({
            let _ = (&one).write(b"def");
        });
        settle();
        writer.cancel();
        assert_cancelled(writer);
        let mut text = String::new();
        other.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
    });
}

#[test]
fn many_read_and_write_at_once() {
    on_workers(|_| {
        const EACH: usize = 20_000;
        let (one, other) = BufferStream::bounded(10);
        task::scope(|s| {
            let (one, other) = (&one, &other);
            let writers: Vec<_> = (0..4_u8)
                .map(|writer| {
                    s.spawn(move || {
                        for piece in vec![writer; EACH].chunks(7) {
                            let mut stream = one;
                            stream.write_all(piece).unwrap();
                        }
                    })
                })
                .collect();
            let readers: Vec<_> = (0..3)
                .map(|_| {
                    s.spawn(move || {
                        let mut seen = [0; 4];
                        let mut buf = [0; 16];
                        loop {
                            let mut stream = other;
                            let count = stream.read(&mut buf).unwrap();
                            if count == 0 {
                                return seen;
                            }
                            buf[..count].iter().for_each(|&byte| seen[usize::from(byte)] += 1);
                        }
                    })
                })
                .collect();
            writers.into_iter().for_each(|writer| writer.wait());
            one.close();
            let mut total = [0; 4];
            for reader in readers {
                total.iter_mut().zip(reader.wait()).for_each(|(total, seen)| *total += seen);
            }
            assert_eq!(total, [EACH; 4]);
        });
    });
}

#[test]
fn code_that_is_generic_over_streams_runs_on_it() {
    in_both_colours(|| {
        let (client, server) = BufferStream::bounded(16);
        let echo = go!({
            for line in BufReader::new(&server).lines() {
                writeln!(&server, "{}", line?.to_uppercase())?;
            }
            io::Result::Ok(())
        });
        let mut answers = BufReader::new(&client);
        for i in 0..100 {
            writeln!(&client, "line {i}").unwrap();
            let mut answer = String::new();
            answers.read_line(&mut answer).unwrap();
            assert_eq!(answer, format!("LINE {i}\n"));
        }
        client.close();
        echo.wait().unwrap();
    });
}

#[test]
#[should_panic(expected = "give at least 1")]
fn a_bound_without_room_is_refused() {
    let _ = BufferStream::bounded(0);
}

#[test]
fn it_shows_its_state() {
    let (one, other) = BufferStream::bounded(8);
    one.try_write(b"abc").unwrap();
    let text = format!("{one:?} {other:?}");
    assert!(text.contains("under_way: 3") && text.contains("available: 3"), "{text}");
    assert_eq!((one.capacity(), BufferStream::unbounded().0.capacity()), (Some(8), None));
}
