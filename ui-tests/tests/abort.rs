//! What programs get that are built with `panic = "abort"`: a message from the compiler where
//! something rests on unwinding, and a cancel that is a flag.
//!
//! The library is built once more for them, in a folder of its own below the target folder. The
//! programs are compiled to the end, since a check would find nothing wrong with those that are
//! refused.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// A tool of the toolchain that runs this.
fn tool(variable: &str, name: &str) -> Command {
    let mut command = Command::new(env::var_os(variable).unwrap_or_else(|| name.into()));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository"));
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    command
}

/// Where gocoro lies, built for programs whose panics abort.
fn library() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("abort");
        let built = tool("CARGO", "cargo")
            .args(["build", "--quiet", "--package", "gocoro", "--lib"])
            .args(["--config", "profile.dev.panic = \"abort\"", "--target-dir"])
            .arg(&target)
            .output()
            .expect("cargo runs");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        target.join("debug")
    })
}

/// Compiles `tests/abort/<name>.rs`; the program, and what the compiler said.
fn compile(name: &str) -> (PathBuf, Output) {
    let library = library();
    let program = library.join(name);
    let path = |folder: &str| library.join(folder).display().to_string();
    let output = tool("RUSTC", "rustc")
        .args(["--edition=2024", "-Cpanic=abort", "--crate-type=bin"])
        .arg(format!("--extern=gocoro={}", path("libgocoro.rlib")))
        .arg(format!("-Ldependency={}", path("deps")))
        .args(["-o".as_ref(), program.as_os_str()])
        .arg(format!("ui-tests/tests/abort/{name}.rs"))
        .output()
        .expect("rustc runs");
    (program, output)
}

/// A program that the compiler takes, with so many workers and this argument.
fn program(name: &str, workers: usize, argument: &str) -> Command {
    let (program, output) = compile(name);
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let mut command = Command::new(program);
    command.env("GOCORO_WORKERS", workers.to_string()).arg(argument);
    command
}

/// Runs a program to its end; what it printed, on both outputs.
fn run(name: &str, workers: usize, argument: &str) -> (Output, String, String) {
    let output = program(name, workers, argument).output().expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    println!("{name} on {workers} workers: {}\n{out}{err}", output.status);
    (output, out, err)
}

#[test]
fn what_rests_on_unwinding_is_refused() {
    for (name, line, texts) in [
        ("refused_timeout", 8, ["`time::timeout`", "bound the single operations"]),
        ("refused_timeout_at", 9, ["`time::timeout_at`", "`time::io_deadline`"]),
        ("refused_race", 6, ["`task::race`", "spawn the arms and use `task::wait_any`"]),
    ] {
        let (_, output) = compile(name);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{name} is not refused");
        for text in texts {
            assert!(said.contains(text), "{name}: no {text:?} in {said}");
        }
        assert!(said.contains("build with `panic = \"unwind\"`"), "{name}: {said}");
        // And the user's own line, which is the one to change.
        assert!(
            said.contains(&format!("ui-tests/tests/abort/{name}.rs:{line}:")),
            "{name}: {said}"
        );
    }
}

#[test]
fn a_cancel_is_a_flag() {
    for workers in [1, 2] {
        let (output, out, _) = run("flag", workers, "");
        assert!(output.status.success());
        assert_eq!(out, "went on\n");
    }
}

#[test]
fn a_way_of_a_copy_that_fails_ends_the_other_one() {
    for workers in [1, 4] {
        let (output, out, err) = run("copies", workers, "");
        assert!(output.status.success(), "{err}");
        assert_eq!(out, "both ways ended\n");
    }
}

#[test]
fn children_are_started_waited_for_and_killed() {
    for workers in [1, 4] {
        let (output, out, err) = run("children", workers, "");
        assert!(output.status.success(), "{err}");
        assert!(["Some(4)\n", "None\n"].contains(&&*out), "{out}");
    }
}

#[test]
fn files_are_opened_read_and_written() {
    for workers in [1, 4] {
        let (output, out, err) = run("files", workers, "");
        assert!(output.status.success(), "{err}");
        assert_eq!((&*out, &*err), ("to the end\n", ""));
    }
}

#[test]
fn the_end_of_main_waits_for_no_daemon() {
    for workers in [1, 2] {
        for code in [0, 7] {
            let (output, out, err) = run("daemons", workers, &code.to_string());
            assert_eq!(output.status.code(), Some(code));
            assert_eq!((&*out, &*err), ("main\n", ""));
        }
    }
}

#[test]
fn a_ctrl_c_ends_main_when_it_asks_or_after_the_grace() {
    for workers in [1, 2] {
        for (how, printed) in [("asks", "told\n"), ("waits", "")] {
            let mut command = program("ctrl_c", workers, how);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().expect("the program runs");
            let mut out = BufReader::new(child.stdout.take().expect("piped"));
            let mut line = String::new();
            out.read_line(&mut line).expect("a line");
            assert_eq!(line, "ready\n");
            let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
            assert!(kill.expect("kill runs").success());
            let mut rest = String::new();
            out.read_to_string(&mut rest).expect("text");
            let output = child.wait_with_output().expect("a child");
            assert_eq!((output.status.code(), &*rest), (Some(130), printed));
            let err = String::from_utf8_lossy(&output.stderr);
            assert_eq!(err.contains("gocoro: tasks are left 300ms"), how == "waits", "{err}");
        }
    }
}

#[test]
fn a_runtime_that_is_dropped_leaves_its_started_tasks() {
    for workers in [1, 2] {
        let (output, out, _) = run("runtimes", workers, "");
        assert!(output.status.success());
        assert_eq!(out, "left\n");
    }
}

#[test]
fn who_drops_a_local_runtime_with_started_tasks_goes_on() {
    for (how, code) in [("main", 0), ("worker", 0), ("exit", 7)] {
        let (output, out, err) = run("local_runtime", 1, how);
        assert_eq!((output.status.code(), &*out), (Some(code), "went on\n"), "{how}: {err}");
        assert!(!err.contains("gocoro") || how == "worker", "{how}: {err}");
    }
}

/// The thread goes on; what its tasks lent is not destroyed, since it does not end.
#[test]
fn a_local_runtime_with_started_tasks_keeps_its_thread() {
    let mut child =
        program("local_runtime", 1, "end").stderr(Stdio::piped()).spawn().expect("it runs");
    let errors = BufReader::new(child.stderr.take().expect("piped"));
    let mut lines = errors.lines().map(Result::unwrap);
    // It ends itself if that takes too long.
    let first = lines.next();
    child.kill().expect("it is there, or was");
    let status = child.wait().expect("a child");
    let said = first.unwrap_or_default();
    assert!(said.contains("a thread stays for ever"), "{status}: {said}");
}

#[test]
fn a_stack_that_cannot_be_had_is_no_panic() {
    let (program, output) = compile("stacks");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Below a limit that `generator` would answer with a panic.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -s 8192; exec \"$0\""]).arg(program);
    let output = command.output().expect("a shell");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {err}", output.status);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "true\n7\n");
    assert!(err.contains("RLIMIT_STACK allows 8388608") && !err.contains("the hook"), "{err}");
}

#[test]
fn a_panic_in_a_task_aborts() {
    for who in ["task", "main", "silent"] {
        let (output, _, err) = run("panics", 1, who);
        assert_eq!(output.status.signal(), Some(6));
        let reported = err.contains("panics.rs:8:") && err.contains("expected");
        assert_eq!(reported, who != "silent", "{err}");
        // Of a task on the main thread, std's report names the thread alone: the task comes first.
        let first = err.lines().next().unwrap_or_default();
        let named = first.starts_with("gocoro: task 'unlucky' (spawned at ");
        assert_eq!((named, err.contains("gocoro: ")), (who == "task", who == "task"), "{err}");
        assert_eq!(err.is_empty(), who == "silent", "{err}");
    }
}

/// What is suspended and dropped is left as it is; a panic of a coroutine aborts as any other.
#[test]
fn a_coroutine_that_cannot_be_unwound_is_left_as_it_is() {
    for workers in [1, 4] {
        let (output, out, err) = run("coroutines", workers, "");
        assert!(output.status.success(), "{err}");
        assert_eq!((&*out, &*err), ("went on\n", ""));
    }
    let (output, _, err) = run("coroutines", 1, "panics");
    assert_eq!(output.status.signal(), Some(6));
    assert!(err.contains("in the body"), "{err}");
}
