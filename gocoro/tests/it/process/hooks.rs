//! A panic hook or a subscriber that gets in the way stops nothing, and what a task's panic prints
//! names it.

use std::panic;
use std::sync::Mutex;

use gocoro::channel::{Sender, bounded};
use gocoro::go;
use gocoro::runtime::LocalRuntime;
use gocoro::sync::{Arc, Semaphore};
use gocoro::task::{self, JoinHandle};
use gocoro::time::{sleep, timeout};
use tracing::span::{Attributes, Id};
use tracing::subscriber::set_global_default;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

use super::{IntoCode, run, run_with, scenarios};
use crate::support::{NEVER, SOON, WORKERS, on_drop, settle, with_workers};

scenarios! {
    waiting_hook,
    hook_of_a_semaphore,
    silent_hook,
    silent_hook_before,
    chained_hook,
    broken_stderr,
    backtrace::main,
    on_the_main_thread::main,
    first_runtime_in_a_destructor,
    first_runtime_in_a_hook,
    first_spawn_in_a_hook,
    spans_that_cannot_be_made,
}

/// A hook that sends on a channel and sleeps, while other tasks of the worker panic, and are
/// cancelled.
fn waiting_hook() {
    static REPORTS: Mutex<Option<Sender<String>>> = Mutex::new(None);
    let (reports, reported) = bounded(1);
    let mut runtime = LocalRuntime::new().unwrap();
    *REPORTS.lock().unwrap() = Some(reports);
    panic::set_hook(Box::new(|info| {
        let reports = REPORTS.lock().unwrap().clone().unwrap();
        sleep(SOON);
        let message = info.payload().downcast_ref::<&str>().copied().unwrap_or_default();
        reports.send(message.to_owned()).unwrap();
        task::yield_now();
    }));
    runtime.run(|| {
        let panics: Vec<JoinHandle<()>> = (0..20)
            .map(|_| {
                go!(local => {
                    let _guard = on_drop(|| sleep(SOON));
                    panic!("expected");
                })
            })
            .collect();
        let cancelled = go!(local => { sleep(NEVER) });
        settle();
        cancelled.cancel();
        assert!(cancelled.join().unwrap_err().is_cancelled());
        assert!(timeout(SOON, || sleep(NEVER)).is_err());
        for _ in 0..20 {
            assert_eq!(reported.recv().as_deref(), Ok("expected"));
        }
        for task in panics {
            assert!(task.join().unwrap_err().is_panic());
        }
    });
    println!("ended");
}

#[test]
fn a_hook_may_wait_while_others_panic() {
    run("waiting_hook").code(0).printed("ended").says(0, &["abort", "panicked"]);
}

#[test]
fn a_hook_may_wait_for_what_a_semaphore_panicked_about() {
    run("hook_of_a_semaphore").code(0).printed("ended");
}

fn panicking_task() {
    let mut runtime = LocalRuntime::new().unwrap();
    runtime.run(|| {
        let task = go!(local, name = "unlucky" => {
            if true {
                panic!("expected");
            }
        });
        assert!(task.join().unwrap_err().is_panic());
    });
    println!("ended");
}

/// A hook that waits for a panic of a semaphore's, which others want meanwhile.
fn hook_of_a_semaphore() {
    panic::set_hook(Box::new(|_| sleep(SOON)));
    let mut runtime = LocalRuntime::new().unwrap();
    runtime.run(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let waits = go!(local, clone(semaphore) => { drop(semaphore.acquire_many(5)) });
        settle();
        let fails = go!(local, clone(semaphore) => {
            semaphore.add_permits(Semaphore::MAX_PERMITS);
        });
        let other = go!(local, clone(semaphore) => { drop(semaphore.acquire_many(2)) });
        assert!(fails.join().unwrap_err().is_panic());
        semaphore.add_permits(4);
        waits.wait();
        other.wait();
    });
    println!("ended");
}

fn silent_hook() {
    drop(LocalRuntime::new().unwrap());
    panic::set_hook(Box::new(|_| {}));
    panicking_task();
}

fn silent_hook_before() {
    panic::set_hook(Box::new(|_| {}));
    panicking_task();
}

#[test]
fn a_hook_that_is_silent_is_obeyed() {
    for scenario in ["silent_hook", "silent_hook_before"] {
        let seen = run(scenario);
        seen.code(0).printed("ended");
        assert_eq!(seen.err, "", "{scenario}");
    }
}

fn chained_hook() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        eprintln!("first");
        before(info);
    }));
    panicking_task();
}

#[test]
fn a_hook_that_passes_panics_on_is_followed_by_the_tasks_name() {
    let seen = run("chained_hook");
    seen.code(0).printed("ended").says(1, &["first", "gocoro: task 'unlucky' (spawned at"]);
    seen.has_lines(1, &["gocoro: task 'unlucky'", "panicked: expected"]);
}

/// What cannot be written is not said; the task's panic ends the task alone.
fn broken_stderr() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    // SAFETY: both descriptors are open.
    unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&writer), 2) };
    panicking_task();
}

#[test]
fn a_broken_stderr_changes_nothing() {
    run("broken_stderr").code(0).printed("ended");
}

mod backtrace {
    use super::*;

    #[inline(never)]
    fn of_the_user(depth: usize) {
        if depth > 0 {
            of_the_user(std::hint::black_box(depth - 1));
        } else {
            panic!("expected");
        }
    }

    #[gocoro::go_main(workers = 1)]
    pub(super) fn main() {
        let task = go!({ of_the_user(2) });
        assert!(task.join().unwrap_err().is_panic());
        task::scope(|s| assert!(s.spawn(|| of_the_user(2)).join().unwrap_err().is_panic()));
    }
}

#[test]
fn a_backtrace_shows_the_users_frames() {
    let seen = run_with("backtrace", &[("RUST_BACKTRACE", "1")]);
    seen.code(0).says(2, &["stack backtrace"]);
    // Optimised, a frame may stand for several calls.
    assert!(seen.err.matches("of_the_user").count() >= 2, "{seen}");
    // The frame that runs the closure is the runtime's last word. A frame of std's may have the
    // runtime's types in its name, so only the beginning of a name counts.
    for name in ["gocoro_runtime::scheduler", "gocoro_runtime::stack", "generator::"] {
        seen.says(0, &[&format!(": {name}"), &format!(": <{name}")]);
    }
    seen.says(0, &["lowered"]);
}

mod on_the_main_thread {
    use super::*;

    #[gocoro::go_main(workers = 1)]
    pub(super) fn main() {
        let task = go!(name = "unlucky" => { panic!("expected") });
        assert!(task.join().unwrap_err().is_panic());
    }
}

#[test]
fn a_report_names_the_task_after_the_thread() {
    let seen = run("on_the_main_thread");
    seen.code(0).has_lines(1, &["gocoro: task 'unlucky'", "panicked: expected"]);
    let thread = seen.err.find("thread '").unwrap();
    assert!(thread < seen.err.find("gocoro: task").unwrap(), "{seen}");
}

/// The first runtime of the process is made while its thread unwinds.
fn first_runtime_in_a_destructor() {
    let caught = panic::catch_unwind(|| {
        let _guard = on_drop(panicking_task);
        panic::resume_unwind(Box::new(()));
    });
    assert!(caught.is_err());
}

#[test]
fn the_first_runtime_may_be_made_in_a_destructor() {
    run("first_runtime_in_a_destructor").code(0).printed("ended");
}

/// The first runtime of the process is asked for by a panic hook, and the second when that is over.
fn first_runtime_in_a_hook() {
    panic::set_hook(Box::new(|_| {
        let error = LocalRuntime::new().unwrap_err();
        println!("{error}");
    }));
    assert!(panic::catch_unwind(|| panic!("expected")).is_err());
    let mut runtime = LocalRuntime::new().unwrap();
    println!("{}", runtime.run(|| go!(local => { 5 }).wait()));
}

#[test]
fn the_first_runtime_is_refused_inside_of_a_hook() {
    refuses_and_goes_on("first_runtime_in_a_hook", 5);
}

/// The scenario's hook gets no runtime, and the program after it does: there a task returns
/// `value`.
#[track_caller]
fn refuses_and_goes_on(scenario: &str, value: u32) {
    let seen = run(scenario);
    seen.code(0);
    let said = format!("cannot be made while a panic hook runs; make one before\n{value}");
    assert!(seen.out.contains(&said), "{seen}");
}

/// The first use of gocoro in the process is a spawn by a panic hook, on the default runtime.
fn first_spawn_in_a_hook() {
    panic::set_hook(Box::new(|_| {
        let runtime = gocoro::runtime::Builder::new().workers(1).build();
        println!("{}", runtime.unwrap_err());
    }));
    assert!(panic::catch_unwind(|| panic!("expected")).is_err());
    println!("{}", go!({ 6 }).wait());
}

#[test]
fn workers_are_not_started_for_a_hook_that_they_would_wait_for() {
    refuses_and_goes_on("first_spawn_in_a_hook", 6);
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

#[test]
fn a_subscriber_that_panics_at_the_start_of_a_span_aborts_nothing() {
    let seen = run("spans_that_cannot_be_made");
    assert!(seen.code(0).err.contains("at a new span"), "{seen}");
}
