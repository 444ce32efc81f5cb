//! What a process needs once, before its first runtime or coroutine: the fault handler, the panic
//! hook, the barrier of its locks, and the mark for forked children.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::thread;

use super::job;
use super::reports::Reports;
use crate::limits::PREPARE_MAX;
use crate::{hook, lock, stack, task};

/// Prepares the process for stacks and installs the panic hook. It is an error if that cannot be
/// done here and now.
///
/// This runs on the thread that wants a runtime, before any worker's thread. A panicking thread may
/// not change the hook, and nobody may while a hook runs, which a panicking thread may be in. So on
/// a panicking thread another one prepares the process, and is not waited for without a limit.
pub(crate) fn prepare_process() -> io::Result<()> {
    if stack::is_installed() {
        return Ok(());
    }
    if !thread::panicking() {
        return prepare_now();
    }
    let reports = Arc::new(Reports::default());
    let theirs = reports.clone();
    let help = move || theirs.say(prepare_now());
    thread::Builder::new().name("gocoro-first".into()).spawn(help)?;
    reports.of(1, PREPARE_MAX).pop().unwrap_or_else(|| {
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the process's first runtime cannot be made while a panic hook runs; make one before",
        ))
    })
}

fn prepare_now() -> io::Result<()> {
    // The hook is installed first, since the crate that switches stacks puts a hook of its own
    // around the one that it finds.
    hook::install();
    task::when_panicked(hook::tell);
    lock::prepare();
    stack::install(job::fault)
}

static FORKED: AtomicBool = AtomicBool::new(false);

/// Aborts in a forked child of a process that had workers. The child would run its parent's tasks a
/// second time, or wait for threads that it does not have.
#[inline(always)]
pub(crate) fn check_not_forked() {
    if FORKED.load(Ordering::Relaxed) {
        forked();
    }
}

#[cold]
fn forked() -> ! {
    // `eprintln` is not used, since it panics when stderr is closed.
    let _ = writeln!(
        io::stderr(),
        "gocoro: a forked child cannot use tasks: it has copies of its parent's tasks, and none of the \
         threads that run them; call exec, or exit without using the runtime"
    );
    std::process::abort();
}

/// Has the forked children of this process marked, since it has workers.
pub(crate) fn note_process() {
    extern "C" fn in_child() {
        FORKED.store(true, Ordering::Relaxed);
    }
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: `in_child` only does an atomic store, which is permitted in a forked child.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
}
