//! The types have what std's have.

use std::panic::{RefUnwindSafe, UnwindSafe};

use gocoro::io::{
    self, BufRead, IsTerminal, Lines, Read, Stderr, StderrLock, Stdin, StdinLock, Stdout,
    StdoutLock, Write,
};

fn handle<T: Send + Sync + UnwindSafe + RefUnwindSafe + Unpin + std::fmt::Debug>() {}

fn lock<T: UnwindSafe + RefUnwindSafe + Unpin + std::fmt::Debug>() {}

fn descriptor<T: std::os::fd::AsFd + std::os::fd::AsRawFd + IsTerminal>() {}

fn reads<T: Read>() {}

fn writes<T: Write>() {}

#[test]
fn bounds() {
    handle::<Stdin>();
    handle::<Stdout>();
    handle::<Stderr>();
    lock::<StdinLock<'static>>();
    lock::<StdoutLock<'static>>();
    lock::<StderrLock<'static>>();
    descriptor::<Stdin>();
    descriptor::<StdinLock<'_>>();
    descriptor::<Stdout>();
    descriptor::<StdoutLock<'_>>();
    descriptor::<Stderr>();
    descriptor::<StderrLock<'_>>();
    reads::<Stdin>();
    reads::<&Stdin>();
    reads::<StdinLock<'_>>();
    writes::<Stdout>();
    writes::<&Stdout>();
    writes::<StdoutLock<'_>>();
    writes::<Stderr>();
    writes::<&Stderr>();
    writes::<StderrLock<'_>>();
}

/// The signatures are std's, and the locks outlive the handles.
#[test]
fn signatures() {
    let _: fn() -> Stdin = io::stdin;
    let _: fn(&Stdin) -> StdinLock<'static> = Stdin::lock;
    let _: fn(&Stdin, &mut String) -> io::Result<usize> = Stdin::read_line;
    let _: fn(Stdin) -> Lines<StdinLock<'static>> = Stdin::lines;
    let _: fn(&Stdout) -> StdoutLock<'static> = Stdout::lock;
    let _: fn(&Stderr) -> StderrLock<'static> = Stderr::lock;
    fn buffered(_: impl BufRead) {}
    buffered(io::stdin().lock());
    let lock: StdoutLock<'static> = io::stdout().lock();
    // A thread or task that holds the lock may lock again.
    drop((io::stdout().lock(), lock));
}

#[test]
fn what_they_show_of_themselves() {
    assert_eq!(format!("{:?}", io::stdin()), format!("{:?}", std::io::stdin()));
    assert_eq!(format!("{:?}", io::stdout()), format!("{:?}", std::io::stdout()));
    assert_eq!(format!("{:?}", io::stderr().lock()), "StderrLock { .. }");
    assert_eq!(io::stdin().is_terminal(), std::io::stdin().is_terminal());
    assert_eq!(IsTerminal::is_terminal(&std::io::stderr()), io::stderr().lock().is_terminal());
}

/// A child may be given what this process has.
#[test]
fn a_child_inherits() {
    let mut command = std::process::Command::new("true");
    assert!(command.stdout(io::stderr()).stderr(io::stdout()).status().unwrap().success());
}
