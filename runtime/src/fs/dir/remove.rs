//! Removing directories.

use std::fs;
use std::io;
use std::path::Path;

use super::super::path::at;

/// Removes an empty directory.
///
/// It is [`std::fs::remove_dir`] made suspendable.
///
/// # Parks
///
/// In a task it suspends the task until a thread of the blocking pool has made the call. On a plain
/// thread it blocks the thread. A call that has begun is not undone when its caller is cut short:
/// it comes to its end on the pool.
///
/// # Errors
///
/// Those of the system, among others:
///
/// - `NotFound`: there is nothing at `path`.
/// - `NotADirectory`: what is there is no directory.
/// - `DirectoryNotEmpty`: there is something in it.
/// - `PermissionDenied`: its parent may not be written to.
///
/// # Examples
///
/// ```
/// use gocoro::fs;
/// use gocoro::io::ErrorKind;
///
/// # let dir = std::env::temp_dir().join(format!("gocoro-remove-dir-{}", std::process::id()));
/// # fs::create_dir(&dir)?;
/// fs::write(dir.join("file"), "")?;
/// assert_eq!(fs::remove_dir(&dir).unwrap_err().kind(), ErrorKind::DirectoryNotEmpty);
/// fs::remove_file(dir.join("file"))?;
/// fs::remove_dir(&dir)?;
/// # std::io::Result::Ok(())
/// ```
#[doc(alias = "rmdir")]
pub fn remove_dir<P: AsRef<Path>>(path: P) -> io::Result<()> {
    at(path.as_ref(), fs::remove_dir)
}

/// Removes a directory and all that is in it. Use it with care!
///
/// It is [`std::fs::remove_dir_all`] made suspendable. Symbolic links are removed and not followed,
/// also if somebody puts one in the place of a directory meanwhile.
///
/// # Parks
///
/// In a task it suspends the task until a thread of the blocking pool has removed all. On a plain
/// thread it blocks the thread. A removal that has begun is not stopped when its caller is cut
/// short: it comes to its end on the pool.
///
/// # Errors
///
/// The first one of [`remove_dir`] or [`remove_file`](crate::fs::remove_file) for anything in the
/// directory. Then some of it has been removed, unless the error is `NotFound`: there was nothing
/// at `path`. `NotADirectory`: what is there is something else. `DirectoryNotEmpty`: somebody has
/// put something in meanwhile.
///
/// # Examples
///
/// ```
/// use gocoro::fs;
///
/// # let dir = std::env::temp_dir().join(format!("gocoro-remove-all-{}", std::process::id()));
/// fs::create_dir_all(dir.join("a").join("b"))?;
/// fs::write(dir.join("a").join("file"), "")?;
/// fs::remove_dir_all(&dir)?;
/// assert!(!fs::exists(&dir)?);
/// # std::io::Result::Ok(())
/// ```
pub fn remove_dir_all<P: AsRef<Path>>(path: P) -> io::Result<()> {
    at(path.as_ref(), fs::remove_dir_all)
}
