//! What goes wrong in the system, each in a process of its own.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::time::Instant;

use gocoro::go;
use gocoro::process::{Command, Stdio};
use gocoro::select;
use gocoro::time::{io_deadline, timeout};

use super::{children, sh, sleeper};
use crate::support::{
    Colour, HANG, NEVER, SOON, in_both_colours, passes_alone, scenario, with_workers,
};

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Fills the process's table of descriptors, runs `f`, and empties it again.
fn with_full_table<T>(f: impl FnOnce() -> T) -> T {
    let mut before = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call stores to the struct.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut before) }, 0);
    let set = |rlim_cur| {
        let limit = libc::rlimit { rlim_cur, rlim_max: before.rlim_max };
        // SAFETY: the call reads the struct.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
    };
    set(open_descriptors() as libc::rlim_t + 16);
    let mut held = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        held.push(file);
    }
    let result = f();
    drop(held);
    set(before.rlim_cur);
    result
}

const TABLE: &str = "child::table";

#[test]
fn a_full_table_of_descriptors() {
    passes_alone("child::faults::in_a_full_table", TABLE);
}

#[test]
fn in_a_full_table() {
    if scenario().as_deref() != Some(TABLE) {
        return;
    }
    in_both_colours(|| {
        // What is needed once is there.
        assert!(Command::new("true").status().unwrap().success());
        let before = open_descriptors();
        let mut command = sh("exit 3");
        let (failed, ends, mut child) = with_full_table(|| {
            let failed = command.stdin(Stdio::piped()).spawn().map(drop);
            // One that needs no pipe is started, and has no descriptor to be waited by.
            command.stdin(Stdio::inherit());
            let first = command.status().map(|status| status.code());
            let mut second = command.spawn().unwrap();
            let second = select! {
                wait(&mut second) -> status => status.map(|status| status.code()),
                default(HANG) => panic!("it hangs"),
            };
            let mut child = sleeper().spawn().unwrap();
            assert_eq!(child.try_wait().unwrap(), None);
            assert!(timeout(SOON, || child.wait()).is_err());
            assert_eq!(child.wait_timeout(SOON).unwrap(), None);
            let late = io_deadline(Instant::now(), || select! { wait(&mut child) -> r => r });
            assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
            let is_over = select! {
                wait(&mut child) -> _ => true,
                default(SOON) => false,
            };
            assert!(!is_over);
            drop(sleeper().spawn().unwrap());
            (failed, [first, second], child)
        });
        assert_eq!(failed.unwrap_err().raw_os_error(), Some(libc::EMFILE));
        assert_eq!(ends.map(Result::unwrap), [Some(3); 2]);
        // It gets one now.
        assert_eq!(child.wait_timeout(SOON).unwrap(), None);
        assert_eq!(open_descriptors(), before + 1);
        assert_eq!(children(), [child.id()]);
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None);
        drop(child);
        assert_eq!((open_descriptors(), children()), (before, vec![]));
    });
}

const IGNORED: &str = "child::ignored";

#[test]
fn a_program_that_ignores_the_ends_of_its_children() {
    passes_alone("child::faults::where_ends_are_ignored", IGNORED);
}

/// The system keeps no status: std waits for the end, and says so.
#[test]
fn where_ends_are_ignored() {
    if scenario().as_deref() != Some(IGNORED) {
        return;
    }
    // SAFETY: no handler is set.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    in_both_colours(|| {
        let is_lost = |error: io::Error| error.raw_os_error() == Some(libc::ECHILD);
        let mut std = std::process::Command::new("true").spawn().unwrap();
        assert!(is_lost(std.wait().unwrap_err()));

        let (mut reader, writer) = gocoro::io::pipe().unwrap();
        let mut child =
            sh("read x; echo end").stdin(Stdio::piped()).stdout(writer).spawn().unwrap();
        let stdin = child.stdin.take();
        assert_eq!(child.try_wait().unwrap(), None);
        assert_eq!(child.wait_timeout(SOON).unwrap(), None);
        drop(stdin);
        assert!(is_lost(child.wait().unwrap_err()));
        // It waited for the end.
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "end\n");
        assert!(is_lost(child.wait().unwrap_err()) && is_lost(child.try_wait().unwrap_err()));
        assert!(is_lost(select! { wait(&mut child) -> r => r }.unwrap_err()));
        child.kill().unwrap();
        drop(child);
        assert!(is_lost(sh("echo x").output().unwrap_err()));
        let mut child = sleeper().spawn().unwrap();
        child.kill().unwrap();
        assert!(is_lost(child.wait_timeout(NEVER).unwrap_err()));
        drop(sleeper().spawn().unwrap());
        assert_eq!(children(), []);
    });
}

const LEAKS: &str = "child::leaks";

#[test]
fn nothing_is_left_of_children() {
    passes_alone("child::faults::after_many_children", LEAKS);
}

/// Neither zombies nor descriptors, however they were started and ended.
#[test]
fn after_many_children() {
    if scenario().as_deref() != Some(LEAKS) {
        return;
    }
    let round = || {
        assert!(Command::new("/no/such").spawn().is_err());
        assert!(Command::new("/etc/passwd").output().is_err());
        sh("exit 1").status().unwrap();
        sh("echo x; echo y >&2").output().unwrap();
        let mut child = sh("cat");
        drop(child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
        let _ = timeout(SOON, || sleeper().output());
        let mut child = sleeper().spawn().unwrap();
        child.kill().unwrap();
        select! { wait(child) -> status => assert!(!status.unwrap().success()) }
        drop(sh("exit 0").kill_on_drop(true).spawn().unwrap());
        let all: Vec<_> = (0..20).map(|_| go!({ sh("exit 0").status().unwrap() })).collect();
        all.into_iter().for_each(|child| assert!(child.wait().success()));
    };
    for workers in [1, 4] {
        let runtime = with_workers(workers);
        runtime.run(round);
        let before = open_descriptors();
        (0..5).for_each(|_| runtime.run(round));
        assert_eq!(open_descriptors(), before);
    }
    Colour::Thread.run(0, round);
    // Those that were dropped are asked for at later spawns.
    let begun = Instant::now();
    while !children().is_empty() {
        assert!(begun.elapsed() < HANG, "zombies: {:?}", children());
        drop(Command::new("true").kill_on_drop(true).spawn());
    }
}
