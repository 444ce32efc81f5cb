//! Standard input suspends whoever waits for it, and loses nothing.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Instant;

use gocoro::go;
use gocoro::io::{self, BufRead, Read, stdin};
use gocoro::task::{self, Cancelled};
use gocoro::time::{io_deadline, timeout};

use super::kinds::{KINDS, Kind, become_nobody, is_root, path};
use super::{Asking, Counter, ask, assert_blocking, feed, polled, program, scenarios};
use crate::support::{SOON, assert_cancelled, on_drop, settle, skipped, until, with_workers};
use crate::tcp::{kind, raw};

scenarios! {
    in_a_task,
    in_a_task_of_nobody,
    on_a_thread,
    line_by_line,
    nothing_to_read,
    closed,
    a_file,
    a_file_cut_short,
    whole,
    too_short,
    no_descriptor_left,
    replaced,
}

/// Runs a scenario with an input of this kind, and sends what it asks for.
#[track_caller]
fn run(scenario: &str, kind: Kind) {
    println!("{scenario}, {kind:?}");
    let (theirs, ours) = kind.input();
    let kept = theirs.try_clone().unwrap();
    let mut command = program(scenario);
    command.stdin(Stdio::from(theirs)).stdout(Stdio::null());
    let mut asking = Asking::spawn(command);
    let mut ours = Some(ours);
    while let Some(what) = asking.next() {
        match what.as_str() {
            "end" if kind == Kind::Terminal => feed(ours.as_ref().unwrap(), "\x04"),
            "end" => ours = None,
            text => feed(ours.as_ref().unwrap(), &text.replace('|', "\n")),
        }
    }
    let status = asking.end();
    assert!(status.success(), "{status}\n{}", asking.said);
    assert_blocking(kept);
}

/// A line that cannot be read yet, and each way to stop waiting for it.
fn cut_short() {
    let mut line = String::new();
    for _ in 0..3 {
        assert!(timeout(SOON, || stdin().lines().next()).is_err());
        assert!(timeout(SOON, || io::read_to_string(stdin())).is_err());
        let ends: [&mut dyn FnMut() -> io::Result<()>; 6] = [
            &mut || stdin().read_line(&mut line).map(drop),
            &mut || stdin().read_exact(&mut [0; 100]),
            &mut || stdin().read_to_end(&mut Vec::new()).map(drop),
            &mut || io::read_to_string(stdin()).map(drop),
            &mut || stdin().lock().read_until(b'\n', &mut Vec::new()).map(drop),
            &mut || stdin().lock().skip_until(b'\n').map(drop),
        ];
        let soon = Instant::now() + SOON;
        for end in ends {
            assert_eq!(kind(io_deadline(soon, end)), ErrorKind::TimedOut);
        }
    }
    assert_eq!(line, "");
}

fn next_line() -> String {
    let mut line = String::new();
    stdin().read_line(&mut line).unwrap();
    line
}

/// What both colours do. A terminal gives whole lines only.
fn reads(has_parts: bool) {
    let soon = || Instant::now() + SOON;
    assert_eq!(kind(io_deadline(soon(), || stdin().read(&mut [0; 1 << 16]))), ErrorKind::TimedOut);
    cut_short();
    ask("one|");
    assert_eq!(next_line(), "one\n");
    assert_blocking(io::stdin());
    if has_parts {
        ask("par");
        until(|| polled(0, libc::POLLIN));
        cut_short();
        ask("tial|rest");
        assert_eq!(next_line(), "partial\n");
        let mut four = [0; 4];
        stdin().read_exact(&mut four).unwrap();
        assert_eq!(&four, b"rest");
    }
    // Lines that are sent at once are read one at a time.
    ask("two|three||four|");
    let mut lines = stdin().lines();
    for expected in ["two", "three", "", "four"] {
        assert_eq!(lines.next().unwrap().unwrap(), expected);
    }
    assert!(timeout(SOON, || lines.next()).is_err());
    drop(lines);
    assert_blocking(io::stdin());
    ask("last|");
    let mut bytes = [0; 1 << 16];
    assert_eq!(stdin().read(&mut bytes).unwrap(), 5);
    ask("end");
    assert_eq!(next_line(), "");
    assert_blocking(io::stdin());
}

fn is_terminal() -> bool {
    stdin().is_terminal()
}

fn in_a_task() {
    with_workers(1).run(|| {
        let counter = Counter::new();
        let reader = go!({ next_line() });
        counter.goes_on();
        assert!(!reader.is_finished());
        // The second waits for the lock.
        let other = go!({ next_line() });
        counter.goes_on();
        for task in [&other, &reader] {
            task.cancel();
        }
        assert_cancelled(other);
        assert_cancelled(reader);
        fails_in_destructors(|| stdin().read_line(&mut String::new()).map(drop));
        let locked = go!({
            let _lock = stdin().lock();
            task::park();
        });
        settle();
        let soon = Instant::now() + SOON;
        let late = io_deadline(soon, || stdin().read_line(&mut String::new()));
        assert_eq!(kind(late), ErrorKind::TimedOut);
        assert!(timeout(SOON, || drop(stdin().lock())).is_err());
        fails_in_destructors(|| stdin().read(&mut [0]).map(drop));
        locked.cancel();
        assert_cancelled(locked);
        go!({ reads(!is_terminal()) }).wait();
        counter.goes_on();
    });
}

/// In a task that unwinds for a cancel, an operation that would wait fails.
pub(super) fn fails_in_destructors(operation: impl Fn() -> io::Result<()> + Send + 'static) {
    let (tell, told) = gocoro::channel::bounded(1);
    let task = go!({
        let _guard = on_drop(move || tell.send(operation()).unwrap());
        task::current().cancel();
        task::park();
    });
    assert_cancelled(task);
    let error = told.recv().unwrap().unwrap_err();
    assert!(error.get_ref().unwrap().is::<Cancelled>(), "{error}");
}

fn in_a_task_of_nobody() {
    become_nobody();
    in_a_task();
}

fn on_a_thread() {
    reads(!is_terminal());
}

#[test]
fn a_task_that_waits_for_input_is_suspended() {
    for kind in KINDS {
        run("in_a_task", kind);
    }
}

/// The terminal may not be opened again: the kernel is asked before each read.
#[test]
fn an_input_that_belongs_to_somebody_else() {
    if !is_root() {
        return skipped("input of somebody else: no root here");
    }
    for kind in KINDS {
        run("in_a_task_of_nobody", kind);
    }
}

#[test]
fn a_thread_that_waits_for_input_is_cut_short_too() {
    for kind in KINDS {
        run("on_a_thread", kind);
    }
}

/// A line is there as soon as it is sent, whatever follows.
fn line_by_line() {
    with_workers(1).run(|| {
        let mut lines = stdin().lines();
        for number in 0..20 {
            ask(&format!("line {number}|"));
            assert_eq!(lines.next().unwrap().unwrap(), format!("line {number}"));
        }
    });
}

#[test]
fn lines_come_one_at_a_time() {
    for kind in KINDS {
        run("line_by_line", kind);
    }
}

#[track_caller]
fn run_with(scenario: &str, input: impl Into<Stdio>) {
    let mut command = program(scenario);
    command.stdin(input).stdout(Stdio::null());
    Asking::spawn(command).ends_well();
}

fn nothing() {
    assert_eq!(stdin().read(&mut [0; 8]).unwrap(), 0);
    assert_eq!(stdin().read(&mut [0; 1 << 16]).unwrap(), 0);
    assert!(stdin().lines().next().is_none());
    assert_eq!(io::read_to_string(stdin()).unwrap(), "");
    let error = stdin().read_exact(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert!(!stdin().is_terminal());
}

fn nothing_to_read() {
    nothing();
    with_workers(1).run(nothing);
}

fn closed() {
    // The runtime's own descriptors come first, so that none of them takes the place.
    let runtime = with_workers(1);
    // SAFETY: nothing owns standard input.
    assert_eq!(unsafe { libc::close(0) }, 0);
    runtime.run(nothing);
    nothing();
}

#[test]
fn nothing_is_read_from_a_device_without_data_and_a_closed_descriptor() {
    run_with("nothing_to_read", Stdio::null());
    run_with("closed", Stdio::null());
}

const LINES: usize = 30_000;

fn line(number: usize) -> String {
    format!("line {number} of a file that is longer than the buffer")
}

fn file() -> File {
    let path = path("input");
    let mut text = String::new();
    for number in 0..LINES {
        text += &line(number);
        text.push('\n');
    }
    std::fs::write(&path, text).unwrap();
    let file = File::open(&path).unwrap();
    // What is on the disk may be dropped from memory.
    file.sync_all().unwrap();
    std::fs::remove_file(path).unwrap();
    file
}

fn a_file() {
    fn all_of_it() {
        let mut count = 0;
        for (number, text) in stdin().lines().enumerate() {
            assert_eq!(text.unwrap(), line(number));
            count += 1;
        }
        assert_eq!(count, LINES);
    }
    with_workers(1).run(all_of_it);
}

/// What is no longer in memory is read on other threads, whose reads outlast those who asked.
fn a_file_cut_short() {
    use std::os::fd::AsRawFd;
    fn forget_cached() {
        // SAFETY: no pointers.
        unsafe { libc::posix_fadvise(io::stdin().as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    }
    with_workers(1).run(|| {
        let mut number = 0;
        let mut buffered = 0;
        while number < LINES {
            if buffered == 0 {
                forget_cached();
                let _ = timeout(std::time::Duration::ZERO, || {
                    let _ = io_deadline(Instant::now(), || stdin().lock().fill_buf().map(drop));
                });
                let task = go!({ stdin().lock().fill_buf().map(drop) });
                task::yield_now();
                task.cancel();
                let _ = task.join();
                buffered = 100;
            }
            buffered -= 1;
            assert_eq!(next_line(), line(number) + "\n");
            number += 1;
        }
        assert_eq!(next_line(), "");
    });
}

#[test]
fn all_of_a_file_is_read() {
    run_with("a_file", file());
    run_with("a_file_cut_short", file());
}

fn whole() {
    with_workers(2).run(|| {
        let mut expected = String::new();
        (0..LINES).for_each(|number| expected += &(line(number) + "\n"));
        assert!(io::read_to_string(stdin()).unwrap() == expected);
    });
}

#[test]
fn all_of_an_input_is_read_at_once() {
    run_with("whole", file());
    let mut bytes = Vec::new();
    file().read_to_end(&mut bytes).unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let writing = std::thread::spawn(move || writer.write_all(&bytes).unwrap());
    run_with("whole", OwnedFd::from(reader));
    writing.join().unwrap();
}

fn too_short() {
    with_workers(1).run(|| {
        let mut buf = [0; 7];
        stdin().read_exact(&mut buf[..3]).unwrap();
        assert_eq!(&buf, b"abc\0\0\0\0");
        let error = stdin().read_exact(&mut buf).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert_eq!(&buf, b"dec\0\0\0\0");
        assert_eq!(stdin().read(&mut buf).unwrap(), 0);
    });
}

#[test]
fn what_comes_before_an_early_end_is_handed_over() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"abcde").unwrap();
    drop(writer);
    run_with("too_short", OwnedFd::from(reader));
}

/// A process that has no descriptor left to wait on cannot be told of input by an event, so the
/// reader asks the kernel after each of its pauses.
fn no_descriptor_left() {
    let runtime = with_workers(1);
    runtime.run(|| {
        let counter = Counter::new();
        // Whatever the first look at the clock or at a name needs is there.
        assert!(timeout(SOON, next_line).is_err());
        // With none at all, `poll(2)` refuses to look at one.
        raw::limit_descriptors(1).unwrap();
        assert!(timeout(SOON, next_line).is_err());
        let reader = go!({ next_line() });
        counter.goes_on();
        assert!(!reader.is_finished());
        ask("one|");
        assert_eq!(reader.wait(), "one\n");
        assert_blocking(io::stdin());
    });
}

#[test]
fn input_without_a_descriptor_left() {
    for kind in KINDS {
        run("no_descriptor_left", kind);
    }
}

/// What a program puts in the place of its standard input is read by the next lock.
fn replaced() {
    with_workers(1).run(|| {
        assert!(timeout(SOON, next_line).is_err());
        let (reader, mut writer) = std::io::pipe().unwrap();
        // SAFETY: both are open, and nothing owns standard input.
        assert_eq!(unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&reader), 0) }, 0);
        drop(reader);
        assert!(timeout(SOON, next_line).is_err());
        writer.write_all(b"from another\n").unwrap();
        assert_eq!(next_line(), "from another\n");
        drop(writer);
        assert_eq!(next_line(), "");
    });
}

#[test]
fn a_descriptor_that_is_replaced() {
    for kind in KINDS {
        run("replaced", kind);
    }
}
