//! A forked child that goes on in a runtime of its parent aborts, and one that executes a program
//! is fine.

use std::io::Write;
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use gocoro::runtime::LocalRuntime;
use gocoro::{go, task};

use super::faults::no_core;
use super::{IntoCode, run, run_with, scenarios};
use crate::support::{settle, until, with_workers};

scenarios! {
    fork_and_yield,
    fork_and_spawn,
    fork_and_exec,
    fork_and_run,
    fork_and_drop,
    fork_and_poll,
}

/// Forks, and tells the parent how the child ended.
fn forked(in_child: impl FnOnce()) -> i32 {
    // SAFETY: the child does what the scenarios are about.
    match unsafe { libc::fork() } {
        -1 => panic!("no fork"),
        0 => {
            in_child();
            // SAFETY: ends the child without the parent's exit handlers.
            unsafe { libc::_exit(77) }
        }
        child => {
            let mut status = 0;
            // SAFETY: a valid place for the status of an own child.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            status
        }
    }
}

/// Forks, and sees the child abort.
fn aborts_in_a_child(in_child: impl FnOnce()) {
    let status = forked(in_child);
    assert!(libc::WIFSIGNALED(status), "{status}");
    assert_eq!(libc::WTERMSIG(status), libc::SIGABRT);
}

static PARENT: AtomicUsize = AtomicUsize::new(0);

fn own_id() -> usize {
    std::process::id() as usize
}

fn fork_and_yield() {
    no_core();
    PARENT.store(own_id(), SeqCst);
    let witness = go!({
        loop {
            if own_id() != PARENT.load(SeqCst) {
                eprintln!("the witness runs in the child");
            }
            task::yield_now();
        }
    });
    let forker = go!({
        settle();
        aborts_in_a_child(|| {
            settle();
            eprintln!("the child went on");
        });
    });
    forker.wait();
    witness.cancel();
    let _: task::JoinHandle<()> = witness;
}

#[test]
fn a_forked_child_that_goes_on_aborts() {
    for workers in ["1", "2"] {
        run_with("fork_and_yield", &[("GOCORO_WORKERS", workers)])
            .code(0)
            .says(1, &["forked child"])
            .says(0, &["the witness", "went on", "panicked"]);
    }
}

fn fork_and_spawn() {
    no_core();
    go!({}).wait();
    for on_thread in [true, false] {
        let forks = || aborts_in_a_child(|| drop(go!({})));
        if on_thread { forks() } else { go!({ forks() }).wait() }
    }
}

#[test]
fn a_forked_child_that_spawns_aborts() {
    run("fork_and_spawn").code(0).says(2, &["forked child"]).says(0, &["panicked"]);
}

fn fork_and_exec() {
    go!({
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"through cat").unwrap();
        let mut status = None;
        until(|| {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        assert!(status.unwrap().success());
    })
    .wait();
}

#[test]
fn a_child_that_execs_is_fine() {
    run("fork_and_exec").code(0).printed("through cat").says(0, &["gocoro"]);
}

fn fork_and_run() {
    no_core();
    let runtime = with_workers(1);
    aborts_in_a_child(|| runtime.run(|| eprintln!("ran in the child")));
    aborts_in_a_child(|| drop(runtime.spawn(|| eprintln!("ran in the child"))));
}

fn fork_and_drop() {
    no_core();
    let mut runtime = Some(with_workers(1));
    aborts_in_a_child(|| drop(runtime.take()));
    aborts_in_a_child(|| drop(runtime.take().unwrap().shutdown(Duration::MAX)));
    aborts_in_a_child(|| runtime.take().unwrap().wait_idle());
}

fn fork_and_poll() {
    no_core();
    let parent = process::id();
    let mut runtime = LocalRuntime::new().unwrap();
    runtime.spawn(move || {
        if process::id() != parent {
            eprintln!("ran in the child");
        }
    });
    aborts_in_a_child(|| {
        runtime.poll_once(Some(Duration::ZERO));
    });
}

/// A forked child has none of its parent's threads to wait for, and must not run its parent's tasks
/// a second time.
#[test]
fn a_forked_child_that_uses_its_parents_runtime_aborts() {
    for (name, times) in [("fork_and_run", 2), ("fork_and_drop", 3), ("fork_and_poll", 1)] {
        run(name).code(0).says(times, &["forked child"]).says(0, &["ran in the child", "panicked"]);
    }
}
