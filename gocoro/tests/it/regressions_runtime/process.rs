//! Those whose symptom is the end of the process, or seen in the whole of it. Each scenario is a process:
//! this test program once more, running `child` alone.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;
use std::{fs, process};

use gocoro::go;
use gocoro::net::TcpListener;
use gocoro::runtime::LocalRuntime;
use gocoro::time::timeout;
use tracing::span::{Attributes, Id};
use tracing::subscriber::set_global_default;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

use crate::support::{WORKERS, scenario, this_program, with_workers};

const SCENARIOS: &[(&str, fn())] = &[
    ("short_lived_runtimes", short_lived_runtimes),
    ("spans_that_cannot_be_made", spans_that_cannot_be_made),
];

#[test]
fn child() {
    let Some(name) = scenario() else { return };
    if let Some((_, run)) = SCENARIOS.iter().find(|(known, _)| *known == name) {
        // No core files: some are meant to abort.
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: a valid limit.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
        run();
        process::exit(0);
    }
}

/// Runs a scenario; the signal that ended it, if one did, and what it said.
fn run(name: &str) -> (Option<i32>, String) {
    let path = format!("{}::child", module_path!().split_once("::").unwrap().1);
    let output = this_program(&[&path, "--exact"], name).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let signal = output.status.signal();
    assert!(output.status.success() || signal.is_some(), "{:?}: {said}", output.status);
    (signal, said)
}

#[track_caller]
fn ends_well(name: &str) -> String {
    let (signal, said) = run(name);
    assert_eq!(signal, None, "{said}");
    said
}

fn polls() -> usize {
    let entries = fs::read_dir("/proc/self/fd").unwrap();
    let is_poll = |path| {
        fs::read_link(path).is_ok_and(|target| target.as_os_str() == "anon_inode:[eventpoll]")
    };
    entries.filter(|entry| is_poll(entry.as_ref().unwrap().path())).count()
}

fn short_lived_runtimes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let before = polls();
    for _ in 0..50 {
        let mut runtime = LocalRuntime::new().unwrap();
        runtime.run(|| assert!(timeout(Duration::ZERO, || listener.accept()).is_err()));
    }
    assert_eq!(polls(), before);
}

/// Each kept a descriptor of its poll, and the poll, as long as a socket lived that was used in it.
#[test]
fn polls_are_closed_though_a_socket_lives_on() {
    ends_well("short_lived_runtimes");
}

/// A subscriber that panics when it is told of a new span.
struct Failing;

impl<S: tracing::Subscriber> Layer<S> for Failing {
    fn on_new_span(&self, _: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        panic!("at a new span");
    }
}

fn spans_that_cannot_be_made() {
    set_global_default(Registry::default().with(Failing)).unwrap();
    for workers in WORKERS {
        let runtime = with_workers(workers);
        assert_eq!(runtime.run(|| go!({ 42 }).wait()), 42);
    }
    assert_eq!(LocalRuntime::new().unwrap().run(|| go!(local => { 42 }).wait()), 42);
}

/// It came out in the middle of running a closure in a runtime, which aborted.
#[test]
fn a_subscriber_that_panics_at_the_start_of_a_span() {
    let said = ends_well("spans_that_cannot_be_made");
    assert!(said.contains("at a new span"), "{said}");
}
