//! Making directories.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::super::path::at;

/// The permissions that a directory is made with unless others are asked for: all of them, of which
/// the process's umask takes some away.
const MODE: u32 = 0o777;

/// How directories are to be made.
///
/// It is [`std::fs::DirBuilder`] made suspendable. On Unix, std's `DirBuilderExt` sets the
/// permissions of what is made.
///
/// # Examples
///
/// ```
/// use gocoro::fs::{self, DirBuilder};
/// use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
///
/// # let dir = std::env::temp_dir().join(format!("gocoro-dir-builder-{}", std::process::id()));
/// let private = dir.join("keys").join("old");
/// DirBuilder::new().recursive(true).mode(0o700).create(&private)?;
/// assert_eq!(fs::metadata(&private)?.permissions().mode() & 0o777, 0o700);
/// # fs::remove_dir_all(&dir)?;
/// # std::io::Result::Ok(())
/// ```
pub struct DirBuilder {
    recursive: bool,
    mode: u32,
}

impl DirBuilder {
    /// Creates a builder that makes one directory, with the permissions that the process's umask
    /// leaves.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::fs::DirBuilder;
    ///
    /// let builder = DirBuilder::new();
    /// # let _ = builder;
    /// ```
    #[must_use]
    #[expect(clippy::new_without_default, reason = "std's has no `Default` either")]
    pub fn new() -> DirBuilder {
        DirBuilder { recursive: false, mode: MODE }
    }

    /// Whether parents that do not exist are made too, with the same permissions. `false` unless
    /// it is set.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::fs::DirBuilder;
    ///
    /// let mut builder = DirBuilder::new();
    /// builder.recursive(true);
    /// ```
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.recursive = recursive;
        self
    }

    /// Makes a directory.
    ///
    /// # Parks
    ///
    /// In a task it suspends the task until a thread of the blocking pool has made the directory.
    /// On a plain thread it blocks the thread. What has begun is not undone when its caller is cut
    /// short: it comes to its end on the pool.
    ///
    /// # Errors
    ///
    /// Those of [`create_dir`], or with [`recursive`](Self::recursive) those of [`create_dir_all`].
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::fs::DirBuilder;
    /// use gocoro::io::ErrorKind;
    ///
    /// let mut builder = DirBuilder::new();
    /// let error = builder.create("/proc").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    /// assert!(builder.recursive(true).create("/proc").is_ok());
    /// ```
    pub fn create<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        let builder = self.of_std();
        at(path.as_ref(), move |path| builder.create(path))
    }

    fn of_std(&self) -> fs::DirBuilder {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(self.recursive).mode(self.mode);
        builder
    }
}

impl DirBuilderExt for DirBuilder {
    fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = mode;
        self
    }
}

impl fmt::Debug for DirBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.of_std().fmt(f)
    }
}

/// Makes a directory, whose parent has to exist.
///
/// It is [`std::fs::create_dir`] made suspendable. The process's umask decides its permissions, or
/// a [`DirBuilder`].
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
/// - `AlreadyExists`: there is something at `path`.
/// - `NotFound`: the parent does not exist.
/// - `PermissionDenied`: the parent may not be written to.
///
/// # Examples
///
/// ```
/// use gocoro::fs;
///
/// # let dir = std::env::temp_dir().join(format!("gocoro-create-dir-{}", std::process::id()));
/// fs::create_dir(&dir)?;
/// assert!(fs::metadata(&dir)?.is_dir());
/// # fs::remove_dir(&dir)?;
/// # std::io::Result::Ok(())
/// ```
#[doc(alias = "mkdir")]
pub fn create_dir<P: AsRef<Path>>(path: P) -> io::Result<()> {
    DirBuilder::new().create(path)
}

/// Makes a directory and those of its parents that do not exist.
///
/// It is [`std::fs::create_dir_all`] made suspendable. A directory that exists is as good as one
/// that was made, also if another task or process makes it at the same time.
///
/// # Parks
///
/// In a task it suspends the task until a thread of the blocking pool has made all. On a plain
/// thread it blocks the thread. What has begun is not undone when its caller is cut short: it comes
/// to its end on the pool.
///
/// # Errors
///
/// Those of [`create_dir`], except that directories may exist. What was made before an error stays.
///
/// # Examples
///
/// ```
/// use gocoro::fs;
///
/// # let dir = std::env::temp_dir().join(format!("gocoro-create-all-{}", std::process::id()));
/// let deep = dir.join("year").join("month").join("day");
/// fs::create_dir_all(&deep)?;
/// fs::create_dir_all(&deep)?; // they are there
/// assert!(fs::metadata(&deep)?.is_dir());
/// # fs::remove_dir_all(&dir)?;
/// # std::io::Result::Ok(())
/// ```
pub fn create_dir_all<P: AsRef<Path>>(path: P) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(path)
}
