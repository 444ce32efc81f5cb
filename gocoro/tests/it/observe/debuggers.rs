//! What those see who unwind the stack of a running task by the rules that compilers leave for it:
//! backtraces, debuggers, profilers. With the engine `corosensei` they go on in whoever has resumed
//! the task, or the coroutine: a worker, and so on to the beginning of the thread. With `generator`
//! they end at the first function of each stack.

use std::backtrace::Backtrace;
use std::env;
use std::hint;
use std::process::{self, Command, Stdio};

use gocoro::coroutine::{Coroutine, Step, Suspender};
use gocoro::runtime::LocalRuntime;

use crate::support::{play, scenario, skipped, this_program};
use crate::unix::TempPath;

/// Whether the engine has rules for its switches.
const GOES_ON: bool = cfg!(feature = "corosensei");

/// The functions that are under way, innermost first, each on another stack than the one before.
const FUNCTIONS: [&str; 3] = ["looks_around", "resumes_a_coroutine", "drives_a_worker"];

#[inline(never)]
fn looks_around(look: fn() -> String) -> String {
    let seen = look();
    hint::black_box(seen)
}

#[inline(never)]
fn resumes_a_coroutine(look: fn() -> String) -> String {
    let mut one = Coroutine::new(move |_: &Suspender<(), ()>, ()| looks_around(look));
    match hint::black_box(one.resume(())) {
        Ok(Step::Returned(seen)) => seen,
        _ => unreachable!("it suspends nowhere"),
    }
}

#[inline(never)]
fn drives_a_worker(look: fn() -> String) -> String {
    let seen = LocalRuntime::new().unwrap().run(|| resumes_a_coroutine(look));
    hint::black_box(seen)
}

/// Fails unless these lines tell of the calls that whoever has unwound the stack finds.
#[track_caller]
fn check(lines: &str) {
    let line_of = |name: &str| {
        lines.lines().position(|line| line.contains(name) && !line.contains("closure"))
    };
    let at = FUNCTIONS.map(line_of);
    assert!(at[0].is_some(), "{lines}");
    if GOES_ON {
        assert!(at.iter().all(Option::is_some) && at.is_sorted(), "{lines}");
    } else {
        assert_eq!(at[1..], [None, None], "{lines}");
    }
}

#[test]
fn a_backtrace_of_stds() {
    check(&drives_a_worker(|| Backtrace::force_capture().to_string()));
}

/// Run by the test below alone, in a debugger.
#[test]
fn child() {
    let Some(name) = scenario() else { return };
    // The debugger stops there.
    let abort = || unreachable!("{}", drives_a_worker(|| process::abort()));
    play(&[("abort", abort)], &name);
}

#[test]
fn a_debugger() {
    let folders = env::var_os("PATH").unwrap_or_default();
    for tool in ["gdb", "strip"] {
        if !env::split_paths(&folders).any(|folder| folder.join(tool).is_file()) {
            return skipped(&format!("debuggers: no {tool} here"));
        }
    }
    // Reading what this program says of its lines takes gdb a minute.
    let copy = TempPath::new();
    let program = this_program(&["observe::debuggers::child", "--exact"], "abort");
    let mut strip = Command::new("strip");
    strip.arg("-g").arg("-o").arg(copy.as_ref()).arg(program.get_program());
    assert!(strip.status().unwrap().success());
    let mut debugger = Command::new("gdb");
    debugger.args(["-q", "-nx", "-batch", "-iex", "set debuginfod enabled off"]);
    debugger.args(["-ex", "set startup-with-shell off", "-ex", "run", "-ex", "backtrace"]);
    debugger.arg("--args").arg(copy.as_ref()).args(program.get_args()).stdin(Stdio::null());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => debugger.env(name, value),
            None => debugger.env_remove(name),
        };
    }
    let said = debugger.output().unwrap();
    let lines = String::from_utf8_lossy(&said.stdout);
    if !lines.contains("SIGABRT") {
        return skipped(&format!("debuggers: gdb cannot run programs ({}) here", said.status));
    }
    check(&lines);
}
