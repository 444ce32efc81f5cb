//! Files that are read, written or copied as a whole, each by one job of the blocking pool: however
//! large the file is, it never occupies a worker, and costs one hop.

use std::fs;
use std::io;
use std::path::Path;

use super::path::{at, between};
use crate::blocking;

/// Reads a whole file.
///
/// It is [`std::fs::read`] made suspendable.
///
/// # Parks
///
/// In a task it suspends the task until a thread of the blocking pool has read the file. On a plain
/// thread it blocks the thread. When it is cut short, the thread comes to the file's end in vain:
/// `path` should not lead to what has none, such as a pipe that nobody writes to. For those there
/// is [`File`](super::File).
///
/// # Errors
///
/// Those of the system, among others:
///
/// - `NotFound`: there is nothing at `path`.
/// - `IsADirectory`: there is a directory.
/// - `PermissionDenied`: the file may not be read.
/// - `OutOfMemory`: the file is larger than the memory that can be had.
///
/// # Examples
///
/// ```
/// use gocoro::fs;
///
/// let environment = fs::read("/proc/self/environ")?;
/// let variables = environment.split(|&byte| byte == 0).count();
/// assert!(variables > 0);
/// # std::io::Result::Ok(())
/// ```
pub fn read<P: AsRef<Path>>(path: P) -> io::Result<Vec<u8>> {
    at(path.as_ref(), fs::read)
}

/// Reads a whole file that is text.
///
/// It is [`std::fs::read_to_string`] made suspendable.
///
/// # Parks
///
/// As [`read`] does.
///
/// # Errors
///
/// Those of [`read`], and `InvalidData` if the file is not UTF-8.
///
/// # Examples
///
/// ```
/// use gocoro::fs;
///
/// let status = fs::read_to_string("/proc/self/status")?;
/// assert!(status.lines().any(|line| line.starts_with("Pid:")));
/// # std::io::Result::Ok(())
/// ```
pub fn read_to_string<P: AsRef<Path>>(path: P) -> io::Result<String> {
    at(path.as_ref(), fs::read_to_string)
}

/// Makes `contents` all that a file has, and creates the file if there is none.
///
/// It is [`std::fs::write`] made suspendable. The pool writes from `contents` itself: nothing is
/// copied on the way.
///
/// # Parks
///
/// In a task it suspends the task until a thread of the blocking pool has written all. On a plain
/// thread it blocks the thread. While it waits for a thread it can be cut short, and then the file
/// is as it was. Once it writes, it comes to its end first, for the bytes are the caller's.
///
/// # Errors
///
/// Those of the system, among others:
///
/// - `NotFound`: there is no directory for the file.
/// - `IsADirectory`: there is a directory.
/// - `PermissionDenied`: the file may not be written to, or its directory, if there is no file yet.
/// - `StorageFull`, `FileTooLarge`, `QuotaExceeded`: there is no room for all. The file then has
///   the beginning of it.
///
/// # Examples
///
/// ```
/// use gocoro::fs;
///
/// # let path = std::env::temp_dir().join(format!("gocoro-write-{}", std::process::id()));
/// fs::write(&path, "a string, a slice, a vector")?;
/// fs::write(&path, b"and again")?;
/// assert_eq!(fs::read_to_string(&path)?, "and again");
/// # fs::remove_file(&path)?;
/// # std::io::Result::Ok(())
/// ```
pub fn write<P: AsRef<Path>, C: AsRef<[u8]>>(path: P, contents: C) -> io::Result<()> {
    let (path, contents) = (path.as_ref(), contents.as_ref());
    blocking::lend(|| fs::write(path, contents))
}

/// Copies a file and its permissions, and returns how many bytes it has.
///
/// It is [`std::fs::copy`] made suspendable. What is at `to` is overwritten; if that is the same
/// file, it may be lost. The system copies by itself where it can, as Linux does: then the bytes
/// do not pass through the process, and a filesystem that can share them does so. Between files
/// that are open already, there is [`io::copy`](fn@crate::io::copy).
///
/// # Parks
///
/// In a task it suspends the task until a thread of the blocking pool has copied all. On a plain
/// thread it blocks the thread. A copy that has begun is not stopped when its caller is cut short:
/// it comes to its end on the pool.
///
/// # Errors
///
/// Those of the system, among others:
///
/// - `NotFound`: there is nothing at `from`, or no directory for `to`.
/// - `InvalidInput`: what is at `from` is no regular file.
/// - `PermissionDenied`: `from` may not be read, or `to` not be written to.
/// - `StorageFull`, `FileTooLarge`, `QuotaExceeded`: there is no room for all.
///
/// # Examples
///
/// ```
/// use gocoro::fs;
///
/// # let dir = std::env::temp_dir().join(format!("gocoro-copy-{}", std::process::id()));
/// # fs::create_dir(&dir)?;
/// let (from, to) = (dir.join("original"), dir.join("copy"));
/// fs::write(&from, "seven bytes or more")?;
/// assert_eq!(fs::copy(&from, &to)?, 19);
/// assert_eq!(fs::read(&to)?, b"seven bytes or more");
/// # fs::remove_dir_all(&dir)?;
/// # std::io::Result::Ok(())
/// ```
#[doc(alias = "cp")]
pub fn copy<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> io::Result<u64> {
    between(from.as_ref(), to.as_ref(), fs::copy)
}
