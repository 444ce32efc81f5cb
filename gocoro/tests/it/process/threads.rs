//! Threads that are tasks: how they end with the program, how many the system sees, what their
//! panics are called, and whose word on their stacks is the last.

use std::fs;
use std::io;
use std::sync::mpsc;
use std::time::Duration;

use gocoro::{task, thread};

use super::{IntoCode, run, run_with, scenarios};
use crate::support::{HANG, NEVER, SOON, on_drop};

scenarios! {
    left_by_main::main,
    left_without_a_runtime,
    two_thousand_asleep,
    panics_by_name,
    sized,
    sized_below_a_limit,
}

mod left_by_main {
    use super::*;

    #[gocoro::go_main]
    pub(super) fn main() {
        let (begun, is_begun) = gocoro::channel::bounded(1);
        drop(thread::spawn(move || {
            let _told = on_drop(|| println!("unwound"));
            begun.send(()).unwrap();
            thread::sleep(NEVER);
        }));
        is_begun.recv().unwrap();
        // What is joined has ended; what is not is not waited for.
        thread::spawn(|| thread::sleep(SOON)).join().unwrap();
        println!("main returns");
    }
}

fn left_without_a_runtime() {
    let (begun, is_begun) = mpsc::channel();
    drop(thread::spawn(move || {
        begun.send(()).unwrap();
        thread::sleep(NEVER);
    }));
    is_begun.recv_timeout(HANG).unwrap();
}

#[test]
fn a_program_does_not_wait_for_its_threads() {
    run("left_by_main").code(0).printed("main returns\nunwound").says(0, &["gocoro"]);
    run("left_without_a_runtime").code(0).printed("");
}

fn two_thousand_asleep() {
    const MANY: usize = 2000;
    let (asleep, counted) = mpsc::channel();
    let threads: Vec<_> = (0..MANY)
        .map(|n| {
            let asleep = asleep.clone();
            thread::spawn(move || {
                asleep.send(n).unwrap();
                // Two of them: a task that is asleep has been.
                thread::sleep(Duration::from_millis(50));
                thread::park();
                n
            })
        })
        .collect();
    let sum: usize = counted.iter().take(MANY).sum();
    assert_eq!(sum, MANY * (MANY - 1) / 2);
    let of_the_system = fs::read_dir("/proc/self/task").unwrap().count();
    threads.iter().for_each(|thread| thread.thread().unpark());
    let joined: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(joined, sum);
    // The harness has two, and the default runtime its workers.
    let most = 4 + thread::available_parallelism().unwrap().get();
    assert!(of_the_system <= most, "{of_the_system} threads");
}

#[test]
fn two_thousand_threads_asleep_are_a_few_of_the_systems() {
    run("two_thousand_asleep").code(0);
}

fn panics_by_name() {
    let named = thread::Builder::new().name("reader".to_owned());
    named.spawn(|| panic!("on purpose")).unwrap().join().unwrap_err();
    thread::scope(|s| {
        let named = thread::Builder::new().name("scoped".to_owned());
        let handle = named.spawn_scoped(s, || panic!("again")).unwrap();
        handle.join().unwrap_err();
    });
}

#[test]
fn a_report_names_the_thread_and_where_it_was_spawned() {
    let seen = run("panics_by_name");
    seen.code(0).has_lines(1, &["task 'reader' (spawned at", "threads.rs", "on purpose"]);
    seen.has_lines(1, &["task 'scoped' (spawned at", "threads.rs", "again"]);
}

/// Prints the sizes of a thread's stack, of one that asks for 512 KiB, and of a task's.
fn sized() {
    let size = || task::remaining_stack().unwrap().next_power_of_two() / 1024;
    let usual = thread::spawn(size).join().unwrap();
    let own = thread::Builder::new().stack_size(512 * 1024).spawn(size).unwrap();
    println!("{usual} {} {}", own.join().unwrap(), task::spawn(size).wait());
}

fn sized_below_a_limit() {
    let limit = libc::rlimit { rlim_cur: 1 << 20, rlim_max: 1 << 20 };
    // SAFETY: a valid limit.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_STACK, &limit) };
    assert_eq!(set, 0, "{}", io::Error::last_os_error());
    sized();
}

#[test]
fn the_environment_has_the_last_word_on_stacks_but_for_those_that_ask() {
    let (std, own) = ("RUST_MIN_STACK", "GOCORO_STACK_SIZE");
    run("sized").code(0).printed("2048 512 256");
    run_with("sized", &[(std, "4194304")]).code(0).printed("4096 512 256");
    run_with("sized", &[(std, "65536")]).code(0).printed("256 512 256");
    // As in std, what is no number does not count.
    run_with("sized", &[(std, "plenty")]).code(0).printed("2048 512 256");
    run_with("sized", &[(own, "131072")]).code(0).printed("128 512 128");
    run_with("sized", &[(own, "131072"), (std, "4194304")]).code(0).printed("128 512 128");
    // The limit is one for the engine `generator`.
    let below = if cfg!(feature = "corosensei") { "2048 512 256" } else { "512 512 256" };
    run("sized_below_a_limit").code(0).printed(below).says(0, &["gocoro"]);
}
