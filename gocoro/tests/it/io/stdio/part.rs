//! A part of a line goes into std's buffer, and waits for nobody who holds std's lock.

use std::io::ErrorKind;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use gocoro::go;
use gocoro::io::{self, Write, stdout};
use gocoro::time::io_deadline;

use super::kinds::Kind;
use super::output::{fill, read_all, run, written};
use super::{Asking, Counter, ask, flags, program, scenarios};
use crate::support::{SOON, until, with_workers};
use crate::tcp::kind;

scenarios! {
    beside_a_printer,
    beside_a_flush,
    not_blocking,
}

fn beside_a_printer() {
    with_workers(1).run(|| {
        let counter = Counter::new();
        println!("<begin>");
        fill();
        let (tell, told) = mpsc::channel();
        let printer = thread::spawn(move || {
            let mut locked = std::io::stdout().lock();
            tell.send(()).unwrap();
            locked.write_all(b"a line of std's\n").unwrap();
        });
        told.recv().unwrap();
        let writer = go!({ write!(stdout(), "half a line") });
        counter.goes_on();
        assert!(!writer.is_finished());
        ask("read");
        until(|| printer.is_finished());
        writer.wait().unwrap();
        writeln!(stdout(), " and its end\n<end>").unwrap();
    });
}

/// std's `println!` keeps std's lock while it waits for a reader.
#[test]
fn a_part_of_a_line_suspends_while_a_thread_prints() {
    let text = written(&run("beside_a_printer", Kind::Pipe)).replace('x', "");
    assert_eq!(text, "a line of std's\nhalf a line and its end\n");
}

fn beside_a_flush() {
    with_workers(1).run(|| {
        let counter = Counter::new();
        print!("<begin>\nhalf");
        fill();
        let late = io_deadline(Instant::now() + SOON, || stdout().flush());
        assert_eq!(kind(late), ErrorKind::TimedOut);
        let writer = go!({ write!(stdout(), " a line") });
        counter.goes_on();
        assert!(!writer.is_finished());
        ask("read");
        writer.wait().unwrap();
        writeln!(stdout(), " and its end\n<end>").unwrap();
    });
}

/// The blocking pool goes on with the flush, and has std's lock.
#[test]
fn a_part_of_a_line_suspends_after_a_flush_that_was_cut_short() {
    let text = written(&run("beside_a_flush", Kind::Pipe)).replace('x', "");
    assert_eq!(text, "half a line and its end\n");
}

fn set_nonblocking(nonblocking: bool) {
    let others = flags(io::stdout()) & !libc::O_NONBLOCK;
    let flags = others | if nonblocking { libc::O_NONBLOCK } else { 0 };
    // SAFETY: no pointers.
    assert_eq!(unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_SETFL, flags) }, 0);
}

fn not_blocking() {
    with_workers(1).run(|| {
        print!("<begin>\nhalf a line");
        fill();
        set_nonblocking(true);
        let late = io_deadline(Instant::now() + SOON, || stdout().flush());
        assert_eq!(kind(late), ErrorKind::TimedOut);
        let flush = go!({ stdout().flush() });
        ask("read");
        flush.wait().unwrap();
        set_nonblocking(false);
        writeln!(stdout(), " and its end\n<end>").unwrap();
    });
}

#[test]
fn a_flush_waits_for_room_also_if_the_open_file_is_not_blocking() {
    let (ours, theirs) = Kind::Pipe.output();
    let mut command = program("not_blocking");
    command.stdin(Stdio::null()).stdout(theirs);
    let mut asking = Asking::spawn(command);
    assert_eq!(asking.next().as_deref(), Some("read"), "{}", asking.said);
    let reading = thread::spawn(move || read_all(ours));
    asking.ends_well();
    let text = written(&reading.join().unwrap()).replace('x', "");
    assert_eq!(text, "half a line and its end\n");
}
