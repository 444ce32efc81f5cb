//! `io::copy` does what std documents of its own.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io::{Cursor, ErrorKind, Read, Write};

use gocoro::io;
use gocoro::net::Shutdown;
use gocoro::task;

use crate::support::{Random, in_both_colours};
use crate::tcp::{self, kind};

fn random_bytes(len: usize) -> Vec<u8> {
    let mut random = Random::new(len as u64);
    (0..len).map(|_| random.next() as u8).collect()
}

#[test]
fn all_bytes_arrive_in_their_order() {
    tcp::matrix(|peer| {
        let (mut client, server) = tcp::pair()?;
        let sent = random_bytes(3_000_001);
        let expected = sent.clone();
        let sender = peer.spawn(move || {
            let copied = io::copy(&mut &sent[..], &mut client)?;
            client.shutdown(Shutdown::Write)?;
            io::Result::Ok(copied)
        });
        let mut received = Vec::new();
        assert_eq!(io::copy(&mut &server, &mut received)?, 3_000_001);
        assert_eq!(sender.wait()?, 3_000_001);
        assert!(received == expected);
        Ok(())
    });
}

#[test]
fn nothing_is_copied_of_nothing() {
    in_both_colours(|| {
        let mut written = Vec::new();
        assert_eq!(io::copy(&mut io::empty(), &mut written).unwrap(), 0);
        assert!(written.is_empty());
    });
}

/// The signature is std's: both may be unsized.
#[test]
fn what_reads_and_writes_need_not_be_known() {
    let reader: &mut dyn Read = &mut Cursor::new(b"abc");
    let writer: &mut dyn Write = &mut Vec::new();
    assert_eq!(io::copy(reader, writer).unwrap(), 3);
    let copy: fn(&mut Cursor<Vec<u8>>, &mut VecDeque<u8>) -> std::io::Result<u64> = io::copy;
    let mut bytes = VecDeque::new();
    assert_eq!(copy(&mut Cursor::new(vec![1, 2]), &mut bytes).unwrap(), 2);
    assert_eq!(bytes, [1, 2]);
}

/// Answers each read and each write with what comes next.
struct Scripted(VecDeque<io::Result<usize>>);

impl Scripted {
    fn new(steps: impl IntoIterator<Item = io::Result<usize>>) -> Scripted {
        Scripted(steps.into_iter().collect())
    }

    fn next(&mut self, len: usize) -> io::Result<usize> {
        self.0.pop_front().expect("the script has a step").map(|count| count.min(len))
    }
}

impl Read for Scripted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.next(buf.len())
    }
}

impl Write for Scripted {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.next(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        panic!("std's copy does not flush")
    }
}

#[test]
fn interruptions_are_taken_up_again_and_short_writes_completed() {
    let interrupted = || Err(ErrorKind::Interrupted.into());
    let mut reader = Scripted::new([interrupted(), Ok(5), interrupted(), Ok(2), Ok(0)]);
    let mut writer = Scripted::new([Ok(1), interrupted(), Ok(4), Ok(2)]);
    assert_eq!(io::copy(&mut reader, &mut writer).unwrap(), 7);
    assert!(reader.0.is_empty() && writer.0.is_empty());
}

#[track_caller]
fn fails<T: Debug>(result: io::Result<T>, with: ErrorKind) {
    assert_eq!(kind(result), with);
}

#[test]
fn errors_of_either_side_are_returned() {
    let reset = || Err(ErrorKind::ConnectionReset.into());
    fails(
        io::copy(&mut Scripted::new([Ok(5), reset()]), &mut io::sink()),
        ErrorKind::ConnectionReset,
    );
    fails(io::copy(&mut &b"abc"[..], &mut Scripted::new([reset()])), ErrorKind::ConnectionReset);
    fails(io::copy(&mut &b"abc"[..], &mut Scripted::new([Ok(0)])), ErrorKind::WriteZero);
}

/// std's takes 8 KiB, which is a quarter of the smallest stack.
#[test]
fn a_copy_takes_little_of_a_stack() {
    /// Notes how much of the stack is left where it is called.
    struct Low(usize);

    impl Write for Low {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.0 = task::remaining_stack().unwrap();
            Ok(buf.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let copy = task::Builder::new().stack_size(32 * 1024).spawn(|| {
        let above = task::remaining_stack().unwrap();
        let mut low = Low(0);
        io::copy(&mut &[1; 100][..], &mut low).unwrap();
        above - low.0
    });
    let taken = copy.unwrap().wait();
    assert!(taken < 4096, "{taken} bytes");
}
