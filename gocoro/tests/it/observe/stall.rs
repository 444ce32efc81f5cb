//! A task that keeps its worker to itself is named, with what it does; whoever lets others run is
//! not.
//!
//! Each scenario is a process: this test program once more. A task stalls there until the report
//! has been seen here, so nothing depends on how fast the machine is.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::process::{self, Child, ChildStderr, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};
use std::{hint, thread};

use gocoro::coroutine::{Coroutine, Suspender};
use gocoro::runtime::Builder;
use gocoro::{go, task};

use crate::support::{scenario, this_program};

const LIMIT: Duration = Duration::from_millis(20);

/// What a scenario waits for while it stalls: the end of its input, or a byte there.
static GO_ON: AtomicBool = AtomicBool::new(false);

#[test]
fn child() {
    let Some(name) = scenario() else { return };
    let body: fn() = match &*name {
        "reads" => || task_of_site(reads),
        "sleeps" => || task_of_site(sleeps),
        "polls" => || task_of_site(polls),
        "receives" => || task_of_site(receives),
        "nests" => || task_of_site(nests),
        "once" => once,
        "inner" => inner,
        "shares" => shares,
        "spins" => {
            listen();
            computes();
            process::exit(0);
        }
        "main" => return end(main::main()),
        "off" => return end(off::main()),
        name => panic!("{name}"),
    };
    // One worker, for its tasks wait for each other.
    let workers = if name == "once" { 2 } else { 1 };
    let limit = if name == "shares" { Duration::from_millis(50) } else { LIMIT };
    let runtime = Builder::new().workers(workers).stall_limit(limit).build().unwrap();
    runtime.run(body);
    process::exit(0);
}

fn end(code: ExitCode) {
    process::exit(i32::from(code != ExitCode::SUCCESS));
}

/// Notes the end of the input, or the first byte, from a plain thread.
fn listen() {
    thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        GO_ON.store(true, SeqCst);
    });
}

fn task_of_site(f: fn()) {
    go!(name = "culprit" => { f() }).wait();
}

#[inline(never)]
fn computes() {
    while !GO_ON.load(SeqCst) {
        hint::spin_loop();
    }
}

/// Standard input, past whatever suspends.
fn input() -> File {
    File::from(io::stdin().as_fd().try_clone_to_owned().unwrap())
}

#[inline(never)]
fn reads() {
    let mut byte = [0];
    let read = input().read(&mut byte);
    assert_eq!(read.unwrap(), 0);
}

#[inline(never)]
#[expect(clippy::disallowed_methods, reason = "it is what a task should not do")]
fn sleeps() {
    listen();
    while !GO_ON.load(SeqCst) {
        let (begun, long) = (Instant::now(), Duration::from_millis(500));
        thread::sleep(long);
        assert!(begun.elapsed() >= long);
    }
}

#[inline(never)]
fn polls() {
    let input = input();
    let mut poll = libc::pollfd { fd: input.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: `poll` is one descriptor's record. A signal would end the call with an error.
    assert_eq!(unsafe { libc::poll(&raw mut poll, 1, -1) }, 1, "{}", io::Error::last_os_error());
}

/// Reads from a socket that has a timeout, which is what makes a signal end the read.
#[inline(never)]
fn receives() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (peer, _) = listener.accept().unwrap();
    thread::spawn(move || {
        let _ = io::stdin().read(&mut [0]);
        drop(peer);
    });
    client.set_read_timeout(Some(Duration::from_secs(3600))).unwrap();
    let read = client.read(&mut [0]);
    assert_eq!(read.unwrap(), 0);
}

/// Spawns at one place, twice, what stalls, and then something else beside it.
fn once() {
    fn same_site() -> task::JoinHandle<()> {
        go!(name = "twice" => computes())
    }
    listen();
    same_site().wait();
    GO_ON.store(false, SeqCst);
    listen();
    let again = same_site();
    let other = go!(name = "other" => computes());
    again.wait();
    other.wait();
}

/// Computes in a coroutine.
#[inline(never)]
fn nests() {
    listen();
    let mut coroutine = Coroutine::new(|_: &Suspender<(), ()>, ()| computes());
    assert!(coroutine.resume(()).is_ok());
}

/// A task that drives a runtime of its own, one of whose tasks stalls.
fn inner() {
    listen();
    go!(name = "culprit" => {
        let mut local = gocoro::runtime::LocalRuntime::new().unwrap();
        local.run(|| go!(local, name = "inner" => computes()).wait());
    })
    .wait();
}

/// Computes for a millisecond of the processor's time, again and again, and lets others run.
fn shares() {
    for _ in 0..100 {
        let begun = processor_time();
        while processor_time() - begun < Duration::from_millis(1) {}
        task::yield_now();
    }
}

fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the answer.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

mod main {
    use super::*;

    #[gocoro::go_main(workers = 1, stall = "20ms")]
    pub(super) fn main() {
        task_of_site(|| {
            listen();
            computes();
        });
    }
}

mod off {
    use super::*;

    #[gocoro::go_main(workers = 1, stall = "off")]
    pub(super) fn main() {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(1500) {
            hint::spin_loop();
        }
    }
}

/// A running scenario.
struct Program {
    child: Child,
    errors: BufReader<ChildStderr>,
    said: String,
}

impl Program {
    fn start(name: &str) -> Program {
        let mut command = this_program(&["observe::stall::child", "--exact"], name);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        Program { child, errors, said: String::new() }
    }

    /// The next line that has this in it.
    fn line(&mut self, with: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.errors.read_line(&mut line).unwrap(), 0, "no {with}: {}", self.said);
            self.said += &line;
            if line.contains(with) {
                return line;
            }
        }
    }

    fn go_on(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
    }

    /// Ends its input, and waits for its end. All that it has said.
    fn end(mut self) -> String {
        drop(self.child.stdin.take());
        self.errors.read_to_string(&mut self.said).unwrap();
        assert!(self.child.wait().unwrap().success(), "{}", self.said);
        self.said
    }
}

/// Runs a scenario until it is reported. The report's words, and the calls.
fn reported(name: &str) -> (String, String) {
    let mut program = Program::start(name);
    let line = program.line("gocoro: stall: ");
    // What can be done about it comes last.
    program.line("blocking::unblock");
    (line, program.end())
}

#[track_caller]
fn names(line: &str, what: &str) {
    let start = "gocoro: stall: task 'culprit' (spawned at ";
    assert!(line.starts_with(start) && line.contains(file!()), "{line}");
    assert!(line.contains(") has kept worker 0 of runtime 1 to itself for "), "{line}");
    assert!(line.contains(what), "{line}");
}

/// Whether the calls name this function, where there are calls.
#[track_caller]
fn calls(said: &str, function: &str) {
    if cfg!(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64")) {
        let line = said.lines().find(|line| line.starts_with("      ") && line.contains(function));
        assert!(line.is_some_and(|line| line.contains("stall.rs:")), "{function}: {said}");
    } else {
        assert!(!said.contains("\n      "), "{said}");
    }
}

#[test]
fn a_task_that_computes() {
    let (line, said) = reported("main");
    names(&line, " ms; it computes\n");
    calls(&said, "computes");
    assert_eq!(said.matches("blocking::unblock").count(), 1, "{said}");
}

#[test]
fn a_task_that_computes_in_a_coroutine() {
    let (line, said) = reported("nests");
    names(&line, " ms; it computes\n");
    calls(&said, "computes");
    calls(&said, "nests");
    assert_eq!(said.contains("in a coroutine, resumed by:"), said.contains("nests"), "{said}");
}

#[test]
fn a_task_that_blocks_in_a_read() {
    let (line, said) = reported("reads");
    names(&line, " ms; it blocks in read(2)");
    calls(&said, "reads");
}

#[test]
fn a_task_that_sleeps_as_threads_do_and_sleeps_on() {
    let (line, said) = reported("sleeps");
    names(&line, "nanosleep(2)");
    calls(&said, "sleeps");
}

#[test]
fn a_task_in_a_call_that_a_signal_would_end_is_left_alone() {
    let (line, _) = reported("polls");
    assert!(line.starts_with("gocoro: stall: a task has kept worker 0 of runtime 1 "), "{line}");
    assert!(line.contains("poll(2)"), "{line}");
}

#[test]
fn a_task_in_a_read_with_a_timeout_is_left_alone() {
    let (line, _) = reported("receives");
    assert!(line.starts_with("gocoro: stall: a task has kept worker 0 of runtime 1 "), "{line}");
    assert!(line.contains("recvfrom(2)"), "{line}");
}

#[test]
fn a_task_that_drives_a_runtime_whose_task_computes() {
    let mut program = Program::start("inner");
    let line = program.line("gocoro: stall: ");
    names(&line, " ms; it computes\n");
    program.end();
}

#[test]
fn each_place_that_spawns_is_reported_once() {
    let mut program = Program::start("once");
    program.line("task 'twice' (");
    program.go_on();
    program.line("task 'other' (");
    let said = program.end();
    assert_eq!(said.matches("task 'twice' (").count(), 1, "{said}");
}

#[test]
fn a_loaded_machine_is_no_stall() {
    if File::open("/proc/self/schedstat").is_err() {
        return crate::support::skipped("stalls under load: the kernel counts no delays here");
    }
    let load: Vec<_> = (0..40).map(|_| Program::start("spins")).collect();
    let said = Program::start("shares").end();
    assert!(!said.contains("stall"), "{said}");
    load.into_iter().for_each(|program| drop(program.end()));
}

#[test]
fn with_the_word_off_nothing_is_said() {
    let said = Program::start("off").end();
    assert!(!said.contains("stall"), "{said}");
}
