//! What is done to a file, or asked of it, by its path.
//!
//! Each function hands its paths over to the call that it makes, so that a call which outlives its
//! caller has what it needs.

use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix;
use std::path::{Path, PathBuf};

use crate::blocking;

/// Makes a call that takes a path, on the blocking pool.
pub(super) fn at<T: Send + 'static>(
    path: &Path,
    call: impl FnOnce(PathBuf) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let path = path.to_owned();
    blocking::call(move || call(path))
}

/// Makes a call that takes two paths, on the blocking pool.
pub(super) fn between<T: Send + 'static>(
    from: &Path,
    to: &Path,
    call: fn(PathBuf, PathBuf) -> io::Result<T>,
) -> io::Result<T> {
    let to = to.to_owned();
    at(from, move |from| call(from, to))
}

/// Asks the system about a file, directory or whatever else is at `path`.
///
/// It is [`std::fs::metadata`] made suspendable. Symbolic links are followed, so the answer is
/// about what they lead to.
///
/// # Parks
///
/// In a task it suspends the task until a thread of the blocking pool has made the call. On a plain
/// thread it blocks the thread.
///
/// # Errors
///
/// Those of the system, among others:
///
/// - `NotFound`: there is nothing at `path`, or a link leads to nothing.
/// - `PermissionDenied`: a directory on the way may not be searched.
///
/// # Examples
///
/// ```
/// use gocoro::fs;
///
/// let metadata = fs::metadata("/proc/self/exe")?; // a link
/// assert!(metadata.is_file());
/// assert!(metadata.len() > 0); // bytes
/// # std::io::Result::Ok(())
/// ```
#[doc(alias = "stat")]
pub fn metadata<P: AsRef<Path>>(path: P) -> io::Result<Metadata> {
    at(path.as_ref(), fs::metadata)
}

/// Asks the system about what is at `path` itself, be it a symbolic link.
///
/// It is [`std::fs::symlink_metadata`] made suspendable.
///
/// # Parks
///
/// In a task it suspends the task until a thread of the blocking pool has made the call. On a plain
/// thread it blocks the thread.
///
/// # Errors
///
/// Those of [`metadata`], except that a link which leads to nothing is none.
///
/// # Examples
///
/// ```
/// use gocoro::fs;
///
/// assert!(fs::symlink_metadata("/proc/self/exe")?.is_symlink());
/// # std::io::Result::Ok(())
/// ```
#[doc(alias = "lstat")]
pub fn symlink_metadata<P: AsRef<Path>>(path: P) -> io::Result<Metadata> {
    at(path.as_ref(), fs::symlink_metadata)
}

/// Whether there is something at `path`, following symbolic links.
///
/// It is [`std::fs::exists`] made suspendable. `Path::exists`, which is std's, blocks the worker,
/// and takes every error for a no.
///
/// The answer is about the past: another process may make or remove the file at any time. To create
/// a file that is not there yet, open it with `create_new`.
///
/// # Parks
///
/// In a task it suspends the task until a thread of the blocking pool has made the call. On a plain
/// thread it blocks the thread.
///
/// # Errors
///
/// Those that leave the question open, for one `PermissionDenied` where a directory on the way may
/// not be searched. `Ok(false)` says that there is nothing, or a link that leads to nothing.
///
/// # Examples
///
/// ```
/// use gocoro::fs;
///
/// assert!(fs::exists("/proc/self")?);
/// assert!(!fs::exists("/proc/self/there is no such file")?);
/// # std::io::Result::Ok(())
/// ```
pub fn exists<P: AsRef<Path>>(path: P) -> io::Result<bool> {
    at(path.as_ref(), fs::exists)
}

/// Returns the absolute form of a path, without `.` and `..`, and with all symbolic links followed.
///
/// It is [`std::fs::canonicalize`] made suspendable. A relative path begins at the directory that
/// is the process's current one when the call is made.
///
/// # Parks
///
/// In a task it suspends the task until a thread of the blocking pool has made the call. On a plain
/// thread it blocks the thread.
///
/// # Errors
///
/// Those of the system, among others:
///
/// - `NotFound`: there is nothing at `path`.
/// - `NotADirectory`: what is on the way to the last component is no directory.
///
/// # Examples
///
/// ```
/// use gocoro::fs;
/// use std::path::Path;
///
/// assert_eq!(fs::canonicalize("/proc/.././proc")?, Path::new("/proc"));
/// # std::io::Result::Ok(())
/// ```
#[doc(alias = "realpath")]
pub fn canonicalize<P: AsRef<Path>>(path: P) -> io::Result<PathBuf> {
    at(path.as_ref(), fs::canonicalize)
}

/// Returns what a symbolic link says.
///
/// It is [`std::fs::read_link`] made suspendable. What the link leads to need not exist, and is not
/// looked at.
///
/// # Parks
///
/// In a task it suspends the task until a thread of the blocking pool has made the call. On a plain
/// thread it blocks the thread.
///
/// # Errors
///
/// Those of the system, among others:
///
/// - `NotFound`: there is nothing at `path`.
/// - `InvalidInput`: what is there is no symbolic link.
///
/// # Examples
///
/// ```
/// use gocoro::fs;
///
/// assert!(fs::read_link("/proc/self/exe")?.is_absolute());
/// # std::io::Result::Ok(())
/// ```
#[doc(alias = "readlink")]
pub fn read_link<P: AsRef<Path>>(path: P) -> io::Result<PathBuf> {
    at(path.as_ref(), fs::read_link)
}

/// Gives a file or directory another name, and replaces what has that name.
///
/// It is [`std::fs::rename`] made suspendable. Both names have to be on one mounted filesystem.
/// Where `to` exists, the replacement is atomic: at any time there is the old file or the new one.
/// A directory can replace an empty directory only, and another file no directory.
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
/// - `NotFound`: there is nothing at `from`, or no directory for `to`.
/// - `CrossesDevices`: the names are on two filesystems.
/// - `DirectoryNotEmpty`, `IsADirectory`, `NotADirectory`: `to` cannot be replaced by `from`.
/// - `PermissionDenied`: a directory may not be written to.
///
/// # Examples
///
/// ```
/// use gocoro::fs;
///
/// # let dir = std::env::temp_dir().join(format!("gocoro-rename-{}", std::process::id()));
/// # fs::create_dir(&dir)?;
/// let (new, settled) = (dir.join("settings.new"), dir.join("settings"));
/// fs::write(&new, "colour = none")?;
/// fs::rename(&new, &settled)?; // nobody ever sees half of it
/// assert_eq!(fs::read(&settled)?, b"colour = none");
/// # fs::remove_dir_all(&dir)?;
/// # std::io::Result::Ok(())
/// ```
#[doc(alias = "mv")]
pub fn rename<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> io::Result<()> {
    between(from.as_ref(), to.as_ref(), fs::rename)
}

/// Removes a file, or a symbolic link, but not what it leads to.
///
/// It is [`std::fs::remove_file`] made suspendable. What has the file open can go on using it.
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
/// - `IsADirectory`, on some systems `PermissionDenied`: there is a directory.
/// - `PermissionDenied`: the file's directory may not be written to.
///
/// # Examples
///
/// ```
/// use gocoro::fs;
///
/// # let dir = std::env::temp_dir().join(format!("gocoro-remove-file-{}", std::process::id()));
/// # fs::create_dir(&dir)?;
/// let path = dir.join("notes");
/// fs::write(&path, "…")?;
/// fs::remove_file(&path)?;
/// assert!(!fs::exists(&path)?);
/// # fs::remove_dir_all(&dir)?;
/// # std::io::Result::Ok(())
/// ```
#[doc(alias = "rm", alias = "unlink")]
pub fn remove_file<P: AsRef<Path>>(path: P) -> io::Result<()> {
    at(path.as_ref(), fs::remove_file)
}

/// Creates a hard link: another name, `link`, for the file that is at `original`.
///
/// It is [`std::fs::hard_link`] made suspendable. Both names have to be on one filesystem. An
/// `original` that is a symbolic link is not followed where the system can do so, as Linux can.
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
/// - `NotFound`: there is nothing at `original`, or no directory for `link`.
/// - `AlreadyExists`: there is something at `link`.
/// - `PermissionDenied`: `original` is a directory, or a directory may not be written to.
///
/// # Examples
///
/// ```
/// use gocoro::fs;
///
/// # let dir = std::env::temp_dir().join(format!("gocoro-hard-link-{}", std::process::id()));
/// # fs::create_dir(&dir)?;
/// let (original, link) = (dir.join("a"), dir.join("b"));
/// fs::write(&original, "one file")?;
/// fs::hard_link(&original, &link)?;
/// fs::write(&link, "two names")?;
/// assert_eq!(fs::read(&original)?, b"two names");
/// # fs::remove_dir_all(&dir)?;
/// # std::io::Result::Ok(())
/// ```
#[doc(alias = "linkat")]
pub fn hard_link<P: AsRef<Path>, Q: AsRef<Path>>(original: P, link: Q) -> io::Result<()> {
    between(original.as_ref(), link.as_ref(), fs::hard_link)
}

/// Creates a symbolic link: [`unix::symlink`](super::unix::symlink) under its former name.
///
/// It is [`std::fs::soft_link`] made suspendable, and here for programs that still have it.
///
/// # Parks
///
/// As [`unix::symlink`](super::unix::symlink) does.
///
/// # Errors
///
/// Those of [`unix::symlink`](super::unix::symlink).
///
/// # Examples
///
/// ```
/// # #![allow(deprecated)]
/// use gocoro::fs;
///
/// # let dir = std::env::temp_dir().join(format!("gocoro-soft-link-{}", std::process::id()));
/// # fs::create_dir(&dir)?;
/// let link = dir.join("link");
/// fs::soft_link("somewhere", &link)?;
/// assert_eq!(fs::read_link(&link)?.to_str(), Some("somewhere"));
/// # fs::remove_dir_all(&dir)?;
/// # std::io::Result::Ok(())
/// ```
#[deprecated(since = "0.1.0", note = "as in std: `gocoro::fs::unix::symlink` replaces it")]
pub fn soft_link<P: AsRef<Path>, Q: AsRef<Path>>(original: P, link: Q) -> io::Result<()> {
    between(original.as_ref(), link.as_ref(), unix::fs::symlink)
}

/// Changes the permissions of a file or directory.
///
/// It is [`std::fs::set_permissions`] made suspendable. Symbolic links are followed: whoever can
/// put one in the place of `path` decides whose permissions change. A file that is made with its
/// permissions has no such moment.
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
/// - `PermissionDenied`: the file is somebody else's.
///
/// # Examples
///
/// ```
/// use gocoro::fs;
///
/// # let path = std::env::temp_dir().join(format!("gocoro-permissions-{}", std::process::id()));
/// fs::write(&path, "for good")?;
/// let mut permissions = fs::metadata(&path)?.permissions();
/// permissions.set_readonly(true);
/// fs::set_permissions(&path, permissions)?;
/// assert!(fs::metadata(&path)?.permissions().readonly());
/// # fs::remove_file(&path)?;
/// # std::io::Result::Ok(())
/// ```
#[doc(alias = "chmod")]
pub fn set_permissions<P: AsRef<Path>>(path: P, perm: Permissions) -> io::Result<()> {
    at(path.as_ref(), |path| fs::set_permissions(path, perm))
}
