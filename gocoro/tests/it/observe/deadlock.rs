//! A program all of which waits for itself says so, in so many words; one that something from
//! outside may wake says nothing.
//!
//! Each scenario is a process with a single thread of its own: this test program once more, which
//! forks before it does anything, for the harness's main thread might hold a sender.

mod cycles;
mod silent;

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{self, ExitCode, Output, Stdio};
use std::thread;
use std::time::Duration;

use gocoro::blocking::unblock;
use gocoro::channel;
use gocoro::net::{TcpListener, TcpStream};
use gocoro::runtime::{Builder, OnDeadlock};
use gocoro::sync::{Arc, Condvar, Mutex, Semaphore};
use gocoro::task;
use gocoro::{go, go_main};

use crate::support::{exit_as, scenario, this_program};

/// More than it takes until a deadlock is reported.
const LATER: Duration = Duration::from_millis(700);

#[test]
fn child() {
    let Some(name) = scenario() else { return };
    // SAFETY: the child has the forking thread alone, which has used nothing of gocoro yet, and
    // goes on as if it had been the process's only one.
    let child = unsafe { libc::fork() };
    if child != 0 {
        process::exit(passed_on(child));
    }
    // Whoever has started the tests may have SIGINT ignored, as shells do for what runs in the
    // background.
    // SAFETY: the default action involves no code of this process.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
    let code = match &*name {
        "forgotten_sender" => forgotten_sender::main(),
        "channels" => channels::main(),
        "unheard" => unheard::main(),
        "leftovers" => leftovers::main(),
        "thread_ends" => thread_ends::main(),
        "goes_on" => goes_on::main(),
        "off" => off::main(),
        "by_hand" => by_hand(),
        #[cfg(feature = "inspect")]
        "with_a_page" => forgotten_sender::main(),
        name => cycles::scenario(name).unwrap_or_else(|| silent::scenario(name)),
    };
    exit_as(code);
}

/// The exit code of a child, or the number of the signal that ended it and 128.
fn passed_on(child: libc::pid_t) -> i32 {
    let mut status = 0;
    // SAFETY: `waitpid` writes the status of this process's child.
    while unsafe { libc::waitpid(child, &raw mut status, 0) } != child {}
    let status = process::ExitStatus::from_raw(status);
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap())
}

/// Blocks this thread, in a way of which gocoro knows nothing.
#[expect(clippy::disallowed_methods, reason = "it is not to be seen")]
fn block(time: Duration) {
    thread::sleep(time);
}

/// Does this in another process, after a time in which a deadlock would have been reported.
fn later(f: impl FnOnce()) {
    // SAFETY: the child has the forking thread alone. It sleeps, makes a system call or two, and
    // ends without running anything else.
    if unsafe { libc::fork() } == 0 {
        block(LATER);
        f();
        // SAFETY: this ends the process at once.
        unsafe { libc::_exit(0) };
    }
}

/// Does this in another process, once this program's standard input has ended.
fn when_told(f: impl FnOnce()) {
    // SAFETY: the child has the forking thread alone. It reads into its own byte, makes a system
    // call or two, and ends without running anything else.
    unsafe {
        if libc::fork() == 0 {
            let mut byte = 0_u8;
            while libc::read(0, (&raw mut byte).cast(), 1) > 0 {}
            f();
            libc::_exit(0);
        }
    }
}

fn send_signal(to: libc::pid_t, signal: i32) {
    // SAFETY: `kill` touches no memory.
    assert_eq!(unsafe { libc::kill(to, signal) }, 0);
}

/// A child's exit code, and what it wrote to standard error.
fn run(name: &str, workers: &str) -> (i32, String) {
    let mut command = this_program(&["observe::deadlock::child", "--exact"], name);
    if name == "with_a_page" {
        command.env("GOCORO_INSPECT", "0");
    }
    let Output { status, stderr, .. } = command.env("GOCORO_WORKERS", workers).output().unwrap();
    (status.code().expect("the harness is not killed"), String::from_utf8(stderr).unwrap())
}

/// As [`run`], of a program that goes on until it is told to end, which it is once so many lines of
/// its report begin so.
fn run_until(name: &str, workers: &str, times: usize, begin: &str) -> (i32, String) {
    let mut command = this_program(&["observe::deadlock::child", "--exact"], name);
    command.env("GOCORO_WORKERS", workers).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut report = String::new();
    let mut line = 0;
    let mut met = 0;
    while met < times && stderr.read_line(&mut report).unwrap() > 0 {
        met += usize::from(report[line..].starts_with(begin));
        line = report.len();
    }
    drop(child.stdin.take());
    stderr.read_to_string(&mut report).unwrap();
    (child.wait().unwrap().code().expect("the harness is not killed"), report)
}

/// The words of a report, without what differs from one run to the next: times, addresses,
/// columns, this file's path, and backtraces, which are a feature.
fn words(report: &str) -> String {
    let mut words = String::new();
    let lines = report.split_inclusive('\n').filter(|line| !line.starts_with("      "));
    let report: String = lines.collect();
    for piece in report.replace(file!(), "F").split_inclusive([' ', ',', ')', '\n']) {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let (text, end) = piece.split_at(piece.len().saturating_sub(1));
        match text {
            _ if text.starts_with("0x") => words.truncate(words.len() - "at ".len()),
            _ if is_number(text) && words.ends_with("for ") => words += "N ",
            _ if is_number(text) && words.ends_with("worker ") => words += "N,",
            _ if is_number(text) && words.ends_with("stack ") => words += "N ",
            _ if text.starts_with("F:") && text.matches(':').count() == 2 => {
                words += text.rsplit_once(':').unwrap().0;
                words += end;
            }
            _ => words += piece,
        }
    }
    words
}

/// The scenario aborts on one worker and on four, with these words.
#[track_caller]
fn aborts(name: &str, report: &[String]) {
    for workers in ["1", "4"] {
        let (code, stderr) = run(name, workers);
        let lines: Vec<_> = words(&stderr).lines().map(String::from).collect();
        let mut expected = report.to_vec();
        expected.push("gocoro: deadlock is \"abort\"; aborting".to_owned());
        assert_eq!(lines, expected, "workers: {workers}, {stderr}");
        assert_eq!(code, 128 + libc::SIGABRT);
    }
}

fn head(who: &str) -> String {
    format!("gocoro: deadlock: {who}, and nothing is left that could wake one")
}

mod forgotten_sender {
    use super::*;

    pub(super) const MAIN: u32 = line!() + 1;
    #[go_main(deadlock = "abort")]
    pub(super) fn main() {
        let (sender, receiver) = channel::bounded::<i32>(1);
        go!(clone(sender) => { sender.send(1).unwrap() }).wait();
        assert_eq!(receiver.iter().sum::<i32>(), 1);
    }
}

#[test]
fn a_sender_that_nobody_uses_any_more_is_a_deadlock() {
    let main = forgotten_sender::MAIN;
    let channel = main + 2;
    aborts(
        "forgotten_sender",
        &[
            head("1 task waits"),
            format!(
                "  task 'main' (spawned at F:{main}, worker N, stack N of 8192 KiB): recv on a channel created at \
                 F:{channel} for N ms"
            ),
        ],
    );
}

/// As [`aborts`], where tasks may be on any worker, so that their lines come in any order, and
/// cycles may begin anywhere.
#[track_caller]
fn sorted_aborts(name: &str, report: &[String]) {
    aborts_on(name, report, "1", |lines| lines);
    aborts_on(name, report, "4", |mut lines| {
        lines.retain(|line| !line.starts_with("  cycle: "));
        lines.sort();
        lines
    });
}

#[track_caller]
fn aborts_on(
    name: &str,
    report: &[String],
    workers: &str,
    order: impl Fn(Vec<String>) -> Vec<String>,
) {
    let (code, stderr) = run(name, workers);
    let lines: Vec<_> = words(&stderr).lines().map(String::from).collect();
    let mut expected = report.to_vec();
    expected.push("gocoro: deadlock is \"abort\"; aborting".to_owned());
    assert_eq!(lines.len(), expected.len(), "{stderr}");
    assert_eq!(order(lines), order(expected), "workers: {workers}, {stderr}");
    assert_eq!(code, 128 + libc::SIGABRT);
}

mod channels {
    use super::*;

    pub(super) const MAIN: u32 = line!() + 1;
    #[go_main(deadlock = "abort")]
    pub(super) fn main() {
        let (to_ping, of_ping) = channel::bounded::<i32>(0);
        let (to_pong, of_pong) = channel::bounded::<i32>(0);
        let ping = go!(name = "ping" => { of_ping.recv().map(|n| to_pong.send(n)) });
        let pong = go!(name = "pong" => { of_pong.recv().map(|n| to_ping.send(n)) });
        let _ = (ping.wait(), pong.wait());
    }
}

#[test]
fn two_that_receive_from_each_other_are_a_deadlock() {
    let main = channels::MAIN;
    let task = |name: &str, spawn: u32, channel: u32| {
        format!(
            "  task '{name}' (spawned at F:{spawn} by task 'main', worker N, stack N of 256 KiB): recv on a \
             channel created at F:{channel} for N ms"
        )
    };
    let report = [
        head("3 tasks wait"),
        format!(
            "  task 'main' (spawned at F:{main}, worker N, stack N of 8192 KiB): join of task 'ping' for N ms"
        ),
        task("ping", main + 4, main + 2),
        task("pong", main + 5, main + 3),
    ];
    sorted_aborts("channels", &report);
}

mod unheard {
    use super::*;

    pub(super) const MAIN: u32 = line!() + 1;
    #[go_main(deadlock = "abort")]
    pub(super) fn main() {
        let nobody = Arc::new((Semaphore::new(0), Mutex::new(()), Condvar::new()));
        let same = nobody.clone();
        let permit = go!(name = "permit" => { same.0.acquire().is_ok() });
        let guard = nobody.1.lock().unwrap();
        drop(nobody.2.wait(guard));
        permit.wait();
    }
}

#[test]
fn a_permit_and_a_notification_that_nobody_gives_are_a_deadlock() {
    let main = unheard::MAIN;
    let report = [
        head("2 tasks wait"),
        format!(
            "  task 'main' (spawned at F:{main}, worker N, stack N of 8192 KiB): condvar for N ms"
        ),
        format!(
            "  task 'permit' (spawned at F:{} by task 'main', worker N, stack N of 256 KiB): \
             semaphore (1 wanted, 0 there) for N ms",
            main + 4
        ),
    ];
    sorted_aborts("unheard", &report);
}

mod leftovers {
    use super::*;

    pub(super) const MAIN: u32 = line!() + 1;
    #[go_main(deadlock = "abort", ctrl_c = "cancel")]
    pub(super) fn main() {
        // A thread of the pool that is idle, one that has ended, descriptors that nobody waits for,
        // and a daemon: none of these wakes anybody.
        assert_eq!(unblock(|| 1), 1);
        thread::spawn(|| ()).join().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let connect = go!({ TcpStream::connect(at).unwrap() });
        let _pair = (listener.accept().unwrap(), connect.wait());
        go!(daemon, name = "daemon" => { task::park() });
        task::park();
    }
}

#[test]
fn what_nobody_waits_for_keeps_nothing_alive() {
    let main = leftovers::MAIN;
    let report = [
        head("2 tasks wait"),
        format!(
            "  task 'main' (spawned at F:{main}, worker N, stack N of 8192 KiB): park for N ms"
        ),
        format!(
            "  task 'daemon' (spawned at F:{} by task 'main', worker N, stack N of 256 KiB, daemon): park for N ms",
            main + 10
        ),
    ];
    sorted_aborts("leftovers", &report);
}

mod thread_ends {
    use super::*;

    pub(super) const MAIN: u32 = line!() + 1;
    #[go_main(deadlock = "abort")]
    pub(super) fn main() {
        // The thread is there when the program is first searched, and ends without waking anybody.
        drop(thread::spawn(|| block(Duration::from_millis(300))));
        task::park();
    }
}

#[test]
fn a_deadlock_is_found_when_the_last_thread_from_outside_has_ended() {
    let main = thread_ends::MAIN;
    let task = format!(
        "  task 'main' (spawned at F:{main}, worker N, stack N of 8192 KiB): park for N ms"
    );
    aborts("thread_ends", &[head("1 task waits"), task]);
}

mod goes_on {
    use super::*;

    pub(super) const MAIN: u32 = line!() + 1;
    #[go_main(ctrl_c = "cancel")]
    pub(super) fn main() {
        let own = process::id() as libc::pid_t;
        when_told(|| send_signal(own, libc::SIGINT));
        task::park();
    }
}

#[test]
fn without_a_word_a_deadlock_is_reported_and_the_program_goes_on() {
    let main = goes_on::MAIN;
    for workers in ["1", "4"] {
        let (code, stderr) = run_until("goes_on", workers, 1, "  task ");
        let task = format!(
            "  task 'main' (spawned at F:{main}, worker N, stack N of 8192 KiB): park for N ms\n"
        );
        assert_eq!(words(&stderr), format!("{}\n{task}", head("1 task waits")));
        assert_eq!(code, 128 + libc::SIGINT);
    }
}

mod off {
    use super::*;

    #[go_main(deadlock = "off", ctrl_c = "cancel")]
    pub(super) fn main() {
        let own = process::id() as libc::pid_t;
        later(|| send_signal(own, libc::SIGINT));
        task::park();
    }
}

#[test]
fn a_program_that_does_not_want_to_know_is_not_told() {
    assert_eq!(run("off", "2"), (128 + libc::SIGINT, String::new()));
}

const BY_HAND: u32 = line!() + 5;
fn by_hand() -> ExitCode {
    let runtime = Builder::new().deadlock(OnDeadlock::Abort).build().unwrap();
    let (sender, receiver) = channel::bounded::<i32>(1);
    // The other thread waits in an operation of gocoro's too.
    let other = runtime.spawn(move || receiver.recv().is_ok());
    let thread = thread::spawn(move || drop(other.join()));
    runtime.run(task::yield_now);
    runtime.wait_idle();
    drop((sender, thread));
    ExitCode::SUCCESS
}

#[test]
fn plain_threads_that_wait_for_tasks_are_part_of_a_deadlock() {
    let report = [
        head("1 task and 2 plain threads wait"),
        format!(
            "  task 1 (spawned at F:{BY_HAND}, worker N, stack N of 256 KiB): recv on a channel created at F:{} \
             for N ms",
            BY_HAND - 2
        ),
    ];
    aborts("by_hand", &report);
}

#[cfg(feature = "inspect")]
#[test]
fn a_program_with_a_live_page_is_no_less_deadlocked() {
    for workers in ["1", "4"] {
        let (code, stderr) = run("with_a_page", workers);
        let mut lines = stderr.lines();
        let page = lines.next().unwrap_or_default();
        assert!(page.starts_with("gocoro: GOCORO_INSPECT: the live page is at http://127.0.0.1:"));
        assert_eq!(lines.next(), Some(&*head("1 task waits")), "workers: {workers}, {stderr}");
        assert_eq!(code, 128 + libc::SIGABRT);
    }
}
