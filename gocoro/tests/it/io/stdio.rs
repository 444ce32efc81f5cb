//! The standard streams. Each scenario is a process, this test program once more, whose descriptors
//! are of the kind that the scenario is about.

mod exits;
mod first;
mod input;
pub(super) mod kinds;
mod order;
mod output;
mod part;
mod refused;
mod traits;

use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Instant;

use gocoro::go;
use gocoro::task;

use crate::support::{HANG, scenario, settle, this_program};

type Scenario = (&'static str, fn());

/// Makes a table of scenarios from functions, by their names.
macro_rules! scenarios {
    ($($name:ident,)*) => {
        pub(super) const SCENARIOS: &[super::Scenario] = &[$((stringify!($name), $name),)*];
    };
}
use scenarios;

#[test]
fn child() {
    let Some(name) = scenario() else { return };
    // A child that hangs, or whose test has failed, ends all the same.
    // SAFETY: the call takes a number, and no pointers.
    unsafe { libc::alarm(HANG.as_secs() as u32) };
    let files = [
        input::SCENARIOS,
        output::SCENARIOS,
        order::SCENARIOS,
        part::SCENARIOS,
        refused::SCENARIOS,
        exits::SCENARIOS,
        first::SCENARIOS,
    ];
    let scenarios = files.concat();
    let found = scenarios.iter().find(|(known, _)| *known == name);
    found.expect("a known scenario").1();
}

fn program(scenario: &str) -> Command {
    this_program(&["io::stdio::child", "--exact"], scenario)
}

/// Asks the parent, on standard error, for something. The text is one line.
fn ask(what: &str) {
    eprintln!("\nask {what}");
}

/// A child, and what it asks for.
struct Asking {
    child: Child,
    lines: io::Lines<BufReader<std::process::ChildStderr>>,
    /// What else it said.
    said: String,
}

impl Asking {
    /// Starts it; its standard error is for what it asks.
    fn spawn(mut command: Command) -> Asking {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Asking { child, lines, said: String::new() }
    }

    /// What it asks for next; `None` at its end.
    fn next(&mut self) -> Option<String> {
        loop {
            let line = self.lines.next()?.unwrap();
            if let Some(what) = line.strip_prefix("ask ") {
                return Some(what.to_owned());
            }
            self.said += &line;
            self.said.push('\n');
        }
    }

    /// Waits for its end, and for a good one.
    #[track_caller]
    fn ends_well(mut self) {
        assert_eq!(self.next(), None, "nobody expected it to ask for anything");
        let status = self.end();
        assert!(status.success(), "{status}\n{}", self.said);
    }

    /// Waits for its end, and not for ever.
    #[track_caller]
    fn end(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if begun.elapsed() > HANG {
                self.child.kill().unwrap();
                panic!("the child does not end\n{}", self.said);
            }
            thread::yield_now();
        }
    }
}

/// The flags of an open file, which all share who have it open.
fn flags(fd: impl AsFd) -> i32 {
    // SAFETY: no pointers.
    let flags = unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_GETFL) };
    assert!(flags >= 0, "{}", io::Error::last_os_error());
    flags
}

#[track_caller]
fn assert_blocking(fd: impl AsFd) {
    assert_eq!(flags(fd) & libc::O_NONBLOCK, 0, "the open file was made non-blocking");
}

/// Whether `poll(2)` says that one of the events has come.
fn polled(fd: i32, events: i16) -> bool {
    let mut entry = libc::pollfd { fd, events, revents: 0 };
    // SAFETY: the array is one entry long.
    unsafe { libc::poll(&raw mut entry, 1, 0) > 0 }
}

/// Counts, in a task of this worker, until it is told to stop.
struct Counter(Arc<AtomicUsize>, task::JoinHandle<()>);

impl Counter {
    fn new() -> Counter {
        let count = Arc::new(AtomicUsize::new(0));
        let task = go!(clone(count) => loop {
            count.fetch_add(1, SeqCst);
            task::yield_now();
        });
        Counter(count, task)
    }

    /// The worker runs others.
    fn goes_on(&self) {
        let before = self.0.load(SeqCst);
        settle();
        assert!(self.0.load(SeqCst) > before);
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.1.cancel();
    }
}

/// Writes all of it, whatever the kind of the descriptor.
fn feed(fd: &OwnedFd, text: &str) {
    std::fs::File::from(fd.try_clone().unwrap()).write_all(text.as_bytes()).unwrap();
}
