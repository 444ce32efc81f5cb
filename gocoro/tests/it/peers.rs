//! Peers that are not ours: `nc`, `socat` and Python, as clients and as servers, over TCP, UDP and
//! Unix sockets. What is not installed is skipped, and the test says so.

mod datagrams;
mod streams;

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::support::{Random, skipped};
use crate::unix::TempPath;

/// A program that may be installed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Tool {
    Nc,
    Socat,
    Python,
}

const TOOLS: [Tool; 3] = [Tool::Nc, Tool::Socat, Tool::Python];

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Tool::Nc => "nc",
            Tool::Socat => "socat",
            Tool::Python => "python3",
        }
    }

    /// A command of this tool, if it is here.
    fn command(self) -> Option<Command> {
        let folders = env::var_os("PATH").unwrap_or_default();
        let found = env::split_paths(&folders).map(|folder| folder.join(self.name()));
        let found = found.into_iter().find(|path| path.is_file())?;
        if self == Tool::Nc && !is_of_openbsd(&found) {
            return None;
        }
        let mut command = Command::new(found);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Some(command)
    }
}

/// Whether this `nc` has the options that are used here.
fn is_of_openbsd(path: &Path) -> bool {
    let said = Command::new(path).arg("-h").stdin(Stdio::null()).output();
    said.is_ok_and(|said| String::from_utf8_lossy(&said.stderr).contains("OpenBSD"))
}

/// Runs `scenario` with each tool, and says which are not here, past the harness's capture.
fn with_each(test: &str, scenario: impl Fn(Tool)) {
    for tool in TOOLS {
        if tool.command().is_some() {
            println!("{tool:?}");
            scenario(tool);
        } else {
            skipped(&format!("peers, {test}: no {} here", tool.name()));
        }
    }
}

/// A process that ends with its test.
struct Process {
    child: Child,
    /// Kept open, for it says something now and then.
    _said: Option<BufReader<ChildStderr>>,
}

impl Process {
    fn start(command: &mut Command) -> Process {
        Process { child: command.spawn().unwrap(), _said: None }
    }

    /// Waits for the line with these words, in which a server says that it is there; returns the
    /// number at its end, which is a port where there are ports.
    fn is_ready(&mut self, words: &str) -> u16 {
        let mut said = BufReader::new(self.child.stderr.take().expect("taken once"));
        let mut line = String::new();
        while !line.to_lowercase().contains(words) {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "the server has ended");
        }
        self._said = Some(said);
        // Older versions of `nc` put the port into parentheses.
        let line = line.trim_end_matches(|char: char| !char.is_ascii_digit());
        let digits = line.rsplit(|char: char| !char.is_ascii_digit()).next();
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a server is.
#[derive(Clone, Debug)]
enum At {
    Port(u16),
    Path(PathBuf),
}

impl At {
    /// As the tools' arguments have it.
    fn argument(&self) -> String {
        match self {
            At::Port(port) => port.to_string(),
            At::Path(path) => path.to_str().unwrap().to_owned(),
        }
    }
}

/// The families of addresses.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Family {
    Inet,
    Unix,
}

const FAMILIES: [Family; 2] = [Family::Inet, Family::Unix];

impl Family {
    /// The address of a server that is to come: a free path, or a port that is yet to be chosen.
    fn address(self) -> (At, TempPath) {
        let path = TempPath::new();
        match self {
            Family::Inet => (At::Port(0), path),
            Family::Unix => (At::Path(path.as_ref().to_owned()), path),
        }
    }
}

/// Bytes of every value, the same for the same seed.
fn bytes(count: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..count).map(|_| random.next() as u8).collect()
}
