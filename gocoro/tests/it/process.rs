//! What a program's user sees: standard error and the exit status. Each scenario is a process: this
//! test program once more, running `child` alone.

mod exits;
mod faults;
mod forks;
mod hooks;
mod limits;
mod on_panic;
mod polling;
mod refused;
mod registered;
mod runtimes;
mod sizes;
mod stacks;
mod threads;
mod unwinding;

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, Output};

use crate::support::{play, scenario, this_program};

/// What a child left.
struct Seen {
    /// Its exit code, or the signal that ended it.
    end: Result<i32, i32>,
    out: String,
    err: String,
}

impl Seen {
    fn new(output: Output) -> Seen {
        let status = output.status;
        Seen {
            end: status.code().ok_or_else(|| status.signal().unwrap()),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    fn code(&self, code: i32) -> &Seen {
        assert_eq!(self.end, Ok(code), "{self}");
        self
    }

    #[track_caller]
    fn signal(&self, signal: i32) -> &Seen {
        assert_eq!(self.end, Err(signal), "{self}");
        self
    }

    /// Each of these stands on standard error, so many times.
    #[track_caller]
    fn says(&self, times: usize, texts: &[&str]) -> &Seen {
        for text in texts {
            assert_eq!(self.err.matches(text).count(), times, "{text:?} in: {self}");
        }
        self
    }

    /// So many lines of standard error have all of these.
    #[track_caller]
    fn has_lines(&self, times: usize, texts: &[&str]) -> &Seen {
        let lines = self.err.lines().filter(|line| texts.iter().all(|text| line.contains(text)));
        assert_eq!(lines.count(), times, "{texts:?} in: {self}");
        self
    }

    /// What it printed, without the test harness's lines.
    #[track_caller]
    fn printed(&self, expected: &str) -> &Seen {
        let own = self.out.split_once("running 1 test\n").map_or("", |(_, own)| own);
        let own = own.strip_prefix("test process::child ... ").unwrap_or(own);
        assert_eq!(own.trim_end(), expected, "{self}");
        self
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let head = |text: &str| text.chars().take(4_000).collect::<String>();
        write!(f, "{:?}\n--- out\n{}\n--- err\n{}", self.end, head(&self.out), head(&self.err))
    }
}

/// Runs a scenario in a child with these variables.
fn run_with(scenario: &str, variables: &[(&str, &str)]) -> Seen {
    let mut command = this_program(&["process::child", "--exact"], scenario);
    command.envs(variables.iter().copied());
    Seen::new(command.output().unwrap())
}

fn run(scenario: &str) -> Seen {
    run_with(scenario, &[])
}

#[test]
fn child() {
    let Some(name) = scenario() else { return };
    let scenarios = [
        exits::SCENARIOS,
        faults::SCENARIOS,
        forks::SCENARIOS,
        hooks::SCENARIOS,
        limits::SCENARIOS,
        on_panic::SCENARIOS,
        polling::SCENARIOS,
        refused::SCENARIOS,
        registered::SCENARIOS,
        runtimes::SCENARIOS,
        sizes::SCENARIOS,
        stacks::SCENARIOS,
        threads::SCENARIOS,
        unwinding::SCENARIOS,
    ]
    .concat();
    play(&scenarios, &name);
}

/// Makes a table of scenarios from functions, by their names; those that return `()` end well.
macro_rules! scenarios {
    ($($name:ident $(:: $main:ident)?,)*) => {
        pub(super) const SCENARIOS: &[(&str, fn() -> std::process::ExitCode)] = &[
            $((stringify!($name), || $name $(:: $main)? ().into_code()),)*
        ];
    };
}
use scenarios;

/// The end of a scenario.
trait IntoCode {
    fn into_code(self) -> ExitCode;
}

impl IntoCode for () {
    fn into_code(self) -> ExitCode {
        ExitCode::SUCCESS
    }
}

impl IntoCode for ExitCode {
    fn into_code(self) -> ExitCode {
        self
    }
}
