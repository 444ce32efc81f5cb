//! Where a record goes when something has gone wrong.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::{env, process, thread};

use super::record;
use crate::census::Internal;
use crate::environment;
use crate::limits::{RECORDED_EVENTS, RECORDED_EVENTS_MAX, WRITE_PATIENCE};

/// The file, and whether records are wanted at all, by the environment.
const PATH: &str = "GOCORO_RECORD";
/// How many events each worker keeps, by the environment.
const EVENTS: &str = "GOCORO_RECORD_EVENTS";

/// The file of the program's own choice.
static FILE: Mutex<Option<PathBuf>> = Mutex::new(None);

fn own_file() -> MutexGuard<'static, Option<PathBuf>> {
    FILE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file that the environment names. An empty name is none.
fn from_environment() -> Option<&'static Path> {
    static NAMED: OnceLock<Option<PathBuf>> = OnceLock::new();
    let read = || env::var_os(PATH).filter(|name| !name.is_empty()).map(|name| settled(&name));
    NAMED.get_or_init(read).as_deref()
}

/// A path that stays right when the program changes its folder, with the number of the process in
/// place of `%p`.
fn settled(path: &OsString) -> PathBuf {
    let path = match path.to_str() {
        Some(text) => PathBuf::from(text.replace("%p", &process::id().to_string())),
        None => PathBuf::from(path),
    };
    std::path::absolute(&path).unwrap_or(path)
}

/// Sets the file. `None`: there is to be none.
pub(crate) fn set_file(path: Option<PathBuf>) {
    *own_file() = path.map(|path| settled(&path.into_os_string()));
}

fn file() -> Option<PathBuf> {
    from_environment().map(Path::to_path_buf).or_else(|| own_file().clone())
}

/// How many events each worker of a new runtime is to keep, if the program asks for so many. Zero:
/// none.
///
/// # Errors
///
/// `InvalidInput` for more than [`RECORDED_EVENTS_MAX`].
pub(crate) fn wanted(own: Option<usize>) -> io::Result<usize> {
    let by_environment = environment::number(EVENTS)?;
    let by_path = from_environment().map(|_| RECORDED_EVENTS);
    let events = by_environment.or(own).or(by_path).unwrap_or(0);
    if events > RECORDED_EVENTS_MAX {
        let why = format!("a worker records {RECORDED_EVENTS_MAX} events at most, not {events}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    Ok(events)
}

/// Writes the record to its file, if there are both. Blocks the thread.
pub(crate) fn write_file() {
    /// Held by the one who writes, so that the last file is that of the last who asked.
    static WRITING: Mutex<()> = Mutex::new(());
    let Some(path) = file() else { return };
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let record = record();
    if record.is_empty() {
        return;
    }
    let events = record.len();
    // Whoever looks for the file finds a whole one.
    let mut part = path.clone().into_os_string();
    part.push(".part");
    let written = write_whole(Path::new(&part), &record.json())
        .and_then(|()| fs::rename(&part, &path).inspect_err(|_| drop(fs::remove_file(&part))));
    let path = path.display();
    let said = match written {
        Ok(()) => format!("gocoro: the flight record of {events} events is in {path}\n"),
        Err(error) => format!("gocoro: the flight record cannot be written to {path}: {error}\n"),
    };
    // `eprint` is not used, since it panics when stderr is closed.
    let _ = io::stderr().write_all(said.as_bytes());
}

fn write_whole(path: &Path, json: &dyn std::fmt::Display) -> io::Result<()> {
    let mut to = BufWriter::new(File::create(path)?);
    let written = write!(to, "{json}").and_then(|()| to.flush());
    written.inspect_err(|_| drop(fs::remove_file(path)))
}

/// Writes the record of the process's first panic, before anybody hears of it who may end the
/// process. Blocks the thread, but not for ever, whatever the file is.
pub(super) fn panicked() {
    static WRITTEN: AtomicBool = AtomicBool::new(false);
    if file().is_none() || WRITTEN.swap(true, Relaxed) {
        return;
    }
    // The wait has a limit, and so would be taken for a stall of the task (see `observe::stall`):
    // another thread does it, whose end is waited for without one.
    let wait = || {
        let _internal = Internal::new();
        write_file_in_time();
    };
    if let Ok(thread) = thread::Builder::new().name("gocoro-recorder".into()).spawn(wait) {
        let _ = thread.join();
    }
}

/// As [`write_file`], but waits no longer than [`WRITE_PATIENCE`].
pub(crate) fn write_file_in_time() {
    if file().is_none() {
        return;
    }
    let (writes, has_written) = mpsc::channel::<()>();
    let write = move || {
        let _internal = Internal::new();
        let _writes = writes;
        write_file();
    };
    if thread::Builder::new().name("gocoro-recorder".into()).spawn(write).is_ok() {
        let _ = has_written.recv_timeout(WRITE_PATIENCE);
    }
}
