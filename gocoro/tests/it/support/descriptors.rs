//! Whether the tests have closed what they opened: looked at when their process ends, whatever
//! tests ran in it, so that each test that is run alone is looked at alone.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::mem;
use std::os::fd::RawFd;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use gocoro::task;
use gocoro::time::sleep;

use super::scenario;

/// What was open when the process began.
static BEFORE: OnceLock<BTreeMap<RawFd, String>> = OnceLock::new();

/// Threads and tasks that nobody waits for may still be about to close something.
const PATIENCE: Duration = Duration::from_secs(10);

/// The exit code of a test program that left something open.
const LEFT_OPEN: i32 = 102;

/// Tells a process that it is to leave something open, and not to be waited for.
const LEAK: &str = "GOCORO_TEST_LEAK";

/// Runs before `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn() = begin;

extern "C" fn begin() {
    // A child that plays a scenario ends in the middle of things.
    if scenario().is_none() {
        BEFORE.set(open()).expect("a process begins once");
        // SAFETY: the function takes nothing, and is there to the end of the process.
        unsafe { libc::atexit(end) };
    }
}

/// What each open descriptor is. A runtime's polls do not count: the default runtime has some until
/// the end, and so has each worker that a test leaves to it.
fn open() -> BTreeMap<RawFd, String> {
    let mut open = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/fd").into_iter().flatten().flatten() {
        let number = entry.file_name().to_string_lossy().parse();
        if let (Ok(number), Ok(kind)) = (number, fs::read_link(entry.path())) {
            let kind = kind.to_string_lossy().into_owned();
            if !["anon_inode:[eventpoll]", "anon_inode:[eventfd]"].contains(&kind.as_str()) {
                open.insert(number, kind);
            }
        }
    }
    // The listing has a descriptor of its own, which is closed by now.
    open.retain(|_, kind| !kind.ends_with("/fd"));
    open
}

/// Gives the default runtime's workers something to do: an idle worker keeps a task that has ended,
/// and with it what a scope around that task held, until it looks through those it started early.
fn stir() {
    let tasks: Vec<_> = (0..100).map(|_| task::spawn(task::yield_now)).collect();
    tasks.into_iter().for_each(|task| drop(task.join()));
}

extern "C" fn end() {
    let begun = Instant::now();
    loop {
        let mut left = open();
        left.retain(|number, kind| {
            BEFORE.get().is_none_or(|known| known.get(number) != Some(kind))
        });
        if left.is_empty() {
            return;
        }
        if begun.elapsed() > PATIENCE || env::var_os(LEAK).is_some() {
            eprintln!("the tests have left descriptors open: {left:?}");
            // SAFETY: nothing but the process's end.
            unsafe { libc::_exit(LEFT_OPEN) };
        }
        stir();
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_is_left_open_is_seen() {
    if env::var_os(LEAK).is_some() {
        mem::forget(File::open("/dev/null").unwrap());
        return;
    }
    let (_crate, module) = module_path!().split_once("::").unwrap();
    let child = Command::new(env::current_exe().unwrap())
        .args([&format!("{module}::what_is_left_open_is_seen"), "--exact", "--test-threads=1"])
        .env(LEAK, "1")
        .output()
        .unwrap();
    assert_eq!(child.status.code(), Some(LEFT_OPEN));
    assert!(String::from_utf8_lossy(&child.stderr).contains("/dev/null"));
}
