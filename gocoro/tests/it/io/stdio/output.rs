//! Standard output and error suspend whoever finds no room, and say what std says where nobody
//! reads.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Instant;

use gocoro::go;
use gocoro::io::{self, Write, stderr, stdout};
use gocoro::time::{io_deadline, timeout};

use super::input::fails_in_destructors;
use super::kinds::{KINDS, Kind, become_nobody, is_root};
use super::{Asking, Counter, ask, assert_blocking, polled, program, scenarios};
use crate::support::{SOON, assert_cancelled, settle, skipped, until, with_workers};
use crate::tcp::kind;

scenarios! {
    full,
    full_of_nobody,
    full_on_a_thread,
    full_without_a_descriptor_left,
    full_of_errors,
    half_a_line_of_std,
    closed_output,
    no_reader,
}

/// More than any kind of file has room for while nobody reads.
const LINES: usize = 4_000;

fn line(number: usize) -> String {
    format!("{number:0>1000}\n")
}

/// Reads to the end; the end of a terminal is an error.
pub(super) fn read_all(ours: OwnedFd) -> String {
    let mut bytes = Vec::new();
    match File::from(ours).read_to_end(&mut bytes) {
        Err(error) if error.raw_os_error() == Some(libc::EIO) => {}
        result => drop(result.unwrap()),
    }
    String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
}

/// What the scenario wrote, from what the harness prints around it.
pub(super) fn written(all: &str) -> &str {
    let (_, after) = all.split_once("<begin>\n").expect(all);
    after.split_once("<end>\n").expect(all).0
}

/// Runs a scenario whose output is of this kind, and is read only when it asks for that. Returns
/// all that it wrote.
#[track_caller]
pub(super) fn run(scenario: &str, kind: Kind) -> String {
    println!("{scenario}, {kind:?}");
    let (ours, theirs) = kind.output();
    let kept = theirs.try_clone().unwrap();
    let mut command = program(scenario);
    command.stdin(Stdio::null()).stdout(theirs);
    let mut asking = Asking::spawn(command);
    let asked = asking.next();
    assert_eq!(asked.as_deref(), Some("read"), "{}", asking.said);
    assert_blocking(&kept);
    drop(kept);
    let reading = thread::spawn(move || read_all(ours));
    while asking.next().is_some() {}
    let status = asking.end();
    assert!(status.success(), "{status}\n{}", asking.said);
    reading.join().unwrap()
}

/// Writes lines until there is no room, and counts them.
fn write_lines(count: &AtomicUsize) {
    for number in 0..LINES {
        stdout().write_all(line(number).as_bytes()).unwrap();
        count.fetch_add(1, SeqCst);
    }
}

fn has_no_room(descriptor: i32) -> bool {
    !polled(descriptor, libc::POLLOUT)
}

fn fill_and_wait() {
    with_workers(1).run(|| {
        let counter = Counter::new();
        stdout().write_all(b"<begin>\n").unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let writer = go!(clone(count) => write_lines(&count));
        until(|| has_no_room(1));
        counter.goes_on();
        assert!(!writer.is_finished());
        // Somebody else waits for the lock.
        let other = go!({ stdout().write_all(b"never\n") });
        settle();
        assert!(!other.is_finished());
        let late = io_deadline(Instant::now() + SOON, || stdout().write(b"never\n"));
        assert_eq!(kind(late), ErrorKind::TimedOut);
        assert!(timeout(SOON, || drop(stdout().lock())).is_err());
        fails_in_destructors(|| stdout().write(b"never\n").map(drop));
        other.cancel();
        assert_cancelled(other);
        // A flush of what is written already does not wait for room, but for the lock.
        let flush = go!({ stdout().flush() });
        ask("read");
        writer.wait();
        flush.wait().unwrap();
        assert_eq!(count.load(SeqCst), LINES);
        stdout().write_all(b"<end>\n").unwrap();
        assert_blocking(io::stdout());
        counter.goes_on();
    });
}

fn full() {
    fill_and_wait();
}

fn full_of_nobody() {
    become_nobody();
    fill_and_wait();
}

#[track_caller]
fn assert_all_lines(all: &str) {
    let mut lines = written(all).lines();
    for number in 0..LINES {
        assert_eq!(lines.next().map(|text| text.to_owned() + "\n"), Some(line(number)));
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn a_task_that_finds_no_room_is_suspended() {
    for kind in KINDS {
        assert_all_lines(&run("full", kind));
    }
}

#[test]
fn an_output_that_belongs_to_somebody_else() {
    if !is_root() {
        return skipped("output of somebody else: no root here");
    }
    for kind in [Kind::Pipe, Kind::Fifo, Kind::Socket] {
        assert_all_lines(&run("full_of_nobody", kind));
    }
}

/// Each write that is cut short has written nothing.
fn cut_short_until_read() {
    let mut written = 0;
    let mut is_read = false;
    while written < LINES {
        let text = line(written);
        let mut rest = text.as_bytes();
        let mut cuts = 0;
        while !rest.is_empty() {
            let soon = Instant::now() + SOON;
            match timeout(SOON, || io_deadline(soon, || stdout().write(rest))) {
                Ok(Ok(count)) => rest = &rest[count..],
                Ok(Err(error)) => {
                    assert_eq!(error.kind(), ErrorKind::TimedOut);
                    cuts += 1;
                }
                Err(_) => cuts += 1,
            }
            if cuts > 3 && !is_read {
                // What is written needs no flush, whether there is room or not.
                timeout(SOON * 1000, || stdout().flush()).unwrap().unwrap();
                is_read = true;
                ask("read");
            }
        }
        written += 1;
    }
    stdout().write_all(b"<end>\n").unwrap();
}

fn full_on_a_thread() {
    stdout().write_all(b"<begin>\n").unwrap();
    cut_short_until_read();
    assert_blocking(io::stdout());
}

#[test]
fn a_thread_that_finds_no_room_is_cut_short_too() {
    for kind in KINDS {
        assert_all_lines(&run("full_on_a_thread", kind));
    }
}

fn full_without_a_descriptor_left() {
    with_workers(1).run(|| {
        let counter = Counter::new();
        stdout().write_all(b"<begin>\n").unwrap();
        let limit = libc::rlimit { rlim_cur: 1, rlim_max: 1 };
        // SAFETY: the limit is read, and nothing else.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
        let writer = go!({ cut_short_until_read() });
        until(|| writer.is_finished());
        writer.wait();
        counter.goes_on();
    });
}

#[test]
fn output_without_a_descriptor_left() {
    for kind in [Kind::Pipe, Kind::Fifo, Kind::Socket] {
        assert_all_lines(&run("full_without_a_descriptor_left", kind));
    }
}

/// Standard error is the one that is full; the answers go to standard output.
fn full_of_errors() {
    with_workers(1).run(|| {
        let counter = Counter::new();
        let writer = go!({
            for number in 0..LINES {
                stderr().write_all(line(number).as_bytes()).unwrap();
            }
        });
        until(|| has_no_room(2));
        counter.goes_on();
        assert!(!writer.is_finished());
        let late = io_deadline(Instant::now() + SOON, || stderr().write(b"never"));
        assert_eq!(kind(late), ErrorKind::TimedOut);
        fails_in_destructors(|| stderr().write(b"never\n").map(drop));
        println!("read");
        writer.wait();
        assert_blocking(io::stderr());
    });
}

#[test]
fn standard_error_suspends_too() {
    for kind in KINDS {
        println!("{kind:?}");
        let (ours, theirs) = kind.output();
        let mut command = program("full_of_errors");
        let (answer, answers) = std::io::pipe().unwrap();
        command.stdin(Stdio::null()).stderr(theirs).stdout(answers);
        let mut child = command.spawn().unwrap();
        drop(command);
        let mut answers = std::io::BufRead::lines(std::io::BufReader::new(answer));
        assert!(answers.any(|text| text.unwrap().ends_with("read")));
        let reading = thread::spawn(move || read_all(ours));
        for _ in answers {}
        assert!(child.wait().unwrap().success());
        let all = reading.join().unwrap();
        let lines: Vec<_> = all.lines().filter(|text| text.len() == 1000).collect();
        assert_eq!(lines.len(), LINES);
        assert!(!all.contains("never"));
    }
}

/// Fills a pipe behind std's back, so that std's buffer stays as it is.
pub(super) fn fill() {
    use std::os::unix::fs::OpenOptionsExt;
    let options = File::options().write(true).custom_flags(libc::O_NONBLOCK).to_owned();
    let mut full = options.open("/dev/stdout").unwrap();
    while full.write(&[b'x'; 4096]).is_ok() {}
    assert!(has_no_room(1));
}

/// A flush that finds no room for what `print!` has left is done elsewhere.
fn half_a_line_of_std() {
    with_workers(1).run(|| {
        let counter = Counter::new();
        print!("<begin>\nhalf a line");
        fill();
        for _ in 0..3 {
            let late = io_deadline(Instant::now() + SOON, || stdout().flush());
            assert_eq!(kind(late), ErrorKind::TimedOut);
            assert!(timeout(SOON, || stdout().flush()).is_err());
        }
        fails_in_destructors(|| stdout().flush());
        let cancelled = go!({ stdout().flush() });
        counter.goes_on();
        cancelled.cancel();
        assert_cancelled(cancelled);
        let flush = go!({ stdout().flush() });
        counter.goes_on();
        assert!(!flush.is_finished());
        ask("read");
        flush.wait().unwrap();
        writeln!(stdout(), " and its end\n<end>").unwrap();
    });
}

#[test]
fn a_flush_of_what_std_holds_suspends() {
    let all = run("half_a_line_of_std", Kind::Pipe);
    let text = written(&all).replace('x', "");
    assert_eq!(text, "half a line and its end\n");
}

/// A closed standard output takes everything and says that it went well, as std's does.
fn closed_output() {
    let runtime = with_workers(1);
    // SAFETY: nothing owns standard output.
    assert_eq!(unsafe { libc::close(io::stdout().as_raw_fd()) }, 0);
    runtime.run(|| {
        writeln!(stdout(), "to nobody").unwrap();
        write!(stdout(), "nobody").unwrap();
        stdout().flush().unwrap();
    });
    // The harness writes as well.
    let null = File::options().write(true).open("/dev/null").unwrap();
    assert_eq!(null.as_raw_fd(), 1);
    std::mem::forget(null);
}

#[test]
fn a_closed_output() {
    let mut command = program("closed_output");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    Asking::spawn(command).ends_well();
}

/// A write to a pipe whose reader is gone is an error, and no signal ends the process.
fn no_reader() {
    with_workers(1).run(|| {
        ask("close");
        until(|| polled(1, libc::POLLERR | libc::POLLHUP));
        let error = stdout().write_all(b"to nobody\n").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
    leave();
}

/// Puts another file in the place of standard output, to which the harness writes as well.
pub(super) fn leave() {
    let null = File::options().write(true).open("/dev/null").unwrap();
    // SAFETY: both are open, and nothing owns standard output.
    assert_eq!(unsafe { libc::dup2(null.as_raw_fd(), 1) }, 1);
}

#[test]
fn a_reader_that_is_gone() {
    for kind in [Kind::Pipe, Kind::Fifo, Kind::Socket] {
        println!("{kind:?}");
        let (ours, theirs) = kind.output();
        let mut command = program("no_reader");
        command.stdin(Stdio::null()).stdout(theirs);
        let mut asking = Asking::spawn(command);
        assert_eq!(asking.next().as_deref(), Some("close"));
        drop(ours);
        asking.ends_well();
    }
}
