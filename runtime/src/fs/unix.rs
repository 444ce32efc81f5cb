//! What Unix has beyond the rest: links, owners, extension traits; the shape of
//! [`std::os::unix::fs`].
//!
//! The functions suspend, as all in `gocoro::fs` do. The traits are std's own, implemented here
//! for gocoro's types: code that imports them from std finds them on both.
//!
//! ```
//! use gocoro::fs::{self, unix::{MetadataExt, symlink}};
//!
//! # let dir = std::env::temp_dir().join(format!("gocoro-unix-{}", std::process::id()));
//! # fs::create_dir(&dir)?;
//! let (file, link) = (dir.join("file"), dir.join("link"));
//! fs::write(&file, "")?;
//! symlink("file", &link)?; // is looked up beside the link
//! assert_eq!(fs::metadata(&file)?.ino(), fs::metadata(&link)?.ino());
//! # fs::remove_dir_all(&dir)?;
//! # std::io::Result::Ok(())
//! ```

use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs;
use std::path::Path;

#[doc(no_inline)]
pub use std::os::unix::fs::{
    DirBuilderExt, DirEntryExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt,
};

use super::path::{at, between};
use crate::blocking;

/// Creates a symbolic link at `link` that says `original`.
///
/// It is [`std::os::unix::fs::symlink`] made suspendable. `original` need not exist. If it is
/// relative, it is looked up from the directory of the link.
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
/// - `AlreadyExists`: there is something at `link`.
/// - `NotFound`: there is no directory for the link.
/// - `PermissionDenied`: the directory may not be written to.
///
/// # Examples
///
/// ```
/// use gocoro::fs::{self, unix::symlink};
///
/// # let dir = std::env::temp_dir().join(format!("gocoro-symlink-{}", std::process::id()));
/// # fs::create_dir(&dir)?;
/// let link = dir.join("current");
/// symlink("release-7", &link)?;
/// assert_eq!(fs::read_link(&link)?.to_str(), Some("release-7"));
/// # fs::remove_dir_all(&dir)?;
/// # std::io::Result::Ok(())
/// ```
pub fn symlink<P: AsRef<Path>, Q: AsRef<Path>>(original: P, link: Q) -> io::Result<()> {
    between(original.as_ref(), link.as_ref(), fs::symlink)
}

/// Changes the owner and the group of what is at `dir`, which need not be a directory; `None`
/// leaves one as it is.
///
/// It is [`std::os::unix::fs::chown`] made suspendable. Symbolic links are followed; [`lchown`]
/// changes the link. The system may take the bits `suid` and `sgid` and the capabilities of the
/// file away.
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
/// - `NotFound`: there is nothing at `dir`.
/// - `PermissionDenied`: as a rule, only root gives files away, and owners choose among the groups
///   that they are in.
///
/// # Examples
///
/// ```
/// use gocoro::fs::{self, unix::{MetadataExt, chown}};
///
/// # let path = std::env::temp_dir().join(format!("gocoro-chown-{}", std::process::id()));
/// fs::write(&path, "mine")?;
/// let owner = fs::metadata(&path)?.uid();
/// chown(&path, Some(owner), None)?; // whoever has it may give it to themselves
/// # fs::remove_file(&path)?;
/// # std::io::Result::Ok(())
/// ```
pub fn chown<P: AsRef<Path>>(dir: P, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
    at(dir.as_ref(), move |path| fs::chown(path, uid, gid))
}

/// Changes the owner and the group of an open file; `None` leaves one as it is.
///
/// It is [`std::os::unix::fs::fchown`] made suspendable, and does what [`chown`] does.
///
/// # Parks
///
/// In a task it suspends the task until a thread of the blocking pool has made the call. On a plain
/// thread it blocks the thread. While it waits for a thread it can be cut short, and then nothing
/// has changed. Once the call is under way, it comes to its end first, for the descriptor is the
/// caller's.
///
/// # Errors
///
/// Those of [`chown`], except that the file is there.
///
/// # Examples
///
/// ```
/// use gocoro::fs::{self, unix::{MetadataExt, fchown}};
///
/// # let path = std::env::temp_dir().join(format!("gocoro-fchown-{}", std::process::id()));
/// let file = fs::File::create(&path)?;
/// fchown(&file, None, Some(file.metadata()?.gid()))?;
/// # fs::remove_file(&path)?;
/// # std::io::Result::Ok(())
/// ```
pub fn fchown<F: AsFd>(fd: F, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
    let fd = fd.as_fd();
    blocking::lend(move || fs::fchown(fd, uid, gid))
}

/// Changes the owner and the group of what is at `dir` itself, be it a symbolic link; `None` leaves
/// one as it is.
///
/// It is [`std::os::unix::fs::lchown`] made suspendable.
///
/// # Parks
///
/// As [`chown`] does.
///
/// # Errors
///
/// Those of [`chown`], except that a link which leads to nothing is none.
///
/// # Examples
///
/// ```
/// use gocoro::fs::{self, unix::{MetadataExt, lchown, symlink}};
///
/// # let link = std::env::temp_dir().join(format!("gocoro-lchown-{}", std::process::id()));
/// symlink("nowhere", &link)?;
/// lchown(&link, Some(fs::symlink_metadata(&link)?.uid()), None)?;
/// # fs::remove_file(&link)?;
/// # std::io::Result::Ok(())
/// ```
pub fn lchown<P: AsRef<Path>>(dir: P, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
    at(dir.as_ref(), move |path| fs::lchown(path, uid, gid))
}

/// Makes `dir` the root directory of the process, and so of all of its tasks and threads.
///
/// It is [`std::os::unix::fs::chroot`] made suspendable. The current directory stays where it is,
/// perhaps outside: call [`std::env::set_current_dir`] next.
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
/// - `PermissionDenied`: as a rule, only root may do this.
/// - `NotFound`, `NotADirectory`: there is no directory at `dir`.
///
/// # Examples
///
/// ```no_run
/// use gocoro::fs::unix::chroot;
///
/// chroot("/srv/sandbox")?;
/// std::env::set_current_dir("/")?;
/// # std::io::Result::Ok(())
/// ```
pub fn chroot<P: AsRef<Path>>(dir: P) -> io::Result<()> {
    at(dir.as_ref(), fs::chroot)
}
