//! Those whose symptom is the end of the process, or seen in the whole of it. Each scenario is a process:
//! this test program once more, running `child` alone.

use std::cell::RefCell;
use std::os::unix::process::ExitStatusExt;
use std::sync::mpsc;
use std::time::Duration;
use std::{env, fs, hint, process};

use gocoro::go;
use gocoro::net::TcpListener;
use gocoro::runtime::{Builder, LocalRuntime, Runtime};
use gocoro::task;
use gocoro::time::{sleep, timeout};
use tracing::span::{Attributes, Id};
use tracing::subscriber::set_global_default;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

use crate::support::{HANG, SOON, WORKERS, on_drop, scenario, this_program, with_workers};

const SCENARIOS: &[(&str, fn())] = &[
    ("dropped_beside_its_own_unwinding", dropped_beside_its_own_unwinding),
    ("short_lived_runtimes", short_lived_runtimes),
    ("fork_and_run", fork_and_run),
    ("fork_and_drop", fork_and_drop),
    ("fork_and_poll", fork_and_poll),
    ("spans_that_cannot_be_made", spans_that_cannot_be_made),
    ("started_at_the_second_try", started_at_the_second_try),
    ("kept_by_its_own_worker", kept_by_its_own_worker),
    ("overflow_below_a_nested_runtime", overflow_below_a_nested_runtime),
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

fn dropped_beside_its_own_unwinding() {
    let (ended, has_ended) = mpsc::channel();
    let mut runtime = LocalRuntime::new().unwrap();
    runtime.spawn(move || {
        let _slow = on_drop(move || {
            sleep(SOON);
            sleep(SOON);
            ended.send(()).unwrap();
        });
        panic!("on purpose");
    });
    runtime.poll_once(Some(Duration::ZERO));
    drop(runtime);
    has_ended.try_recv().unwrap();
}

/// The thread was taken for panicking by itself, and the cancel thrown into the task's unwinding.
#[test]
fn a_local_runtime_is_dropped_beside_its_own_tasks_unwinding() {
    ends_well("dropped_beside_its_own_unwinding");
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

/// Forks, and sees the child abort.
fn aborts_in_a_child(f: impl FnOnce()) {
    // SAFETY: the child does what the scenarios are about.
    match unsafe { libc::fork() } {
        -1 => panic!("no fork"),
        0 => {
            f();
            // SAFETY: ends the child without the parent's exit handlers.
            unsafe { libc::_exit(77) }
        }
        child => {
            let mut status = 0;
            // SAFETY: a valid place for the status of an own child.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            assert!(libc::WIFSIGNALED(status), "{status}");
            assert_eq!(libc::WTERMSIG(status), libc::SIGABRT);
        }
    }
}

fn fork_and_run() {
    let runtime = with_workers(1);
    aborts_in_a_child(|| runtime.run(|| eprintln!("ran in the child")));
    aborts_in_a_child(|| drop(runtime.spawn(|| eprintln!("ran in the child"))));
}

fn fork_and_drop() {
    let mut runtime = Some(with_workers(1));
    aborts_in_a_child(|| drop(runtime.take()));
    aborts_in_a_child(|| drop(runtime.take().unwrap().shutdown(Duration::MAX)));
    aborts_in_a_child(|| runtime.take().unwrap().wait_idle());
}

fn fork_and_poll() {
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

/// It waited for threads that it did not have, or ran a task of its parent's.
#[test]
fn a_forked_child_that_uses_its_parents_runtime_aborts() {
    for (name, times) in [("fork_and_run", 2), ("fork_and_drop", 3), ("fork_and_poll", 1)] {
        let said = ends_well(name);
        assert_eq!(said.matches("forked child").count(), times, "{said}");
        assert!(!said.contains("ran in the child") && !said.contains("panicked"), "{said}");
    }
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

/// Leaves the process this much more address space than it has now.
fn limit_memory(more: u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let now = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let now: u64 = now.trim().trim_end_matches(" kB").parse().unwrap();
    let limit = libc::rlimit { rlim_cur: now * 1024 + more, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: a valid limit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
}

fn started_at_the_second_try() {
    const STACK: usize = 256 * 1024;
    limit_memory(1000 * STACK as u64);
    let with = |stacks| Builder::new().stack_size(STACK).warm_stacks(stacks);
    assert!(with(2000).build_local().is_err());
    drop(with(500).build_local().unwrap());
    // In a task too, whose own stack is not to be taken for one of them.
    LocalRuntime::new().unwrap().run(|| {
        assert!(with(2000).build_local().is_err());
        drop(with(500).build_local().unwrap());
    });
}

/// The stacks that it had made by then were never given back.
#[test]
fn a_runtime_that_cannot_start_gives_its_stacks_back() {
    if env::var_os("GOCORO_SANITIZER").is_some() {
        println!("skipped: a sanitizer needs more memory than this leaves it");
        return;
    }
    ends_well("started_at_the_second_try");
}

/// Says so when its runtime is gone.
struct Kept(Option<Runtime>, mpsc::Sender<()>);

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.0.take());
        self.1.send(()).unwrap();
    }
}

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

fn kept_by_its_own_worker() {
    for workers in WORKERS {
        let runtime = with_workers(workers);
        let (began, has_begun) = mpsc::channel();
        let (dropped, is_dropped) = mpsc::channel();
        let (give, taken) = gocoro::channel::bounded(1);
        let keeper = runtime.spawn(move || {
            task::shield(|| {
                began.send(()).unwrap();
                let runtime = taken.recv().unwrap();
                KEPT.with(|kept| *kept.borrow_mut() = Some(Kept(Some(runtime), dropped)));
            });
        });
        has_begun.recv_timeout(HANG).unwrap();
        let runtime = runtime.shutdown(Duration::ZERO).unwrap_err();
        give.send(runtime).unwrap();
        keeper.join().unwrap();
        is_dropped.recv_timeout(HANG).unwrap();
    }
}

/// A thread that ended waited for itself to end.
#[test]
fn a_thread_local_of_a_worker_drops_the_workers_runtime() {
    ends_well("kept_by_its_own_worker");
}

fn deeper(runtime: &mut LocalRuntime, depth: usize) -> usize {
    let frame = hint::black_box([depth; 8]);
    runtime.poll_once(Some(Duration::ZERO));
    if depth == usize::MAX {
        return 0;
    }
    deeper(runtime, depth + 1).wrapping_add(hint::black_box(&frame)[7])
}

fn overflow_below_a_nested_runtime() {
    go!(name = "outer", stack_size = 64 * 1024 => {
        let mut runtime = LocalRuntime::new().unwrap();
        deeper(&mut runtime, 0)
    })
    .wait();
}

/// The inner runtime's loop runs on the outer task's stack: nobody was named.
#[test]
fn an_overflow_below_a_runtime_inside_a_task() {
    let (signal, said) = run("overflow_below_a_nested_runtime");
    assert_eq!(signal, Some(libc::SIGABRT), "{said}");
    assert!(said.contains("task 'outer'"), "{said}");
}
