//! Stacks are made ahead, given back, and guarded where memory is locked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Instant;

use gocoro::go;
use gocoro::runtime::Builder;
use gocoro::task::{self, JoinHandle};

use super::limits::stacks_run_out;
use super::{IntoCode, run, run_with, scenarios};
use crate::support::{HANG, until, with_workers};

scenarios! {
    warm,
    not_warm,
    deep_pages_go,
    ends_well::main,
    first_stack_of_a_panicking_thread,
    deep_pages_go_from_a_busy_worker,
    overflow_in_locked_memory,
    overflow_once_memory_is_locked,
    stacks_run_out_once_memory_is_locked,
}

const STACK: usize = 256 * 1024;

/// A field of `/proc/self/<file>`, in bytes.
fn bytes(file: &str, field: &str) -> usize {
    let text = std::fs::read_to_string(format!("/proc/self/{file}")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// Address space that a runtime's first tasks need, so many of them alive at once.
fn grows_by(tasks: usize, warm_stacks: usize) -> usize {
    let runtime = Builder::new().workers(1).stack_size(STACK).warm_stacks(warm_stacks).build();
    // One of the stacks is this task's.
    runtime.unwrap().run(|| {
        let begun = Arc::new(AtomicUsize::new(0));
        let before = bytes("status", "VmSize:");
        let tasks: Vec<_> = (1..tasks)
            .map(|_| {
                go!(clone(begun) => {
                    begun.fetch_add(1, SeqCst);
                    task::park();
                })
            })
            .collect();
        until(|| begun.load(SeqCst) == tasks.len());
        let after = bytes("status", "VmSize:");
        tasks.iter().for_each(|task| task.task().unpark());
        tasks.into_iter().for_each(JoinHandle::wait);
        after - before
    })
}

fn warm() {
    let grown = grows_by(100, 100);
    assert!(grown < 10 * STACK, "{grown} bytes, though all stacks were there");
}

fn not_warm() {
    // Some of them may lie in memory that was mapped for the first ones.
    let grown = grows_by(200, 0);
    assert!(grown >= 100 * STACK, "{grown} bytes for 199 stacks");
}

#[test]
fn warm_stacks_are_there_when_tasks_start() {
    for guards in ["", "protected", "generator"] {
        for scenario in ["warm", "not_warm"] {
            run_with(scenario, &[("GOCORO_GUARDS", guards)]).code(0).says(0, &["panicked"]);
        }
    }
}

/// Uses this much of its stack, at least.
fn dig(bytes: usize) -> usize {
    let frame = std::hint::black_box([bytes; 512]);
    if bytes <= size_of_val(&frame) {
        return 0;
    }
    dig(bytes - size_of_val(&frame)) + std::hint::black_box(&frame)[0]
}

/// Memory that this process has touched and that no file is behind, as stacks. What is resident of
/// the program's own file is left out, for the kernel may map megabytes of it at a touch.
fn anonymous() -> usize {
    bytes("smaps_rollup", "Anonymous:")
}

/// Waits, a step at a time, until what was dug is gone, of which there was `most` before.
#[track_caller]
fn until_given_back(before: usize, most: usize, step: impl Fn()) {
    assert!(most >= before + DEPTH, "{before} bytes, and {most} on a deep stack");
    let begun = Instant::now();
    loop {
        let now = anonymous();
        if now <= before + DEPTH / 4 {
            return;
        }
        assert!(begun.elapsed() < HANG, "deep pages are kept: {before} bytes, {most}, now {now}");
        step();
    }
}

/// How deep tasks go whose pages are to be given back.
const DEPTH: usize = 16 << 20;

fn deep_pages_go() {
    let runtime = with_workers(1);
    // What runs once is there.
    runtime.spawn(|| dig(4096)).wait();
    let before = anonymous();
    let deep = runtime.spawn(|| {
        go!(stack_size = 4 * DEPTH => {
            dig(DEPTH);
            anonymous()
        })
        .wait()
    });
    let most = deep.wait();
    // The worker has nothing to do now.
    until_given_back(before, most, task::yield_now);
}

fn deep_pages_go_from_a_busy_worker() {
    with_workers(1).run(|| {
        // What runs once is there.
        go!({ dig(4096) }).wait();
        let before = anonymous();
        let digger = go!(stack_size = 4 * DEPTH => {
            dig(DEPTH);
            anonymous()
        });
        let most = digger.wait();
        // All the time there is something to run.
        until_given_back(before, most, || (0..10_000).for_each(|_| task::yield_now()));
    });
}

#[test]
fn a_worker_that_is_busy_gives_deep_pages_back() {
    if std::env::var_os("GOCORO_SANITIZER").is_some() {
        return println!("skipped: a sanitizer's record of the pages stays");
    }
    run_with("deep_pages_go_from_a_busy_worker", &[]).code(0).says(0, &["panicked"]);
}

#[test]
fn a_worker_that_sleeps_gives_deep_pages_back() {
    if std::env::var_os("GOCORO_SANITIZER").is_some() {
        return println!("skipped: a sanitizer's record of the pages stays");
    }
    run_with("deep_pages_go", &[]).code(0).says(0, &["panicked"]);
}

mod ends_well {
    /// Gives back the stacks of tasks that went deep and of tasks that did not.
    #[gocoro::go_main]
    pub(super) fn main() {
        let tasks: Vec<_> = (0..100).map(|n| gocoro::go!(super::dig(n * 1000))).collect();
        for task in tasks {
            task.wait();
        }
    }
}

/// Where stacks are laid out as nobody knows it, each has the guard that `generator` gave it. The
/// engine `corosensei` has gocoro lay them out.
#[test]
fn an_unknown_layout_is_said_once_and_ends_well() {
    let unknown = usize::from(cfg!(not(feature = "corosensei")));
    for (guards, times) in [("", 0), ("protected", 0), ("generator", unknown)] {
        run_with("ends_well", &[("GOCORO_GUARDS", guards), ("GOCORO_WORKERS", "2")])
            .code(0)
            .says(times, &["stacks are not laid out", "the one page of guard"])
            .says(0, &["panicked"]);
    }
}

fn first_stack_of_a_panicking_thread() {
    let unwound = std::panic::catch_unwind(|| {
        let _first = crate::support::on_drop(|| {
            let mut runtime = Builder::new().build_local().unwrap();
            println!("{}", runtime.run(|| go!({ 7 }).wait()));
        });
        panic!("to be caught");
    });
    assert!(unwound.is_err());
}

/// Std lets no thread that panics change the panic hook, which `generator` does at its first
/// resume.
#[test]
fn the_first_stack_may_be_made_while_a_thread_panics() {
    run("first_stack_of_a_panicking_thread").code(0).printed("7").says(1, &["panicked"]);
}

/// What a child prints where it may not lock memory.
const SKIPPED: &str = "skipped: this process may not lock memory";

/// Locks all memory that is mapped from now on, once it is touched; `false` if that is not
/// permitted.
fn lock_memory() -> bool {
    const ENOUGH: usize = 1 << 30;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: changes how memory is backed, then maps some at an address of the kernel's choice and
    // gives that back.
    let locked = unsafe {
        // Up to a limit it may be permitted to anybody: mappings fail beyond that.
        libc::mlockall(libc::MCL_FUTURE | libc::MCL_ONFAULT) == 0 && {
            let probe = libc::mmap(std::ptr::null_mut(), ENOUGH, access, flags, -1, 0);
            probe != libc::MAP_FAILED && libc::munmap(probe, ENOUGH) == 0
        }
    };
    if !locked {
        // SAFETY: as above.
        unsafe { libc::munlockall() };
        println!("{SKIPPED}");
    }
    locked
}

/// Overflows a stack that is made now.
fn overflow() {
    super::faults::no_core();
    go!(name = "locked", stack_size = 64 * 1024 => super::faults::sink(0)).wait();
}

fn overflow_in_locked_memory() {
    if lock_memory() {
        overflow();
    }
}

fn overflow_once_memory_is_locked() {
    // The kind of guards is settled by then.
    go!({}).wait();
    if lock_memory() {
        overflow();
    }
}

fn stacks_run_out_once_memory_is_locked() {
    go!({}).wait();
    if lock_memory() {
        stacks_run_out();
    }
}

#[test]
fn stacks_in_locked_memory_are_guarded() {
    for scenario in ["overflow_in_locked_memory", "overflow_once_memory_is_locked"] {
        let seen = run_with(scenario, &[]);
        if seen.out.contains(SKIPPED) {
            println!("{SKIPPED}");
            return;
        }
        seen.signal(libc::SIGABRT).says(1, &["task 'locked'", "65536 bytes"]);
    }
}

/// Such a guard costs two mappings, wherever the others cost none.
#[test]
fn guards_in_locked_memory_are_counted() {
    if std::env::var_os("GOCORO_SANITIZER").is_some() {
        return println!(
            "skipped: what a sanitizer keeps of so much locked memory takes it minutes"
        );
    }
    let most = super::limits::mappings_max();
    if most >= super::limits::TOO_MANY_MAPPINGS {
        println!("skipped: there is room for {most} mappings");
        return;
    }
    let tasks = (most / 2).to_string();
    let variables = [("GOCORO_WORKERS", "2"), ("TEST_TASKS", &*tasks)];
    let seen = run_with("stacks_run_out_once_memory_is_locked", &variables);
    if seen.out.contains(SKIPPED) {
        println!("{SKIPPED}");
        return;
    }
    seen.code(0).says(0, &["panicked"]);
    assert!(seen.out.contains("went on"), "{seen}");
    super::limits::assert_refused_at_one_site(&seen);
}
