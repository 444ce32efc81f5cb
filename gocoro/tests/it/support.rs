//! What several themes share.

mod descriptors;
pub(crate) mod json;

use std::cell::Cell;
use std::env;
use std::io::{self, Write};
use std::panic;
use std::process::{self, Command, ExitCode};
use std::rc::Rc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use gocoro::net::{TcpListener, TcpStream};
use gocoro::runtime::{Builder, Runtime};
use gocoro::task::{self, JoinHandle};
use gocoro::time::sleep;

/// How many workers each scenario is tried with.
pub(crate) const WORKERS: [usize; 3] = [1, 2, 4];

/// Nothing here takes this long, however slow the machine: it hangs.
pub(crate) const HANG: Duration = Duration::from_secs(180);

/// A length of time that never passes in a test.
pub(crate) const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// A length of time that passes at once, and yet takes a timer.
pub(crate) const SOON: Duration = Duration::from_millis(2);

/// What runs a piece of a scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Colour {
    Task,
    Thread,
}

impl Colour {
    /// Runs `body` to its end in this colour: as a task of a runtime with this many workers, or on
    /// a plain thread.
    #[track_caller]
    pub(crate) fn run<T: Send + 'static>(
        self,
        workers: usize,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        println!("workers: {workers}, colour: {self:?}");
        bounded(move || match self {
            Colour::Task => with_workers(workers).run(body),
            Colour::Thread => body(),
        })
    }
}

/// A runtime with this many workers.
pub(crate) fn with_workers(workers: usize) -> Runtime {
    Builder::new().workers(workers).build().unwrap()
}

/// Runs `scenario` as a task of fresh runtimes, which are ended after it.
#[track_caller]
pub(crate) fn on_workers(scenario: impl Fn(usize) + Copy + Send + 'static) {
    for workers in WORKERS {
        Colour::Task.run(workers, move || scenario(workers));
    }
}

/// Runs `scenario` with fresh runtimes, from outside.
#[track_caller]
pub(crate) fn with_runtimes(scenario: fn(Runtime)) {
    for workers in WORKERS {
        println!("workers: {workers}");
        bounded(move || scenario(with_workers(workers)));
    }
}

/// Runs `body` on a thread of its own, so that a hang is a failure with a name.
#[track_caller]
pub(crate) fn bounded<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (ending, ended) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        let _ending = ending;
        body()
    });
    if ended.recv_timeout(HANG) == Err(RecvTimeoutError::Timeout) {
        panic!("still running after {HANG:?}");
    }
    thread.join().unwrap_or_else(|payload| panic::resume_unwind(payload))
}

/// Tells a process which scenario it is the child for.
const SCENARIO: &str = "GOCORO_TEST_SCENARIO";

/// The scenario that this process was started for.
pub(crate) fn scenario() -> Option<String> {
    env::var(SCENARIO).ok()
}

/// This test program once more, for a scenario, running the tests that `filter` selects.
pub(crate) fn this_program(filter: &[&str], scenario: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(filter).args(["--nocapture", "--test-threads=1"]).env(SCENARIO, scenario);
    for name in [
        "RUST_BACKTRACE",
        "RUST_MIN_STACK",
        "GOCORO_WORKERS",
        "GOCORO_STACK_SIZE",
        "GOCORO_MAIN_STACK_SIZE",
        "GOCORO_BLOCKING_THREADS",
        "GOCORO_RECORD",
        "GOCORO_RECORD_EVENTS",
        "GOCORO_GUARDS",
        "GOCORO_INSPECT",
        "GOCORO_UNWINDING",
    ] {
        command.env_remove(name);
    }
    // Children that end in the middle of things have not given their memory back.
    let options = env::var("ASAN_OPTIONS").unwrap_or_default();
    command.env("ASAN_OPTIONS", options + ":detect_leaks=0");
    command
}

/// Runs one test of this program in a process of its own, as a scenario; the process has to pass. A
/// process that is such a one itself runs nothing.
#[track_caller]
pub(crate) fn passes_alone(test: &str, name: &str) {
    if scenario().is_some() {
        return;
    }
    let child = this_program(&[test, "--exact"], name).output().unwrap();
    let text = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{text}\n{}", String::from_utf8_lossy(&child.stderr));
    assert!(text.contains("1 passed; 0 failed"), "{text}");
}

/// Runs all tests of this module in a process of their own, as a scenario; the process has to pass.
/// A process that is such a one itself runs nothing.
#[track_caller]
pub(crate) fn module_passes_alone(module: &str, name: &str) {
    if scenario().is_some() {
        return;
    }
    let (_crate, module) = module.split_once("::").unwrap();
    let child = this_program(&[&format!("{module}::")], name).output().unwrap();
    let text = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{text}\n{}", String::from_utf8_lossy(&child.stderr));
    assert!(text.contains(" passed; 0 failed"), "{text}");
}

/// A program by its name, for a test that is a process of its own: what stands for its `main`.
pub(crate) type Scenario = (&'static str, fn() -> ExitCode);

/// Runs the scenario of this name, and ends the process as a `main` would that returned the same.
///
/// A program that hangs, or whose test has gone, ends all the same.
pub(crate) fn play(scenarios: &[Scenario], name: &str) -> ! {
    // SAFETY: the call takes a number, and no test handles its signal, which ends the process.
    unsafe { libc::alarm(HANG.as_secs() as u32) };
    let found = scenarios.iter().find(|(known, _)| *known == name);
    exit_as(found.expect("a known scenario").1())
}

/// Ends the process with this code, as the end of `main` does it.
pub(crate) fn exit_as(code: ExitCode) -> ! {
    let number = (0..=u8::MAX).find(|&number| ExitCode::from(number) == code).unwrap();
    process::exit(i32::from(number))
}

/// Says past the harness's capture what is not tested. The text ends in what is missing "here".
pub(crate) fn skipped(what: &str) {
    io::stderr().write_all(format!("skipped: {what}\n").as_bytes()).unwrap();
}

/// Lets others run until `condition` holds.
pub(crate) fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        task::yield_now();
    }
}

/// Lets everything that is runnable on this worker run, several times over.
pub(crate) fn settle() {
    for _ in 0..300 {
        task::yield_now();
    }
}

/// Computes, without waiting, until a time has passed.
pub(crate) fn compute_past(at: Instant) {
    while Instant::now() <= at {
        std::hint::spin_loop();
    }
}

/// Does something when it is dropped.
pub(crate) struct OnDrop<F: FnOnce()>(Option<F>);

pub(crate) fn on_drop<F: FnOnce()>(f: F) -> OnDrop<F> {
    OnDrop(Some(f))
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

/// Random numbers that a seed repeats (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// In tasks of one, two and four workers, and on a plain thread.
#[track_caller]
pub(crate) fn in_both_colours(scenario: fn()) {
    for workers in WORKERS {
        Colour::Task.run(workers, scenario);
    }
    Colour::Thread.run(0, scenario);
}

/// Waits for the end of a task that was cancelled in a wait.
#[track_caller]
pub(crate) fn assert_cancelled<T>(task: JoinHandle<T>) {
    match task.join() {
        Ok(_) => panic!("the task returned"),
        Err(error) => assert!(error.is_cancelled(), "{error}"),
    }
}

/// Both ends of a connection.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Counts its drops.
pub(crate) struct Ends(pub(crate) Rc<Cell<i32>>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// A value whose destructor waits for ever.
pub(crate) struct Slow;

impl Drop for Slow {
    fn drop(&mut self) {
        sleep(NEVER);
    }
}
