// grep: prints the lines of many files that contain a text.
//
//     grep [-c] [-i] [-l] [-n] [-r] [-v] TEXT [PATH]...
//
// -c  prints how many lines of each file match      -n  prints the number of each line
// -i  takes capital and small letters for the same  -r  searches folders, all the way down
// -l  prints only the names of files that match     -v  looks for lines without the text
//
// Without a path it searches standard input. Files are searched by several threads, and printed in
// the order in which they were named or found; a folder's are sorted. Ends with 0 if a line
// matched, with 1 if none did, and with 2 after an error.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

#[derive(Default)]
struct Options {
    text: String,
    count: bool,
    ignore_case: bool,
    names_only: bool,
    numbers: bool,
    recurse: bool,
    invert: bool,
    /// Whether a line says which file it is from.
    with_name: bool,
}

impl Options {
    fn parse(args: impl Iterator<Item = String>) -> Result<(Self, Vec<PathBuf>), String> {
        let mut options = Self::default();
        let mut operands = Vec::new();
        for arg in args {
            match arg.strip_prefix('-') {
                Some(letters) if !letters.is_empty() => {
                    for letter in letters.chars() {
                        *match letter {
                            'c' => &mut options.count,
                            'i' => &mut options.ignore_case,
                            'l' => &mut options.names_only,
                            'n' => &mut options.numbers,
                            'r' => &mut options.recurse,
                            'v' => &mut options.invert,
                            _ => return Err(format!("unknown option -{letter}")),
                        } = true;
                    }
                }
                _ => operands.push(arg),
            }
        }
        let mut operands = operands.into_iter();
        options.text = operands.next().ok_or("no text to search for")?;
        if options.ignore_case {
            options.text = options.text.to_lowercase();
        }
        let paths: Vec<_> = operands.map(PathBuf::from).collect();
        options.with_name = options.recurse || paths.len() > 1;
        Ok((options, paths))
    }

    fn matches(&self, line: &str) -> bool {
        let found = if self.ignore_case {
            line.to_lowercase().contains(&self.text)
        } else {
            line.contains(&self.text)
        };
        found != self.invert
    }

    /// What is to be printed of an input, and how many of its lines matched.
    fn search(&self, name: &str, mut input: impl BufRead) -> io::Result<(String, usize)> {
        let (mut output, mut matched, mut number) = (String::new(), 0, 0);
        let mut line = Vec::new();
        let prefix = if self.with_name { format!("{name}:") } else { String::new() };
        while input.read_until(b'\n', &mut line)? > 0 {
            number += 1;
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\r', '\n']);
            if self.matches(text) {
                matched += 1;
                if self.names_only {
                    return Ok((format!("{name}\n"), matched));
                }
                if !self.count {
                    output += &prefix;
                    if self.numbers {
                        let _ = write!(output, "{number}:"); // a string takes it all
                    }
                    output += text;
                    output.push('\n');
                }
            }
            line.clear();
        }
        if self.count {
            output = format!("{prefix}{matched}\n");
        }
        Ok((output, matched))
    }
}

/// Hands out the files below a path, or what went wrong there.
fn walk(path: PathBuf, recurse: bool, visit: &mut impl FnMut(PathBuf, io::Result<()>)) {
    let is_dir = match fs::metadata(&path) {
        Ok(metadata) => metadata.is_dir(),
        Err(e) => return visit(path, Err(e)),
    };
    if !is_dir {
        return visit(path, Ok(()));
    }
    if !recurse {
        return visit(path, Err(ErrorKind::IsADirectory.into()));
    }
    let entries = fs::read_dir(&path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    match entries {
        Ok(mut entries) => {
            entries.sort_by_key(fs::DirEntry::file_name);
            for entry in entries {
                // A link within a folder is left out: it may lead back to where it is.
                match entry.file_type() {
                    Ok(kind) if kind.is_symlink() => {}
                    Ok(_) => walk(entry.path(), recurse, visit),
                    Err(e) => visit(entry.path(), Err(e)),
                }
            }
        }
        Err(e) => visit(path, Err(e)),
    }
}

fn search_file(options: &Options, path: &Path) -> io::Result<(String, usize)> {
    options.search(&path.display().to_string(), BufReader::new(File::open(path)?))
}

/// Searches all files. Returns whether a line matched, and whether there was an error.
fn search_files(options: &Options, paths: Vec<PathBuf>) -> io::Result<(bool, bool)> {
    let workers = thread::available_parallelism().map_or(2, NonZero::get);
    let (jobs, queue) = mpsc::sync_channel::<(usize, PathBuf, io::Result<()>)>(workers * 8);
    let (results, reports) = mpsc::sync_channel(workers * 8);
    // The last worker that ends drops the queue, which ends the walk: if nobody reads the output.
    let queue = Arc::new(Mutex::new(queue));

    thread::scope(|s| {
        s.spawn(move || {
            let mut index = 0;
            for path in paths {
                walk(path, options.recurse, &mut |path, found| {
                    let _ = jobs.send((index, path, found));
                    index += 1;
                });
            }
        });
        for _ in 0..workers {
            let (queue, results) = (Arc::clone(&queue), results.clone());
            s.spawn(move || {
                loop {
                    let Ok((index, path, found)) = queue.lock().unwrap().recv() else { break };
                    let report = found.and_then(|()| search_file(options, &path));
                    if results.send((index, path, report)).is_err() {
                        break;
                    }
                }
            });
        }
        drop((queue, results));

        let mut output = BufWriter::new(io::stdout().lock());
        let (mut any, mut failed) = (false, false);
        // Reports of files before which another one is still being searched.
        let (mut early, mut next) = (BTreeMap::new(), 0);
        for (index, path, report) in reports {
            early.insert(index, (path, report));
            while let Some((path, report)) = early.remove(&next) {
                next += 1;
                match report {
                    Ok((text, matched)) => {
                        any |= matched > 0;
                        output.write_all(text.as_bytes())?;
                    }
                    Err(e) => {
                        failed = true;
                        eprintln!("grep: {}: {e}", path.display());
                    }
                }
            }
        }
        output.flush()?;
        Ok((any, failed))
    })
}

fn run() -> Result<(bool, bool), String> {
    let (options, paths) = Options::parse(env::args().skip(1))?;
    if paths.is_empty() {
        let (text, matched) = options
            .search("standard input", io::stdin().lock())
            .map_err(|e| format!("standard input: {e}"))?;
        let printed = io::stdout().write_all(text.as_bytes());
        return printed.map(|()| (matched > 0, false)).map_err(|e| format!("output: {e}"));
    }
    search_files(&options, paths).map_err(|e| format!("output: {e}"))
}

fn main() -> ExitCode {
    match run() {
        Ok((_, true)) => ExitCode::from(2),
        Ok((true, false)) => ExitCode::SUCCESS,
        Ok((false, false)) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("grep: {e}");
            ExitCode::from(2)
        }
    }
}
