//! A program as a process of its own, with a limit of time.

use crate::Place;
use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Longer than anything takes that a test waits for.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Process {
    pub(crate) child: Child,
    stdin: Option<ChildStdin>,
    stdout: Lines,
    stderr: Lines,
}

/// How a program has ended, and what it has said.
#[derive(PartialEq)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Place {
    pub(crate) fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(self.world.binary);
        command.arg0(program).args(args);
        self.place(&mut command);
        command
    }

    /// Gives a command this place's folder and number of workers, and pipes.
    pub(crate) fn place<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.current_dir(&self.folder.0);
        command.env("GOCORO_WORKERS", self.world.workers).env("RUST_BACKTRACE", "0");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped())
    }
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the program starts");
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map_or_else(Lines::none, Lines::of);
        let stderr = child.stderr.take().map_or_else(Lines::none, Lines::of);
        Self { child, stdin, stdout, stderr }
    }

    /// Starts a server, and returns with it the address that it says.
    pub(crate) fn serve(command: &mut Command) -> (Self, String) {
        let mut process = Self::start(command);
        let line = process.line();
        let address = line.rsplit(' ').next().expect("it says where it listens").to_owned();
        (process, address)
    }

    /// Writes to standard input, which stays open.
    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.stdin.as_ref().expect("it is open"), "{line}").expect("it is read");
    }

    /// Writes all of standard input, while the test goes on, and closes it.
    pub(crate) fn feed(&mut self, input: impl Into<Vec<u8>>) {
        let (input, stdin) = (input.into(), self.stdin.take());
        // An error says that the program did not want all of it.
        thread::spawn(move || drop(stdin.map(|mut stdin| stdin.write_all(&input))));
    }

    /// The next line of standard output.
    pub(crate) fn line(&mut self) -> String {
        let line = self.stdout.next().unwrap_or_else(|| {
            panic!("an end in place of a line: {}", String::from_utf8_lossy(&self.stderr.rest()))
        });
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    /// Ends its standard input.
    pub(crate) fn close(&mut self) {
        self.stdin = None;
    }

    /// The next line of standard error.
    pub(crate) fn complaint(&mut self) -> String {
        let line = self.stderr.next().expect("a complaint in place of the end");
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    /// What the kernel lists of it.
    fn listed(&self, what: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(format!("/proc/{}/{what}", self.child.id()));
        entries.expect("it runs").filter_map(|entry| Some(entry.ok()?.path())).collect()
    }

    /// The number of its threads.
    pub(crate) fn threads(&self) -> usize {
        self.listed("task").len()
    }

    /// The number of its open descriptors.
    pub(crate) fn descriptors(&self) -> usize {
        self.listed("fd").len()
    }

    /// The number of its children, of those too that have ended and were not waited for.
    pub(crate) fn children(&self) -> usize {
        let children = |thread: &PathBuf| fs::read_to_string(thread.join("children")).ok();
        let lists: Vec<_> = self.listed("task").iter().filter_map(children).collect();
        lists.iter().flat_map(|list| list.split_whitespace()).count()
    }

    /// Closes standard input and waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        self.close();
        let (stdout, stderr) = (self.stdout.rest(), self.stderr.rest());
        let code = self.child.wait().expect("a child").code();
        Ended { code, stdout, stderr }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a pipe, none of which is waited for longer than the limit.
struct Lines(Receiver<Vec<u8>>);

impl Lines {
    fn none() -> Self {
        Self(mpsc::channel().1)
    }

    fn of(pipe: impl Read + Send + 'static) -> Self {
        let (lines, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            loop {
                let mut line = Vec::new();
                let read = pipe.read_until(b'\n', &mut line).expect("a pipe of a child");
                if read == 0 || lines.send(line).is_err() {
                    return;
                }
            }
        });
        Self(receiver)
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        match self.0.recv_timeout(LIMIT) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("nothing within {LIMIT:?}"),
        }
    }

    fn rest(&mut self) -> Vec<u8> {
        std::iter::from_fn(|| self.next()).flatten().collect()
    }
}

impl Ended {
    /// Sorts the lines of its outputs, if their order is anybody's guess.
    pub(crate) fn sorted(mut self) -> Self {
        for output in [&mut self.stdout, &mut self.stderr] {
            let mut lines: Vec<_> = output.split_inclusive(|&byte| byte == b'\n').collect();
            lines.sort_unstable();
            *output = lines.concat();
        }
        self
    }

    pub(crate) fn stdout(&self) -> &str {
        str::from_utf8(&self.stdout).expect("text")
    }

    pub(crate) fn stderr(&self) -> &str {
        str::from_utf8(&self.stderr).expect("text")
    }
}

/// What it has said may be long, so only its beginning and its end are shown.
impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |output: &[u8]| {
            let text = String::from_utf8_lossy(output);
            let chars: Vec<_> = text.chars().collect();
            match chars.len() {
                0..2000 => text.into_owned(),
                all => {
                    let (head, tail) = (&chars[..900], &chars[all - 900..]);
                    let text = |part: &[char]| part.iter().collect::<String>();
                    format!("{}\n… of {all} characters …\n{}", text(head), text(tail))
                }
            }
        };
        writeln!(f, "ended with {:?}", self.code)?;
        writeln!(f, "stdout:\n{}\nstderr:\n{}", short(&self.stdout), short(&self.stderr))
    }
}
