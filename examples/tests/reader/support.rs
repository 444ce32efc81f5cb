//! Programs that are read, and the reader.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

pub(crate) const READER: &str = env!("CARGO_BIN_EXE_gocoro");

/// Names the scenario that `child` runs.
pub(crate) const SCENARIO: &str = "GOCORO_READ_SCENARIO";

/// A program that runs until this is dropped.
pub(crate) struct Program {
    pub(crate) child: Child,
    out: BufReader<ChildStdout>,
}

impl Program {
    pub(crate) fn start(scenario: &str, workers: usize) -> Self {
        let this = std::env::current_exe().unwrap();
        Self::run(Command::new(this), scenario, workers)
    }

    pub(crate) fn run(mut command: Command, scenario: &str, workers: usize) -> Self {
        command.args(["child", "--exact", "--nocapture"]).env(SCENARIO, scenario);
        command.env("GOCORO_WORKERS", workers.to_string()).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut program = Self { child, out };
        program.says("ready");
        program
    }

    /// The lines that it says up to this one, which begins with `text`.
    pub(crate) fn says(&mut self, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.out.read_line(&mut line).unwrap(), 0, "no {text:?} in {lines:?}");
            if line.starts_with(text) {
                return lines;
            }
            lines.push(line.trim_end_matches('\n').to_owned());
        }
    }

    pub(crate) fn number(&self) -> String {
        self.child.id().to_string()
    }

    /// What the reader says of it.
    pub(crate) fn read(&self, what: &str) -> String {
        let ended = reader(&[what, &self.number()]);
        let said = String::from_utf8(ended.stdout).unwrap();
        let complained = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.success(), "{what}: {}\n{said}{complained}", ended.status);
        assert_eq!(complained, "");
        said
    }

    /// The rows of `ps`, by the name of the task.
    pub(crate) fn row(&self, name: &str) -> String {
        let table = self.read("ps");
        let row = table.lines().find(|line| line.split_whitespace().nth(1) == Some(name));
        row.unwrap_or_else(|| panic!("no '{name}' in:\n{table}")).to_owned()
    }

    pub(crate) fn gets(&self, signal: &str) {
        let ended = Command::new("kill").args([signal, &self.number()]).status().unwrap();
        assert!(ended.success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn reader(arguments: &[&str]) -> Output {
    Command::new(READER).args(arguments).output().unwrap()
}

/// What the reader complains about when it cannot read this process.
pub(crate) fn refused(process: &str) -> String {
    let ended = reader(&["ps", process]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    String::from_utf8(ended.stderr).unwrap()
}

pub(crate) fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}

/// Copies a program by a process of its own. What is open for writing here is so for a moment in
/// each child that another test starts just then, and cannot be run until that is over.
pub(crate) fn copy(from: impl AsRef<OsStr>, to: &Path) {
    assert!(Command::new("cp").arg(from).arg(to).status().unwrap().success());
}

/// A folder of its own for a test, which goes with this.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("gocoro-reader-{}-{number}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
