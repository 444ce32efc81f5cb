//! Waiting for a child's end: on its own, with a bound, among other things; cut short and taken up
//! again.

use std::io::{ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use gocoro::process::Stdio;
use gocoro::process::unix::ExitStatusExt;
use gocoro::sync::Event;
use gocoro::task;
use gocoro::time::{io_deadline, timeout};
use gocoro::{go, select};

use super::{is_running, sh, sleeper};
use crate::support::{HANG, NEVER, SOON, assert_cancelled, in_both_colours, on_workers, settle};

#[test]
fn a_script_that_exits_with_0_has_the_status_0() {
    in_both_colours(|| {
        assert_eq!(sh("exit 0").status().unwrap().code(), Some(0));
        let mut child = sh("exit 0").spawn().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
    });
}

#[test]
fn a_status_is_there_for_good() {
    in_both_colours(|| {
        let mut child = sh("exit 3").spawn().unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(3));
        assert_eq!(child.wait().unwrap(), status);
        assert_eq!(child.try_wait().unwrap(), Some(status));
        assert_eq!(child.wait_timeout(Duration::ZERO).unwrap(), Some(status));
        assert_eq!(select! { wait(child) -> status => status.unwrap() }, status);
        // The child is gone, and so nothing is killed.
        child.kill().unwrap();
        child.send_signal(libc::SIGTERM).unwrap();
        assert_eq!(child.wait_with_output().unwrap().status, status);
    });
}

#[test]
fn try_wait_and_wait_timeout_tell_of_a_child_that_runs_on() {
    in_both_colours(|| {
        let mut child = sleeper().spawn().unwrap();
        assert_eq!(child.try_wait().unwrap(), None);
        assert_eq!(child.wait_timeout(Duration::ZERO).unwrap(), None);
        let begun = Instant::now();
        assert_eq!(child.wait_timeout(SOON).unwrap(), None);
        assert!(begun.elapsed() >= SOON);
        assert!(is_running(&child));
        child.kill().unwrap();
        let status = child.wait_timeout(Duration::MAX).unwrap().unwrap();
        assert_eq!(status.signal(), Some(libc::SIGKILL));
    });
}

/// A child that reads its input to the end ends when it is waited for.
#[test]
fn waits_close_the_child_s_input() {
    in_both_colours(|| {
        let cat = || sh("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        assert!(cat().wait().unwrap().success());
        assert!(cat().wait_timeout(NEVER).unwrap().unwrap().success());
        assert!(cat().wait_with_output().unwrap().status.success());
        // Others leave it open.
        let mut child = cat();
        assert_eq!(child.try_wait().unwrap(), None);
        let is_over = select! {
            wait(&mut child) -> _ => true,
            default(SOON) => false,
        };
        assert!(!is_over && child.stdin.is_some());
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn a_wait_that_is_cut_short_leaves_the_child_as_it_is() {
    in_both_colours(|| {
        let mut child = sleeper().spawn().unwrap();
        assert!(timeout(SOON, || child.wait()).is_err());
        let late = io_deadline(Instant::now() + SOON, || child.wait()).unwrap_err();
        assert_eq!(late.kind(), ErrorKind::TimedOut);
        // The deadline around it is the earlier one, and so no answer of `wait_timeout`.
        let late = io_deadline(Instant::now() + SOON, || child.wait_timeout(NEVER)).unwrap_err();
        assert_eq!(late.kind(), ErrorKind::TimedOut);
        let own = io_deadline(Instant::now() + NEVER, || child.wait_timeout(SOON));
        assert_eq!(own.unwrap(), None);
        assert!(is_running(&child));
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    });
}

#[test]
fn a_wait_that_is_cancelled_gives_the_child_to_the_next() {
    on_workers(|_| {
        let child = Arc::new(gocoro::sync::Mutex::new(sleeper().spawn().unwrap()));
        let waits = go!(clone(child) => { child.lock().unwrap().wait() });
        settle();
        waits.cancel();
        assert_cancelled(waits);
        let mut child = child.lock().unwrap();
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    });
}

#[test]
fn an_end_among_other_things() {
    in_both_colours(|| {
        let mut long = sleeper().spawn().unwrap();
        let stop = Event::new();
        let (mut first, mut second) = (sh("exit 5").spawn().unwrap(), sleeper().spawn().unwrap());
        let code = select! {
            wait(&mut long) -> _ => panic!("it sleeps"),
            wait(stop) -> _ => panic!("nobody sets it"),
            wait(&mut first) -> status => status.unwrap().code(),
            default(HANG) => panic!("it hangs"),
        };
        assert_eq!(code, Some(5));
        stop.set();
        select! {
            wait(long) -> _ => panic!("it sleeps"),
            wait(&second) -> _ => panic!("it sleeps"),
            wait(stop) -> _ => {}
        }
        // Again and again, with an end in between.
        for round in 0..20 {
            if round == 10 {
                second.kill().unwrap();
            }
            select! {
                wait(&mut long) -> _ => panic!("it sleeps"),
                wait(&mut second) -> status => {
                    assert!(round >= 10);
                    assert_eq!(status.unwrap().signal(), Some(libc::SIGKILL));
                }
                default => {}
            }
        }
        // One whose time is up says so, as other I/O does.
        let late = io_deadline(Instant::now(), || select! { wait(&mut long) -> r => r });
        assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(timeout(SOON, || select! { wait(&mut long) -> r => r }).is_err());
    });
}

/// One worker: what has to go on meanwhile does.
#[test]
fn neighbours_go_on_while_a_child_is_started_and_waited_for() {
    on_workers(|_| {
        let (go_on, told) = gocoro::channel::bounded(0);
        // The child ends only once its neighbour has had its turns, which it tells by the input.
        let mut child = sh("read line").stdin(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let neighbour = go!({
            for _ in 0..1000 {
                task::yield_now();
            }
            told.recv().unwrap();
            input.write_all(b"line\n").unwrap();
        });
        let waits = go!({ child.wait() });
        go_on.send(()).unwrap();
        neighbour.wait();
        assert!(waits.wait().unwrap().success());
    });
}

#[test]
fn several_wait_for_one_child() {
    on_workers(|_| {
        let child = Arc::new(sh("read x; exit 4").stdin(Stdio::piped()).spawn().unwrap());
        let waits: Vec<_> = (0..10)
            .map(|_| go!(clone(child) => select! { wait(child) -> status => status.unwrap() }))
            .collect();
        settle();
        child.stdin.as_ref().unwrap().write_all(b"\n").unwrap();
        for wait in waits {
            assert_eq!(wait.wait().code(), Some(4));
        }
    });
}

#[test]
fn two_hundred_children_at_once() {
    on_workers(|_| {
        // They read from one pipe, so that each takes no more descriptors than it needs.
        let (reader, writer) = gocoro::io::pipe().unwrap();
        let reader = Arc::new(reader);
        let children: Vec<_> = (0..200)
            .map(|n| {
                go!(clone(reader) => {
                    sh(&format!("cat; exit {n}")).stdin(reader.try_clone().unwrap()).spawn()
                })
            })
            .collect();
        // All of them run before the first ends.
        let children: Vec<_> = children.into_iter().map(|child| child.wait().unwrap()).collect();
        assert!(children.iter().all(is_running));
        drop(writer);
        let ends: Vec<_> = children.into_iter().map(|mut child| go!({ child.wait() })).collect();
        for (n, end) in ends.into_iter().enumerate() {
            assert_eq!(end.wait().unwrap().code(), Some(n as i32));
        }
    });
}

/// On one worker, whatever is called in a loop.
#[test]
fn loops_over_a_child_let_others_run() {
    on_workers(|_| {
        let lets_others_run = |what: &str, operation: &mut dyn FnMut()| {
            let has_run = Arc::new(AtomicBool::new(false));
            let other = go!(clone(has_run) => has_run.store(true, SeqCst));
            for _ in 0..100_000 {
                if has_run.load(SeqCst) {
                    break;
                }
                operation();
            }
            assert!(has_run.load(SeqCst), "{what} in a loop keeps the worker");
            other.wait();
        };
        let mut child = sleeper().spawn().unwrap();
        lets_others_run("try_wait", &mut || assert!(child.try_wait().unwrap().is_none()));
        lets_others_run("send_signal", &mut || child.send_signal(0).unwrap());
        lets_others_run("send_signal_to_group", &mut || {
            child.send_signal_to_group(0).unwrap_err();
        });
        child.kill().unwrap();
        let status = child.wait().unwrap();
        lets_others_run("wait", &mut || assert_eq!(child.wait().unwrap(), status));
        lets_others_run("kill", &mut || child.kill().unwrap());
        lets_others_run("an arm", &mut || {
            select! { wait(&mut child) -> same => assert_eq!(same.unwrap(), status) }
        });
    });
}
