//! Programs end with the code, the words and the waits that are documented.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use gocoro::go;
use gocoro::task;
use gocoro::time::sleep;

use super::{IntoCode, run, run_with, scenarios};
use crate::support::{NEVER, SOON, on_drop, settle, with_workers};

scenarios! {
    waits::main,
    returns_a_code::main,
    error::main,
    error_with_a_talkative_debug::main,
    panics::main,
    exits_in_a_task::main,
    daemons::main,
    on_exit_cancel::main,
    grace::main,
    grace_of_a_computation::main,
    detached_panic,
    cancels_in_silence,
    hook,
    starts,
    environment::main,
    environment_by_hand,
    outside_of_main,
    full_stderr,
}

mod waits {
    use super::*;

    #[gocoro::go_main]
    pub(super) fn main() {
        println!("main");
        drop(go!({
            sleep(SOON * 10);
            println!("child");
            drop(go!({
                sleep(SOON);
                println!("grandchild");
            }));
        }));
    }
}

#[test]
fn the_end_of_main_waits_for_tasks() {
    for workers in ["1", "2", "4"] {
        run_with("waits", &[("GOCORO_WORKERS", workers)])
            .code(0)
            .printed("main\nchild\ngrandchild")
            .says(0, &["gocoro"]);
    }
}

mod returns_a_code {
    use super::*;

    #[gocoro::go_main]
    pub(super) fn main() -> ExitCode {
        drop(go!({
            let _guard = on_drop(|| println!("unwound"));
            sleep(NEVER)
        }));
        settle();
        ExitCode::from(9)
    }
}

#[test]
fn a_failing_code_cancels() {
    run("returns_a_code").code(9).printed("unwound").says(0, &["gocoro"]);
}

mod error {
    use super::*;

    #[gocoro::go_main]
    pub(super) fn main() -> io::Result<()> {
        drop(go!({
            let _guard = on_drop(|| eprintln!("unwound"));
            sleep(NEVER)
        }));
        settle();
        Err(io::Error::other("no luck"))?;
        unreachable!()
    }
}

#[test]
fn an_error_out_of_main_is_reported_before_tasks_are_cancelled() {
    let seen = run("error");
    seen.code(1).says(1, &["Error: ", "no luck", "unwound"]).says(0, &["gocoro"]);
    assert!(seen.err.find("no luck") < seen.err.find("unwound"), "{seen}");
}

mod error_with_a_talkative_debug {
    use super::*;

    pub(super) struct Talkative;

    impl fmt::Debug for Talkative {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            // It may do what tasks do.
            task::yield_now();
            write!(f, "talked in a task: {}", task::try_current().is_some())
        }
    }

    #[gocoro::go_main]
    pub(super) fn main() -> Result<(), Talkative> {
        Err(Talkative)
    }
}

#[test]
fn an_error_is_shown_in_the_main_task() {
    run("error_with_a_talkative_debug").code(1).says(1, &["Error: talked in a task: true"]);
}

mod panics {
    use super::*;

    #[gocoro::go_main]
    pub(super) fn main() {
        drop(go!({
            let _guard = on_drop(|| eprintln!("unwound"));
            sleep(NEVER)
        }));
        settle();
        panic!("oh no");
    }
}

#[test]
fn a_panic_out_of_main() {
    let seen = run("panics");
    seen.code(101).says(1, &["unwound", "gocoro: task 'main'"]).says(2, &["oh no"]);
    assert!(seen.err.rfind("oh no") < seen.err.find("unwound"), "{seen}");
}

mod exits_in_a_task {
    use super::*;

    #[gocoro::go_main]
    pub(super) fn main() {
        drop(go!({
            let _guard = on_drop(|| eprintln!("unwound"));
            sleep(NEVER)
        }));
        go!({
            print!("flushed");
            settle();
            std::process::exit(7)
        })
        .wait()
    }
}

#[test]
fn exit_in_a_task_exits_at_once() {
    for workers in ["1", "2", "4"] {
        run_with("exits_in_a_task", &[("GOCORO_WORKERS", workers)])
            .code(7)
            .printed("flushed")
            .says(0, &["unwound"]);
    }
}

mod daemons {
    use super::*;

    #[gocoro::go_main]
    pub(super) fn main() {
        drop(go!(daemon => {
            let _guard = on_drop(|| {
                sleep(SOON);
                println!("daemon unwound");
            });
            sleep(NEVER)
        }));
        drop(go!({
            sleep(SOON * 5);
            println!("task ended");
        }));
        settle();
    }
}

#[test]
fn daemons_end_when_all_else_has_ended() {
    for workers in ["1", "2", "4"] {
        run_with("daemons", &[("GOCORO_WORKERS", workers)])
            .code(0)
            .printed("task ended\ndaemon unwound")
            .says(0, &["gocoro"]);
    }
}

mod on_exit_cancel {
    use super::*;

    #[gocoro::go_main(on_exit = "cancel")]
    pub(super) fn main() {
        drop(go!({
            let _guard = on_drop(|| println!("unwound"));
            sleep(NEVER)
        }));
        settle();
        println!("main");
    }
}

#[test]
fn on_exit_cancel_does_not_wait() {
    for workers in ["1", "2", "4"] {
        run_with("on_exit_cancel", &[("GOCORO_WORKERS", workers)])
            .code(0)
            .printed("main\nunwound")
            .says(0, &["gocoro"]);
    }
}

mod grace {
    use super::*;

    #[gocoro::go_main(grace = "50ms")]
    pub(super) fn main() -> ExitCode {
        drop(go!({
            let _guard = on_drop(|| sleep(NEVER));
            sleep(NEVER)
        }));
        settle();
        print!("flushed");
        ExitCode::from(3)
    }
}

mod grace_of_a_computation {
    use super::*;

    #[gocoro::go_main(grace = "50ms", on_exit = "cancel", workers = 2)]
    pub(super) fn main() {
        let (begun, is_begun) = std::sync::mpsc::channel();
        drop(go!({
            begun.send(()).unwrap();
            loop {
                std::hint::spin_loop();
            }
        }));
        // Blocks this worker, so that the other one has it.
        is_begun.recv().unwrap();
        print!("flushed");
    }
}

#[test]
fn a_program_whose_tasks_do_not_end_is_ended_after_its_grace() {
    run("grace").code(3).printed("flushed").says(1, &["tasks are left", "50ms"]);
    run("grace_of_a_computation").code(0).printed("flushed").says(1, &["tasks are left", "50ms"]);
}

const LOST_LINE: u32 = line!() + 3;
fn detached_panic() {
    let runtime = with_workers(2);
    runtime.run(|| drop(go!(name = "lost" => { panic!("nobody looks") })));
    // A task has ended once its panic is reported.
    runtime.wait_idle();
    println!("went on");
}

#[test]
fn a_panic_of_a_detached_task_is_reported_once() {
    let site = format!("(spawned at gocoro/tests/it/process/exits.rs:{LOST_LINE}:");
    // Once where it happened by the panic hook, and once whose it was.
    run("detached_panic")
        .code(0)
        .printed("went on")
        .says(2, &["nobody looks"])
        .says(1, &["gocoro: task 'lost'", &site]);
}

fn cancels_in_silence() {
    for _ in 0..100 {
        let task = go!({ sleep(NEVER) });
        task::yield_now();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
    }
}

#[test]
fn a_cancel_says_nothing() {
    let seen = run("cancels_in_silence");
    seen.code(0).printed("");
    assert_eq!(seen.err, "", "{seen}");
}

fn hook() {
    std::panic::set_hook(Box::new(|info| {
        let text = info.payload().downcast_ref::<&str>().unwrap_or(&"?");
        eprintln!("hook: {text} in a task: {}", task::try_current().is_some());
    }));
    let task = go!({ panic!("once") });
    let _: &task::JoinHandle<()> = &task;
    let again = go!({ task.wait() });
    assert!(again.join().unwrap_err().is_panic());
    let cancelled = go!({ sleep(NEVER) });
    cancelled.cancel();
    drop(cancelled.join());
}

#[test]
fn the_panic_hook_runs_once_for_each_panic() {
    run("hook").code(0).says(1, &["hook: once in a task: true"]).says(1, &["hook:"]);
}

/// A runtime's start, with what the environment says.
fn starts() {
    match gocoro::runtime::Runtime::new() {
        Ok(_) => println!("started"),
        Err(error) => println!("{:?}: {error}", error.kind()),
    }
}

fn outside_of_main() {
    let caught = std::panic::catch_unwind(|| go!({}).wait());
    println!("{}", if caught.is_ok() { "ran" } else { "panicked" });
}

#[test]
fn wrong_values_in_the_environment_are_named() {
    for (name, value) in [
        ("GOCORO_WORKERS", "many"),
        ("GOCORO_WORKERS", ""),
        ("GOCORO_WORKERS", "-1"),
        ("GOCORO_WORKERS", "2.5"),
        ("GOCORO_WORKERS", "99999999999999999999999"),
        ("GOCORO_STACK_SIZE", "64K"),
    ] {
        let text = format!("{name} is {value:?}");
        let wrong = [(name, value)];
        run_with("waits", &wrong).code(1).printed("").says(1, &["gocoro: ", &text]);
        run_with("starts", &wrong)
            .code(0)
            .printed(&format!("InvalidInput: {text}; it has to be a whole number"));
        run_with("outside_of_main", &wrong).code(0).printed("panicked").says(1, &[&text]);
    }
    for (name, value, text) in [
        ("GOCORO_WORKERS", "0", "workers, not 0"),
        ("GOCORO_STACK_SIZE", "1000000000000", "1000000000000 bytes is too large"),
    ] {
        run_with("waits", &[(name, value)]).code(1).says(1, &["gocoro: ", text]);
    }
    run_with("starts", &[("GOCORO_WORKERS", " 2 ")]).code(0).printed("started");
}

mod environment {
    /// Workers besides this one.
    pub(super) fn workers() -> usize {
        let threads = std::fs::read_dir("/proc/self/task").unwrap();
        let named = |path: std::path::PathBuf| std::fs::read_to_string(path.join("comm"));
        threads
            .filter_map(|thread| named(thread.unwrap().path()).ok())
            .filter(|name| {
                let number = name.trim().strip_prefix("gocoro-");
                number.is_some_and(|number| number.parse::<usize>().is_ok())
            })
            .count()
    }

    #[gocoro::go_main(workers = 2, stack_size = 65536)]
    pub(super) fn main() {
        println!("{}", workers());
    }
}

fn environment_by_hand() {
    let builder = gocoro::runtime::Builder::new().workers(2);
    let local = builder.clone().build_local().unwrap();
    let alone = environment::workers();
    let runtime = builder.build().unwrap();
    println!("{alone}, {}", environment::workers());
    drop((local, runtime));
}

#[test]
fn the_environment_wins_over_the_program() {
    run("environment").code(0).printed("1");
    run_with("environment", &[("GOCORO_WORKERS", "5")]).code(0).printed("4");
    run_with("environment", &[("GOCORO_WORKERS", "1")]).code(0).printed("0");
    run("environment_by_hand").code(0).printed("0, 2");
    run_with("environment_by_hand", &[("GOCORO_WORKERS", "5")]).code(0).printed("0, 5");
}

/// Standard error takes nothing more: nothing can be said, and nothing else goes wrong.
fn full_stderr() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    // SAFETY: both are open, and nothing owns standard error.
    unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&full), 2) };
    let task = go!({ panic!("unheard") });
    let _: &task::JoinHandle<()> = &task;
    assert!(task.join().unwrap_err().is_panic());
    println!("went on");
    io::stdout().flush().unwrap();
}

#[test]
fn a_panic_that_cannot_be_reported() {
    run("full_stderr").code(0).printed("went on");
}
