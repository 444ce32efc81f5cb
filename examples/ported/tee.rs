// tee: copies standard input to standard output and to files.
//
//     tee [-a] [FILE]...
//
// -a  appends to the files in place of starting them anew
//
// An output that fails is given up, and the others go on. The program has then failed, too.

use std::env;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// How much is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

struct Output {
    name: String,
    sink: Box<dyn Write>,
}

impl Output {
    fn open(path: &PathBuf, append: bool) -> Result<Self, String> {
        let name = path.display().to_string();
        let mut options = OpenOptions::new();
        options.create(true).write(true).append(append).truncate(!append);
        match options.open(path) {
            Ok(file) => Ok(Self { name, sink: Box::new(file) }),
            Err(e) => Err(format!("{name}: {e}")),
        }
    }

    fn write(&mut self, chunk: &[u8]) -> Result<(), String> {
        let written = self.sink.write_all(chunk).and_then(|()| self.sink.flush());
        written.map_err(|e| format!("{}: {e}", self.name))
    }
}

/// Copies until the input or the last output ends. Returns what has failed.
fn copy(mut input: impl Read, mut outputs: Vec<Output>) -> Vec<String> {
    let mut failures = Vec::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    while !outputs.is_empty() {
        match input.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => outputs.retain_mut(|output| {
                let written = output.write(&chunk[..count]);
                written.map_err(|failure| failures.push(failure)).is_ok()
            }),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => {
                failures.push(format!("standard input: {e}"));
                break;
            }
        }
    }
    failures
}

fn main() -> ExitCode {
    let mut append = false;
    let mut paths = Vec::new();
    for arg in env::args_os().skip(1) {
        match arg.to_str() {
            Some("-a") => append = true,
            Some(option) if option.starts_with('-') => {
                eprintln!("tee: unknown option '{option}'");
                return ExitCode::from(2);
            }
            _ => paths.push(PathBuf::from(arg)),
        }
    }

    let mut outputs = vec![Output { name: "standard output".into(), sink: Box::new(io::stdout()) }];
    let mut failures = Vec::new();
    for path in &paths {
        match Output::open(path, append) {
            Ok(output) => outputs.push(output),
            Err(failure) => failures.push(failure),
        }
    }
    failures.extend(copy(io::stdin().lock(), outputs));
    for failure in &failures {
        eprintln!("tee: {failure}");
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
