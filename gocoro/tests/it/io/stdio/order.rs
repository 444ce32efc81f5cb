//! Who writes what in which order: parts of lines beside std's, and what is written under a lock.

use std::fs::File;
use std::process::Stdio;

use gocoro::go;
use gocoro::io::{IoSlice, Write, stderr, stdout};
use gocoro::task;

use super::kinds::{KINDS, Kind, path};
use super::output::{run, written};
use super::{Asking, ask, program, scenarios};
use crate::support::{assert_cancelled, settle, with_workers};

scenarios! {
    mixed,
    together,
    gathered,
    left_locked,
}

/// What one task writes with std and with this comes out as it was written.
fn mixed() {
    let write = || {
        println!("<begin>");
        for round in 0..3 {
            print!("one ");
            write!(stdout(), "two ").unwrap();
            print!("three ");
            writeln!(stdout(), "four {round}").unwrap();
            println!("five");
            stdout().write_all(b"six\nand half ").unwrap();
            println!("a line");
            let mut lock = stdout().lock();
            write!(lock, "in ").unwrap();
            println!("the lock");
            write!(lock, "{} in ", ["still"][0]).unwrap();
            writeln!(stdout(), "it").unwrap();
            drop(lock);
            print!("a prompt");
            stdout().flush().unwrap();
            let long = "x".repeat(3_000);
            print!("|");
            stdout().write_all(long.as_bytes()).unwrap();
            print!("|");
            writeln!(stdout(), "{long}").unwrap();
        }
        println!("<end>");
    };
    ask("read");
    with_workers(1).run(write);
}

#[test]
fn what_std_writes_keeps_its_place() {
    let mut expected = String::new();
    let long = "x".repeat(3_000);
    for round in 0..3 {
        expected += &format!("one two three four {round}\nfive\nsix\nand half a line\n");
        expected += &format!("in the lock\nstill in it\na prompt|{long}|{long}\n");
    }
    for kind in KINDS {
        assert_eq!(written(&run("mixed", kind)), expected, "{kind:?}");
    }
    let path = path("output");
    let file = File::create(&path).unwrap();
    let mut command = program("mixed");
    command.stdin(Stdio::null()).stdout(file);
    let mut asking = Asking::spawn(command);
    while asking.next().is_some() {}
    assert!(asking.end().success(), "{}", asking.said);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    assert_eq!(written(&text), expected);
}

/// Several tasks lock and wait: what one writes under a lock stays together.
fn together() {
    with_workers(2).run(|| {
        stdout().write_all(b"<begin>\n").unwrap();
        let writers: Vec<_> = (0..8)
            .map(|task| {
                go!({
                    for _ in 0..20 {
                        let mut lock = stdout().lock();
                        for part in 0..3 {
                            write!(lock, "{task}").unwrap();
                            task::yield_now();
                            writeln!(stdout(), " {part}").unwrap();
                        }
                        drop(lock);
                        task::yield_now();
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.wait());
        stdout().write_all(b"<end>\n").unwrap();
    });
    ask("read");
}

#[test]
fn what_is_written_under_a_lock_stays_together() {
    let all = run("together", Kind::Pipe);
    let lines: Vec<_> = written(&all).lines().collect();
    assert_eq!(lines.len(), 8 * 20 * 3);
    for three in lines.chunks(3) {
        let task = three[0].split_once(' ').unwrap().0;
        let expected: Vec<_> = (0..3).map(|part| format!("{task} {part}")).collect();
        assert_eq!(three, expected);
    }
}

/// Several buffers are written as one.
fn gathered() {
    fn write(mut to: impl Write, parts: &[&[u8]]) {
        let bufs: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
        assert_eq!(to.write_vectored(&bufs).unwrap(), parts.concat().len());
    }
    with_workers(1).run(|| {
        write(stdout(), &[b"<begin>", b"\n"]);
        write(stdout(), &[b"", b"one ", b"", b"line\nand a ", b"half"]);
        write(stdout().lock(), &[b" of it", b"\n<end>\n"]);
        write(stdout(), &[]);
        write(stderr(), &[b"\nask ", b"read", b"\n"]);
    });
}

#[test]
fn several_buffers_are_written_at_once() {
    for kind in KINDS {
        assert_eq!(written(&run("gathered", kind)), "one line\nand a half of it\n", "{kind:?}");
    }
}

/// A holder that is cancelled, or panics, in the middle of a line leaves the lock free, and what it
/// had written goes out.
fn left_locked() {
    with_workers(1).run(|| {
        println!("<begin>");
        let cancelled = go!({
            let mut lock = stdout().lock();
            write!(lock, "half of ").unwrap();
            task::park();
        });
        settle();
        cancelled.cancel();
        assert_cancelled(cancelled);
        writeln!(stdout(), "a line").unwrap();
        let panicked = go!({
            let mut lock = stdout().lock();
            write!(lock, "another ").unwrap();
            panic!("while it is locked");
        });
        let _: &task::JoinHandle<()> = &panicked;
        assert!(panicked.join().unwrap_err().is_panic());
        println!("half");
        println!("<end>");
    });
    ask("read");
}

#[test]
fn a_lock_that_is_left_by_unwinding() {
    assert_eq!(written(&run("left_locked", Kind::Pipe)), "half of a line\nanother half\n");
}
