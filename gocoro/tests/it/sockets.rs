//! Each operation on a descriptor that may have to wait is cut short in every way, and leaves no
//! descriptor open. The operations are one list, of sockets mostly; those on paths are in a part of
//! their own, for only a full blocking pool keeps them waiting.

mod exhausted;
mod list;
mod list_fs;
mod list_process;
mod modes;
mod queued;
mod stalled;

use std::io::{self, ErrorKind};
use std::sync::mpsc;
use std::time::Instant;

use gocoro::task::{self, Cancelled};
use gocoro::time::{io_deadline, timeout};

use crate::support::{HANG, SOON, on_drop, on_workers, passes_alone, scenario, settle};
use crate::tcp::{Colour, kind};
pub(crate) use list::limit_backlog;
use list::{FILES_WAIT, Make, Op, WAITS};
use list_process::PROCESSES;

/// The operations that a cancelled task is refused while it unwinds.
fn refused() -> impl Iterator<Item = &'static (&'static str, Make)> {
    WAITS.iter().chain(PROCESSES)
}

/// All parts of the list.
fn all() -> impl Iterator<Item = &'static (&'static str, Make)> {
    refused().chain(FILES_WAIT)
}

/// Runs `check` with each operation of the list in a task and on a thread.
fn each(check: fn(Op) -> io::Result<()>) {
    for (name, make) in all() {
        for colour in [Colour::Task, Colour::Thread] {
            println!("{name}, {colour:?}");
            colour.spawn(move || check(make()?)).wait().unwrap();
        }
    }
}

#[test]
fn an_io_deadline_ends_each() {
    each(|mut op| {
        let result = io_deadline(Instant::now() + SOON, &mut op);
        assert_eq!(kind(result), ErrorKind::TimedOut);
        // One that has passed lets nothing wait.
        assert_eq!(kind(io_deadline(Instant::now(), &mut op)), ErrorKind::TimedOut);
        Ok(())
    });
}

#[test]
fn a_timeout_ends_each() {
    each(|mut op| {
        assert!(timeout(SOON, &mut op).is_err());
        // The socket is as good as before: it waits again.
        assert!(timeout(SOON, &mut op).is_err());
        Ok(())
    });
}

#[test]
fn a_cancel_ends_each() {
    on_workers(|_| {
        for (name, make) in all() {
            println!("{name}");
            let task = task::spawn(make().unwrap());
            settle();
            task.cancel();
            assert!(task.join().unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn in_destructors_of_a_cancelled_task_each_fails() {
    on_workers(|_| {
        for (name, make) in refused() {
            println!("{name}");
            let mut op = make().unwrap();
            let (tell, told) = mpsc::channel();
            let task = task::spawn(move || {
                let _guard = on_drop(move || tell.send(op()).unwrap());
                task::current().cancel();
                task::park();
            });
            assert!(task.join().unwrap_err().is_cancelled());
            let error = told.recv().unwrap().unwrap_err();
            assert!(error.get_ref().unwrap().is::<Cancelled>(), "{error}");
        }
    });
}

const LEAKS: &str = "sockets::leaks";

/// In a process of its own, where no other test opens descriptors.
#[test]
fn no_descriptor_is_left_open() {
    passes_alone("sockets::descriptors_of_cut_operations", LEAKS);
}

#[test]
fn descriptors_of_cut_operations() {
    if scenario().as_deref() != Some(LEAKS) {
        return;
    }
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    // The runtime and its workers have descriptors of their own.
    let mut before = 0;
    for round in 0..4 {
        if round == 1 {
            before = open();
        }
        for (_, make) in all() {
            for colour in [Colour::Task, Colour::Thread] {
                let cut = colour.spawn(move || timeout(SOON, make()?).map_err(io::Error::other));
                assert!(cut.wait().is_err());
            }
            let task = task::spawn(make().unwrap());
            std::thread::yield_now();
            task.cancel();
            let _ = task.join();
        }
    }
    // A descriptor of a task's socket is closed before the task has ended. The blocking pool may
    // still have opened a pipe for nobody.
    let begun = Instant::now();
    while open() != before {
        assert!(begun.elapsed() < HANG, "{} descriptors, {before} before", open());
        std::thread::yield_now();
    }
}
