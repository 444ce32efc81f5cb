//! Overflows name their task, and other faults and aborts are what they always were.

use std::hint;
use std::time::Duration;

use gocoro::runtime::LocalRuntime;
use gocoro::{go, task};

use super::{IntoCode, run, run_with, scenarios};
use crate::support::settle;

scenarios! {
    overflow_named,
    overflow_nameless,
    overflow_main::main,
    overflow_leaping,
    overflow_twice,
    overflow_with_a_long_name,
    overflow_on_a_thread,
    overflow_on_a_raw_thread,
    overflow_in_a_nested_runtime,
    bad_address,
    bad_address_on_a_thread,
    double_panic,
    small_stack_panic,
    overflow_below_a_nested_runtime,
}

/// No core files: these are meant.
pub(super) fn no_core() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a valid limit.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
}

pub(super) fn sink(depth: usize) -> usize {
    let frame = std::hint::black_box([depth; 64]);
    if depth == usize::MAX {
        0
    } else {
        sink(depth + 1).wrapping_add(std::hint::black_box(&frame)[63])
    }
}

const NAMED_LINE: u32 = line!() + 3;
fn overflow_named() {
    no_core();
    go!(name = "deep", stack_size = 64 * 1024 => sink(0)).wait();
}

#[test]
fn an_overflow_names_the_task_and_the_way_out() {
    let site = format!("(spawned at gocoro/tests/it/process/faults.rs:{NAMED_LINE})");
    for guards in ["", "protected", "generator"] {
        run_with("overflow_named", &[("GOCORO_GUARDS", guards)])
            .signal(libc::SIGABRT)
            .says(1, &["task 'deep'", &site, "65536 bytes"])
            .says(1, &["go!(stack_size = 262144", "Builder::stack_size", "GOCORO_STACK_SIZE"])
            .says(0, &["panicked"]);
    }
}

fn overflow_nameless() {
    no_core();
    let task = go!({
        task::park();
        sink(0)
    });
    println!("{}", task.id());
    task.task().unpark();
    task.wait();
}

#[test]
fn an_overflow_of_a_nameless_task_tells_its_id() {
    let seen = run("overflow_nameless");
    let id = seen.out.lines().last().unwrap().rsplit(' ').next().unwrap();
    seen.signal(libc::SIGABRT).says(1, &[&format!("task {id} (spawned at")]);
    let seen = run_with("overflow_nameless", &[("GOCORO_STACK_SIZE", "131072")]);
    seen.signal(libc::SIGABRT).says(1, &["131072 bytes"]);
}

mod overflow_main {
    #[gocoro::go_main]
    pub(super) fn main() {
        super::no_core();
        // Deeper than other tasks may go, and then too deep.
        super::sink(usize::MAX - 1024);
        println!("{}", super::sink(0));
    }
}

#[test]
fn an_overflow_of_main() {
    run("overflow_main")
        .signal(libc::SIGABRT)
        .says(1, &["task 'main'", "8388608 bytes", "main_stack_size = 33554432"])
        .says(1, &["GOCORO_MAIN_STACK_SIZE"])
        .says(0, &["go!("]);
}

fn overflow_twice() {
    no_core();
    let runtime = crate::support::with_workers(2);
    let barrier = std::sync::Arc::new(std::sync::Barrier::new(2));
    // Blocks the worker, so that the other one has the other task.
    let overflow = |name: &str, barrier: std::sync::Arc<std::sync::Barrier>| {
        let task = task::Builder::new().name(name.to_owned()).stack_size(32 * 1024);
        task.spawn(move || {
            barrier.wait();
            sink(0)
        })
    };
    runtime.run(|| {
        let both = ["left", "right"].map(|name| overflow(name, barrier.clone()).unwrap());
        both.map(|task| task.join().is_ok())
    });
}

#[test]
fn of_two_overflows_at_once_one_is_reported_whole() {
    for _ in 0..10 {
        let seen = run("overflow_twice");
        seen.signal(libc::SIGABRT).says(1, &["has overflowed its stack", "raise it with"]);
        let first = seen.err.find("\ngocoro: task").unwrap();
        let report = &seen.err[first..];
        assert!(report.starts_with("\ngocoro: task 'left' (") || report.contains("'right' ("));
        assert!(report.contains(") has overflowed its stack of 32768 bytes\nraise it"), "{seen}");
        assert!(report.ends_with("GOCORO_STACK_SIZE\n"), "{seen}");
    }
}

fn overflow_with_a_long_name() {
    no_core();
    let task = task::Builder::new().name("long ".repeat(1000)).stack_size(32 * 1024);
    task.spawn(|| sink(0)).unwrap().wait();
}

#[test]
fn an_overflow_of_a_task_with_a_long_name_is_reported_whole() {
    let name = format!("task '{}' (spawned at", "long ".repeat(1000));
    run("overflow_with_a_long_name")
        .signal(libc::SIGABRT)
        .says(1, &[&name, "32768 bytes", "GOCORO_STACK_SIZE"]);
}

/// As compiled C does it: large frames, of which only the far end is touched.
fn leap() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: never returns; it runs into the guard.
    unsafe {
        std::arch::asm!(
            "2:",
            "sub rsp, 20480",
            "mov byte ptr [rsp], 1",
            "jmp 2b",
            options(noreturn)
        )
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("2:", "sub sp, sp, #20480", "strb wzr, [sp]", "b 2b", options(noreturn))
    }
}

fn overflow_leaping() {
    no_core();
    // Neighbours, to be hit by a leap that is not caught.
    let neighbours: Vec<_> = (0..64).map(|_| go!(stack_size = 64 * 1024 => task::park())).collect();
    settle();
    go!(name = "leaper", stack_size = 64 * 1024 => leap()).wait();
    drop(neighbours);
}

#[test]
fn a_frame_that_leaps_over_a_page_is_caught() {
    for guards in ["", "protected"] {
        run_with("overflow_leaping", &[("GOCORO_GUARDS", guards)])
            .signal(libc::SIGABRT)
            .says(1, &["task 'leaper'"]);
    }
}

fn overflow_on_a_thread() {
    no_core();
    go!({}).wait();
    let thread = std::thread::Builder::new().name("plain".into()).spawn(|| sink(0)).unwrap();
    let _ = thread.join();
}

#[test]
fn an_overflow_of_a_plain_thread_is_stds_to_report() {
    run("overflow_on_a_thread")
        .signal(libc::SIGABRT)
        .says(1, &["thread 'plain'", "has overflowed its stack"])
        .says(0, &["gocoro"]);
}

extern "C" fn raw_thread(_: *mut libc::c_void) -> *mut libc::c_void {
    LocalRuntime::new().unwrap().run(|| {
        go!(local, name = "on raw" => sink(0)).wait();
    });
    std::ptr::null_mut()
}

fn overflow_on_a_raw_thread() {
    no_core();
    let mut thread = std::mem::MaybeUninit::uninit();
    // SAFETY: the places are valid, and the thread is joined.
    unsafe {
        let null = std::ptr::null_mut::<libc::c_void>();
        assert_eq!(libc::pthread_create(thread.as_mut_ptr(), null.cast(), raw_thread, null), 0);
        libc::pthread_join(thread.assume_init(), null.cast());
    }
}

#[test]
fn an_overflow_on_a_thread_that_std_did_not_start() {
    run("overflow_on_a_raw_thread").signal(libc::SIGABRT).says(1, &["task 'on raw'"]);
}

fn overflow_in_a_nested_runtime() {
    no_core();
    go!(name = "outer" => {
        LocalRuntime::new().unwrap().run(|| {
            go!(local, name = "inner" => {
                settle();
                sink(0)
            })
            .wait()
        })
    })
    .wait();
}

#[test]
fn an_overflow_in_a_runtime_inside_a_task() {
    run("overflow_in_a_nested_runtime").signal(libc::SIGABRT).says(1, &["task 'inner'"]);
}

fn touch_nothing() {
    // SAFETY: none: the fault is what is wanted.
    unsafe { std::ptr::without_provenance::<u8>(8).read_volatile() };
}

fn bad_address() {
    no_core();
    go!(touch_nothing()).wait();
}

fn bad_address_on_a_thread() {
    no_core();
    go!({}).wait();
    let _ = std::thread::spawn(touch_nothing).join();
}

#[test]
fn other_faults_are_what_they_always_were() {
    for scenario in ["bad_address", "bad_address_on_a_thread"] {
        run(scenario).signal(libc::SIGSEGV).says(0, &["gocoro", "overflow"]);
    }
}

fn double_panic() {
    no_core();
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            task::yield_now();
            panic!("second");
        }
    }
    let task = go!({
        let _bomb = Bomb;
        if true {
            panic!("first");
        }
    });
    drop(task.join());
}

#[test]
fn a_panic_in_a_destructor_of_a_panicking_task_aborts() {
    run("double_panic").signal(libc::SIGABRT).says(1, &["first", "second"]);
}

fn small_stack_panic() {
    no_core();
    let task = go!(name = "small", stack_size = 16 * 1024 => {
        // The task has work of its own below it.
        let used = std::hint::black_box([0u8; 1024]);
        if used[0] == 0 {
            panic!("in a small stack");
        }
    });
    assert!(task.join().unwrap_err().is_panic());
}

#[test]
fn a_panic_in_a_small_stack_is_told() {
    for backtrace in ["0", "1"] {
        run_with("small_stack_panic", &[("RUST_BACKTRACE", backtrace)])
            .code(0)
            .says(1, &["task 'small'"])
            .says(2, &["in a small stack"]);
    }
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
    no_core();
    go!(name = "outer", stack_size = 64 * 1024 => {
        let mut runtime = LocalRuntime::new().unwrap();
        deeper(&mut runtime, 0)
    })
    .wait();
}

/// The inner runtime's loop runs on the outer task's stack.
#[test]
fn an_overflow_below_a_runtime_inside_a_task_names_the_task() {
    run("overflow_below_a_nested_runtime").signal(libc::SIGABRT).says(1, &["task 'outer'"]);
}
