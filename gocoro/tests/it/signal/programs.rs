//! What a Ctrl-C does with a program: each is this test program once more, running `child` alone.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Instant;

use gocoro::signal::{SIGINT, SIGTERM, SIGUSR1, Signals, ctrl_c};
use gocoro::time::{io_deadline, sleep, timeout};
use gocoro::{go, task};

use super::{listen, raise};
use crate::channel::{COLOURS, spawn};
use crate::support::{NEVER, SOON, Scenario, on_drop, play, scenario, settle, this_program};
use crate::tcp::kind;

const SCENARIOS: &[Scenario] = &[
    ("cancels", cancels::main),
    ("cancels_after_main", cancels_after_main::main),
    ("stuck", stuck::main),
    ("over_grace", over_grace::main),
    ("of_main_itself", of_main_itself::main),
    ("ends_already", ends_already::main),
    ("also_listens", also_listens::main),
    ("ignored", ignored::main),
    ("not_asked_for", not_asked_for::main),
    ("terminated", cancels::main),
    ("waits", waits),
    ("children", children),
];

#[test]
fn child() {
    let Some(name) = scenario() else { return };
    play(SCENARIOS, &name);
}

/// The exit code of a program, or the signal that ended it; what it printed, and its errors.
pub(super) type End = (Result<i32, i32>, String, String);

/// A running program.
pub(super) struct Program {
    pub(super) child: Child,
    out: BufReader<ChildStdout>,
    said: String,
}

impl Program {
    fn start(name: &str, workers: usize, prepare: impl FnOnce(&mut Command)) -> Program {
        Program::of("signal::programs::child", name, workers, prepare)
    }

    /// Runs the test `child` with this scenario.
    pub(super) fn of(
        child: &str,
        name: &str,
        workers: usize,
        prepare: impl FnOnce(&mut Command),
    ) -> Program {
        let mut command = this_program(&[child, "--exact"], name);
        command.env("GOCORO_WORKERS", workers.to_string());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        prepare(&mut command);
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Program { child, out, said: String::new() }
    }

    /// Reads until it has said this.
    pub(super) fn says(&mut self, text: &str) -> &mut Program {
        while !self.said.contains(text) {
            let count = self.out.read_line(&mut self.said).unwrap();
            assert_ne!(count, 0, "no {text:?} in: {}", self.said);
        }
        self
    }

    pub(super) fn gets(&mut self, signal: i32) -> &mut Program {
        // SAFETY: no pointers; the child was not waited for.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, signal) }, 0);
        self
    }

    /// Waits for its end.
    pub(super) fn ends(&mut self) -> End {
        self.out.read_to_string(&mut self.said).unwrap();
        let mut errors = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut errors).unwrap();
        }
        let status = self.child.wait().unwrap();
        let end = status.code().ok_or_else(|| status.signal().unwrap());
        println!("{status}\n{}{errors}", self.said);
        (end, self.said.clone(), errors)
    }
}

/// Runs a program on one worker and on two, which gets a Ctrl-C once it is ready.
fn interrupted(name: &str) -> [End; 2] {
    [1, 2].map(|workers| {
        let mut program = Program::start(name, workers, |_| ());
        program.says("ready").gets(SIGINT).ends()
    })
}

mod cancels {
    use super::*;

    #[gocoro::go_main(ctrl_c = "cancel")]
    pub(super) fn main() {
        let _guard = on_drop(|| println!("main unwinds"));
        go!(daemon => {
            let _guard = on_drop(|| println!("daemon unwinds"));
            sleep(NEVER);
        });
        let waits = go!({
            let _guard = on_drop(|| {
                sleep(SOON);
                println!("task unwinds");
            });
            sleep(NEVER);
        });
        settle();
        println!("ready");
        waits.wait();
    }
}

#[test]
fn the_first_ctrl_c_cancels_every_task() {
    for (end, out, errors) in interrupted("cancels") {
        assert_eq!(end, Ok(130));
        for who in ["main", "daemon", "task"] {
            assert!(out.contains(&format!("{who} unwinds")));
        }
        assert_eq!(errors, "");
    }
}

#[test]
fn a_sigterm_is_left_alone() {
    let mut program = Program::start("terminated", 1, |_| ());
    assert_eq!(program.says("ready").gets(SIGTERM).ends().0, Err(SIGTERM));
}

mod cancels_after_main {
    use super::*;

    #[gocoro::go_main(ctrl_c = "cancel")]
    pub(super) fn main() {
        drop(go!({
            let _guard = on_drop(|| println!("task unwinds"));
            settle();
            println!("ready");
            sleep(NEVER);
        }));
    }
}

#[test]
fn a_ctrl_c_after_main_cancels_what_is_left() {
    for (end, out, _) in interrupted("cancels_after_main") {
        assert_eq!(end, Ok(130));
        assert!(out.contains("task unwinds"));
    }
}

mod stuck {
    use super::*;

    /// Every worker computes for ever, and nobody hears of the first one.
    #[gocoro::go_main(ctrl_c = "cancel", grace = "1ms")]
    pub(super) fn main() {
        let signals = listen(SIGINT);
        let others = std::env::var("GOCORO_WORKERS").unwrap().parse::<usize>().unwrap() - 1;
        let (begun, has_begun) = std::sync::mpsc::channel();
        for _ in 0..others {
            let begun = begun.clone();
            drop(go!({
                begun.send(()).unwrap();
                loop {
                    std::hint::spin_loop();
                }
            }));
        }
        for _ in 0..others {
            // Blocks this worker, so that another one has the task.
            has_begun.recv().unwrap();
        }
        println!("ready");
        let first = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // On another thread, since asking in a task lets the worker go on.
            scope.spawn(|| {
                assert_eq!(signals.recv().unwrap(), SIGINT);
                first.store(true, SeqCst);
                println!("the first has come");
            });
            loop {
                std::hint::spin_loop();
            }
        });
    }
}

#[test]
fn the_second_ctrl_c_ends_a_program_whose_workers_are_stuck() {
    for workers in [1, 2] {
        let mut program = Program::start("stuck", workers, |_| ());
        program.says("ready").gets(SIGINT).says("the first has come").gets(SIGINT);
        assert_eq!(program.ends().0, Err(SIGINT));
    }
}

mod over_grace {
    use super::*;

    #[gocoro::go_main(ctrl_c = "cancel", grace = "50ms")]
    pub(super) fn main() {
        drop(go!({
            let _guard = on_drop(|| sleep(NEVER));
            sleep(NEVER)
        }));
        settle();
        println!("ready");
        sleep(NEVER);
    }
}

mod of_main_itself {
    use super::*;

    #[gocoro::go_main(ctrl_c = "cancel", grace = "50ms")]
    pub(super) fn main() {
        let _guard = on_drop(|| sleep(NEVER));
        println!("ready");
        sleep(NEVER);
    }
}

#[test]
fn who_does_not_end_within_the_grace_is_left() {
    for name in ["over_grace", "of_main_itself"] {
        for (end, _, errors) in interrupted(name) {
            assert_eq!(end, Ok(130));
            assert!(errors.contains("gocoro: tasks are left 50ms after they were cancelled"));
        }
    }
}

mod ends_already {
    use super::*;

    #[gocoro::go_main(ctrl_c = "cancel", grace = "60m")]
    pub(super) fn main() -> ExitCode {
        let mut signals = listen(SIGINT);
        let stuck = std::env::var("STUCK").is_ok();
        drop(go!({
            let _guard = on_drop(move || {
                println!("ready");
                assert_eq!(signals.next(), Some(SIGINT));
                println!("the first has come");
                if stuck {
                    sleep(NEVER);
                }
            });
            sleep(NEVER);
        }));
        settle();
        ExitCode::from(9)
    }
}

#[test]
fn a_program_that_ends_already_keeps_its_code() {
    for (end, ..) in interrupted("ends_already") {
        assert_eq!(end, Ok(9));
    }
    // And a second one ends it here as well.
    let mut program = Program::start("ends_already", 1, |command| {
        command.env("STUCK", "");
    });
    program.says("ready").gets(SIGINT).says("the first has come").gets(SIGINT);
    assert_eq!(program.ends().0, Err(SIGINT));
}

mod also_listens {
    use super::*;

    #[gocoro::go_main(ctrl_c = "cancel")]
    pub(super) fn main() {
        let mut signals = listen(SIGINT);
        println!("ready");
        // Shielded, so that it gets to the word after the wait.
        let signal = task::shield(|| signals.next());
        println!("got {signal:?}");
    }
}

#[test]
fn who_listens_gets_it_as_well() {
    for (end, out, _) in interrupted("also_listens") {
        assert_eq!(end, Ok(130), "whatever main returns");
        assert!(out.contains("got Some(2)"));
    }
}

mod ignored {
    use super::*;

    #[gocoro::go_main(ctrl_c = "cancel")]
    pub(super) fn main() {
        for _ in 0..3 {
            raise(SIGINT);
            settle();
        }
        println!("went on");
    }
}

#[test]
fn a_signal_that_was_ignored_from_the_start_stays_so() {
    let mut program = Program::start("ignored", 1, |command| {
        let ignore = || {
            // SAFETY: the call is one that a forked child may make.
            unsafe { libc::signal(SIGINT, libc::SIG_IGN) };
            Ok(())
        };
        // SAFETY: as above.
        unsafe { command.pre_exec(ignore) };
    });
    let (end, out, _) = program.ends();
    assert_eq!(end, Ok(0));
    assert!(out.contains("went on"));
}

mod not_asked_for {
    use super::*;

    #[gocoro::go_main]
    pub(super) fn main() {
        println!("ready");
        sleep(NEVER);
    }
}

#[test]
fn without_the_option_a_ctrl_c_ends_the_process() {
    for (end, ..) in interrupted("not_asked_for") {
        assert_eq!(end, Err(SIGINT));
    }
}

/// All of `ctrl_c`, in a process that may lose its Ctrl-C.
fn waits() -> ExitCode {
    for colour in COLOURS {
        spawn(colour, || {
            assert!(timeout(SOON, ctrl_c).is_err());
            let late = io_deadline(Instant::now() + SOON, ctrl_c);
            assert_eq!(kind(late), std::io::ErrorKind::TimedOut);
            // Nobody waits, and the process goes on.
            raise(SIGINT);
            assert!(timeout(SOON, ctrl_c).is_err(), "one that came before");
        })
        .wait();
    }
    let task = go!({ ctrl_c() });
    settle();
    task.cancel();
    assert!(task.join().unwrap_err().is_cancelled());

    // Whoever waits gets it; who begins later, the next one.
    let waits = COLOURS.map(|colour| {
        let done = std::sync::Arc::new(AtomicBool::new(false));
        let theirs = done.clone();
        let wait = spawn(colour, move || {
            let result = ctrl_c();
            theirs.store(true, SeqCst);
            result
        });
        (wait, done)
    });
    while !waits.iter().all(|(_, done)| done.load(SeqCst)) {
        raise(SIGINT);
        std::thread::yield_now();
    }
    waits.into_iter().for_each(|(wait, _)| wait.wait().unwrap());
    ExitCode::SUCCESS
}

#[test]
fn ctrl_c_waits_for_the_next_one() {
    assert_eq!(Program::start("waits", 2, |_| ()).ends().0, Ok(0));
}

/// What children start with.
fn children() -> ExitCode {
    let signals = Signals::new([SIGINT, SIGUSR1, libc::SIGCHLD]).unwrap();
    let killed = Command::new("sh").args(["-c", "kill -INT $$; echo survived"]).output().unwrap();
    assert_eq!(killed.status.signal(), Some(SIGINT));
    for colour in COLOURS {
        let status = spawn(colour, || Command::new("cat").arg("/proc/self/status").output());
        let status = String::from_utf8(status.wait().unwrap().stdout).unwrap();
        for what in ["SigBlk", "SigCgt"] {
            let mask = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
            assert_eq!(mask.trim_matches([':', '\t', '0']), "", "{what}");
        }
    }
    assert_eq!(signals.pending().collect::<Vec<_>>(), [libc::SIGCHLD]);
    ExitCode::SUCCESS
}

#[test]
fn children_have_the_defaults_and_nothing_blocked() {
    assert_eq!(Program::start("children", 1, |_| ()).ends().0, Ok(0));
}
