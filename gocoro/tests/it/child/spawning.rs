//! Starting children: on the pool, with std's errors, and whole if it is cut short.

use std::os::fd::AsRawFd;
use std::sync::{Arc, Barrier};
use std::time::Instant;

use gocoro::blocking::{stats, unblock};
use gocoro::channel;
use gocoro::go;
use gocoro::io::{ErrorKind, PipeReader, PipeWriter, Read, Write};
use gocoro::process::unix::CommandExt;
use gocoro::process::{Child, Command};
use gocoro::task::{self, JoinHandle};
use gocoro::time::{io_deadline, timeout};

use super::{is_running, sleeper};
use crate::support::{
    SOON, assert_cancelled, bounded, in_both_colours, on_workers, scenario, settle, this_program,
    with_runtimes, with_workers,
};

#[test]
fn what_cannot_be_started_fails_as_in_std() {
    in_both_colours(|| {
        for (program, directory) in
            [("/no/such/program", "/"), ("/etc/passwd", "/"), ("true", "/no/such"), ("nul\0l", "/")]
        {
            let error = Command::new(program).current_dir(directory).spawn().unwrap_err();
            let std = std::process::Command::new(program).current_dir(directory).spawn();
            let std = std.unwrap_err();
            assert_eq!((error.kind(), error.raw_os_error()), (std.kind(), std.raw_os_error()));
        }
        let kind = |program| Command::new(program).status().unwrap_err().kind();
        assert_eq!(kind("/no/such/program"), ErrorKind::NotFound);
        assert_eq!(kind("/etc/passwd"), ErrorKind::PermissionDenied);
        assert_eq!(
            Command::new("/etc/passwd").output().unwrap_err().kind(),
            ErrorKind::PermissionDenied
        );
    });
}

/// Makes a command's child tell when it has been forked, and start its program only when it is told
/// to.
fn held_back(command: &mut Command) -> (PipeReader, PipeWriter) {
    let (forked, tell) = std::io::pipe().unwrap();
    let (told, go_on) = std::io::pipe().unwrap();
    // SAFETY: `write` and `read` are safe in a forked child, and no memory is allocated. The byte
    // is the child's own.
    unsafe {
        command.pre_exec(move || {
            let mut byte = 0u8;
            libc::write(tell.as_raw_fd(), (&raw const byte).cast(), 1);
            libc::read(told.as_raw_fd(), (&raw mut byte).cast(), 1);
            Ok(())
        });
    }
    (forked.into(), go_on.into())
}

/// On one worker: in its place, the neighbour could never let the child go on.
#[test]
fn the_worker_goes_on_while_a_program_is_started() {
    on_workers(|_| {
        let mut command = Command::new("true");
        let (mut forked, mut go_on) = held_back(&mut command);
        let spawning = go!({ command.status() });
        forked.read_exact(&mut [0]).unwrap();
        go_on.write_all(b"x").unwrap();
        assert!(spawning.wait().unwrap().success());
    });
}

/// Whoever cuts a spawn short that is under way gets the child, and ends at the next wait.
#[test]
fn a_child_that_is_started_is_returned() {
    on_workers(|_| {
        let mut command = sleeper();
        let (mut forked, mut go_on) = held_back(&mut command);
        let (tell, told) = channel::oneshot();
        let spawning = go!({
            let child: Child = command.spawn().unwrap();
            tell.send(child.id()).unwrap();
            task::park();
            drop(child);
        });
        forked.read_exact(&mut [0]).unwrap();
        spawning.cancel();
        settle();
        go_on.write_all(b"x").unwrap();
        let id = told.recv().unwrap();
        assert_cancelled(spawning);
        assert!(!super::is_in_table(id));
    });
}

/// Linux sends the signal at the end of the thread that has spawned the child.
#[test]
fn a_child_that_is_to_die_with_its_parent_lives_as_long_as_the_process() {
    with_runtimes(|runtime| {
        let mut child = runtime.run(|| {
            let mut command = sleeper();
            // SAFETY: `prctl` is safe in a forked child, and no memory is allocated.
            unsafe {
                command.pre_exec(|| {
                    libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                    Ok(())
                });
            }
            command.spawn().unwrap()
        });
        drop(runtime);
        assert_eq!(child.try_wait().unwrap(), None);
        assert!(is_running(&child));
    });
}

const FULL: &str = "child::full_pool";

/// Runs a test in a process whose pool has one thread.
fn passes_with_one_thread(test: &str) {
    let output =
        this_program(&[test, "--exact"], FULL).env("GOCORO_BLOCKING_THREADS", "1").output();
    let output = output.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// Occupies a thread of the pool.
struct Plug(Arc<Barrier>, JoinHandle<()>);

impl Plug {
    fn new() -> Plug {
        let gate = Arc::new(Barrier::new(2));
        let (tell, told) = channel::bounded(1);
        let plug = go!(clone(gate) => {
            unblock(move || {
                tell.send(()).unwrap();
                gate.wait();
            })
        });
        told.recv().unwrap();
        Plug(gate, plug)
    }

    /// Lets the thread go on.
    fn pull(self) {
        self.0.wait();
        self.1.wait();
    }
}

#[test]
fn a_spawn_that_waits_for_the_pool_is_cut_short_without_a_child() {
    passes_with_one_thread("child::spawning::in_a_full_pool");
}

#[test]
fn in_a_full_pool() {
    if scenario().as_deref() != Some(FULL) {
        return;
    }
    bounded(|| {
        with_workers(1).run(|| {
            let plug = Plug::new();
            let mut command = sleeper();
            assert!(timeout(SOON, || command.spawn()).is_err());
            let late = io_deadline(Instant::now() + SOON, || command.spawn());
            assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
            let late = io_deadline(Instant::now(), || command.output());
            assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
            let spawning = go!({ sleeper().status() });
            settle();
            spawning.cancel();
            assert_cancelled(spawning);
            assert_eq!(super::children(), [0; 0]);
            let waits = go!({ Command::new("true").status() });
            settle();
            assert!(!waits.is_finished());
            plug.pull();
            assert!(waits.wait().unwrap().success());
        });
    });
}

#[test]
fn a_thread_that_stays_for_its_children_takes_no_calls_beyond_the_limit() {
    passes_with_one_thread("child::spawning::with_a_surplus_thread");
}

/// A call that waits has another thread made in its place. Then there are two, and the first one
/// has a child that runs.
#[test]
fn with_a_surplus_thread() {
    if scenario().as_deref() != Some(FULL) {
        return;
    }
    bounded(|| {
        with_workers(1).run(|| {
            let (go_on, told) = channel::bounded::<()>(0);
            let (tell, begun) = channel::bounded(1);
            let parent = go!({
                unblock(move || {
                    let child = sleeper().spawn().unwrap();
                    tell.send(()).unwrap();
                    told.recv().unwrap();
                    child
                })
            });
            begun.recv().unwrap();
            let plug = Plug::new();
            go_on.send(()).unwrap();
            let child = parent.wait();
            let third = go!({ unblock(|| ()) });
            let third = third.join_timeout(10 * SOON).expect_err("the limit is one call");
            assert_eq!(stats().threads, 2);
            plug.pull();
            third.wait();
            drop(child);
        });
    });
}
