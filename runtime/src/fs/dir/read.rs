//! Reading directories, in batches.
//!
//! An entry takes the kernel well under a microsecond, and the way to the blocking pool and back
//! more than ten. So one job reads many entries, and the iterator hands them out without waiting.
//! The first batch comes with the opening.

use std::fmt;
use std::fs;
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::vec;

use super::super::path::at;
use super::DirEntry;
use crate::blocking::{self, Call};
use crate::park;
use crate::reactor;

/// How many entries one job reads. The way to the pool is then a small part of what an entry costs.
/// With short names they take about 30 KiB, until they are handed out. The C library takes more of
/// them from the kernel at once, so entries are hardly older here than in std.
const ENTRIES_PER_JOB: usize = 256;

/// The entries of a directory, from [`read_dir`].
///
/// It is [`std::fs::ReadDir`] made suspendable. The entries `.` and `..` are left out. The order is
/// the filesystem's.
///
/// # Parks
///
/// [`next`](Iterator::next) waits for about one entry in 256, until a thread of the blocking pool
/// has read so many more. In a task that suspends the task. On a plain thread each entry is read as
/// it is asked for, and blocks the thread. A wait that is cut short loses no entry: the next call
/// returns it.
///
/// # Errors
///
/// An item is an error where the system could not read the directory; no others follow it. It is of
/// kind `TimedOut` where an [`io_deadline`](crate::time::io_deadline) has passed; then the entries
/// go on at the next call.
///
/// # Examples
///
/// ```
/// use gocoro::fs;
/// use gocoro::io;
///
/// let mut threads = fs::read_dir("/proc/self/task")?
///     .map(|entry| Ok(entry?.file_name()))
///     .collect::<io::Result<Vec<_>>>()?;
/// threads.sort();
/// assert!(!threads.is_empty());
/// # std::io::Result::Ok(())
/// ```
pub struct ReadDir {
    root: PathBuf,
    /// Of the newest batch, what is not handed out.
    ready: vec::IntoIter<io::Result<DirEntry>>,
    /// Nothing comes after `ready`.
    is_last: bool,
    /// A job that reads a batch, whose wait was cut short perhaps.
    reading: Option<Call<Batch>>,
    /// Locked by that job while it reads, and by whoever reads without one. A job that has not
    /// begun does not keep the directory open.
    stream: Arc<Mutex<fs::ReadDir>>,
}

struct Batch {
    entries: Vec<io::Result<DirEntry>>,
    is_last: bool,
}

impl Batch {
    fn read(stream: &mut fs::ReadDir) -> Batch {
        let entries: Vec<_> =
            stream.take(ENTRIES_PER_JOB).map(|entry| entry.map(DirEntry::new)).collect();
        let is_last = entries.len() < ENTRIES_PER_JOB;
        Batch { entries, is_last }
    }
}

/// Opens a directory, and returns an iterator over its entries.
///
/// It is [`std::fs::read_dir`] made suspendable. The entries `.` and `..` are left out. The order
/// is the filesystem's, and may change from call to call. Files that are made or removed while the
/// directory is read may have entries or not.
///
/// # Parks
///
/// In a task it suspends the task until a thread of the blocking pool has opened the directory and
/// read the first entries. On a plain thread it blocks the thread. The iterator waits, too: see
/// [`ReadDir`].
///
/// # Errors
///
/// Those of the system, among others:
///
/// - `NotFound`: there is nothing at `path`.
/// - `NotADirectory`: what is there is no directory.
/// - `PermissionDenied`: the directory may not be read.
///
/// # Examples
///
/// All files in a directory and those in it:
///
/// ```
/// use gocoro::{fs, io};
/// use std::path::{Path, PathBuf};
///
/// fn files(dir: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
///     for entry in fs::read_dir(dir)? {
///         let entry = entry?;
///         match entry.file_type()?.is_dir() {
///             true => files(&entry.path(), found)?,
///             false => found.push(entry.path()),
///         }
///     }
///     Ok(())
/// }
///
/// # let dir = std::env::temp_dir().join(format!("gocoro-read-dir-{}", std::process::id()));
/// # fs::create_dir_all(dir.join("inside"))?;
/// # fs::write(dir.join("inside").join("file"), "")?;
/// let mut found = Vec::new();
/// files(&dir, &mut found)?;
/// assert_eq!(found, [dir.join("inside").join("file")]);
/// # fs::remove_dir_all(&dir)?;
/// # std::io::Result::Ok(())
/// ```
#[doc(alias = "ls", alias = "opendir")]
pub fn read_dir<P: AsRef<Path>>(path: P) -> io::Result<ReadDir> {
    let path = path.as_ref();
    if blocking::may_block() {
        let none = Batch { entries: Vec::new(), is_last: false };
        return Ok(ReadDir::new(path, fs::read_dir(path)?, none));
    }
    let (stream, first) = at(path, |path| {
        let mut stream = fs::read_dir(path)?;
        let first = Batch::read(&mut stream);
        Ok((stream, first))
    })?;
    Ok(ReadDir::new(path, stream, first))
}

impl ReadDir {
    fn new(root: &Path, stream: fs::ReadDir, first: Batch) -> ReadDir {
        ReadDir {
            root: root.to_owned(),
            ready: first.entries.into_iter(),
            is_last: first.is_last,
            reading: None,
            stream: Arc::new(Mutex::new(stream)),
        }
    }

    /// Waits for a batch, which is the one of a job that runs already, if there is one.
    fn refill(&mut self) -> io::Result<()> {
        let call = self.reading.get_or_insert_with(|| {
            let stream = Arc::downgrade(&self.stream);
            Call::start(move || match stream.upgrade() {
                Some(stream) => Batch::read(&mut lock(&stream)),
                // Nobody is there to take a batch.
                None => Batch { entries: Vec::new(), is_last: true },
            })
        });
        let batch = loop {
            if park::refuses_io() {
                // A destructor of a cancelled task waits for files as any other code.
                call.wait_for_end();
            }
            match call.wait() {
                Some(batch) => break batch,
                // The cancel has come during the wait, of a task that unwinds already.
                None if park::refuses_io() => {}
                None => return Err(reactor::cut_short()),
            }
        };
        self.reading = None;
        self.ready = batch.entries.into_iter();
        self.is_last = batch.is_last;
        Ok(())
    }
}

fn lock(stream: &Mutex<fs::ReadDir>) -> std::sync::MutexGuard<'_, fs::ReadDir> {
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Iterator for ReadDir {
    type Item = io::Result<DirEntry>;

    fn next(&mut self) -> Option<io::Result<DirEntry>> {
        // An error may come again and again without a wait.
        park::spent();
        loop {
            if self.is_last || !self.ready.as_slice().is_empty() {
                return self.ready.next();
            }
            if self.reading.is_none() && blocking::may_block() {
                return lock(&self.stream).next().map(|entry| entry.map(DirEntry::new));
            }
            if let Err(error) = self.refill() {
                return Some(Err(error));
            }
        }
    }
}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadDir").field(&self.root).finish()
    }
}

// As std's type: a panic elsewhere leaves what is still to be read as it was.
impl UnwindSafe for ReadDir {}
impl RefUnwindSafe for ReadDir {}
