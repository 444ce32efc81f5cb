//! What a directory has an entry for.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, FileType, Metadata};
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::blocking;

/// An entry of a directory, from [`read_dir`](super::read_dir).
///
/// It is [`std::fs::DirEntry`] made suspendable. As std's, it keeps the directory open for as long
/// as it lives: whoever collects entries keeps a descriptor.
///
/// # Examples
///
/// ```
/// use gocoro::fs;
///
/// # let dir = std::env::temp_dir().join(format!("gocoro-entry-{}", std::process::id()));
/// # fs::create_dir(&dir)?;
/// # fs::write(dir.join("file"), "seven")?;
/// for entry in fs::read_dir(&dir)? {
///     let entry = entry?;
///     assert_eq!(entry.file_name(), "file");
///     assert_eq!(entry.path(), dir.join("file"));
///     assert!(entry.file_type()?.is_file());
///     assert_eq!(entry.metadata()?.len(), 5);
/// }
/// # fs::remove_dir_all(&dir)?;
/// # std::io::Result::Ok(())
/// ```
pub struct DirEntry {
    /// Shared with a call on the blocking pool that outlives its caller.
    entry: Arc<fs::DirEntry>,
    /// What the directory says, or, where that says nothing, the file itself. `None`: the question
    /// failed, and is asked again for whoever wants to know.
    kind: Option<FileType>,
}

impl DirEntry {
    /// Takes over what was just read. It may ask the system for the file's type, so a worker does
    /// not call it.
    pub(super) fn new(entry: fs::DirEntry) -> DirEntry {
        // std gives the entry's type or, without a sign, makes a system call for it.
        let kind = entry.file_type().ok();
        DirEntry { entry: Arc::new(entry), kind }
    }

    /// Returns the path of the entry: that of the directory, as `read_dir` was given it, and the
    /// entry's name.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::fs;
    ///
    /// for entry in fs::read_dir("/proc/self/fd")? {
    ///     assert!(entry?.path().starts_with("/proc/self/fd"));
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.entry.path()
    }

    /// Asks the system about the file that the entry stands for, be it a symbolic link.
    ///
    /// The file is looked up in the directory that was read, even if that has another path by now.
    ///
    /// # Parks
    ///
    /// In a task it suspends the task until a thread of the blocking pool has made the call. On a
    /// plain thread it blocks the thread.
    ///
    /// # Errors
    ///
    /// Those of the system, for one `NotFound`: the file is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::fs;
    ///
    /// let mut bytes = 0;
    /// for entry in fs::read_dir(".")? {
    ///     bytes += entry?.metadata()?.len();
    /// }
    /// # let _ = bytes;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn metadata(&self) -> io::Result<Metadata> {
        let entry = self.entry.clone();
        blocking::call(move || entry.metadata())
    }

    /// Returns the type of the file that the entry stands for, be it a symbolic link.
    ///
    /// It was read with the entry, so this is free. Filesystems whose directories do not have the
    /// types of their files are asked for each file; they too are asked when the entry is read.
    ///
    /// # Parks
    ///
    /// Only if the file's type could not be found out when the entry was read: then it asks once
    /// more, and waits as [`metadata`](Self::metadata) does.
    ///
    /// # Errors
    ///
    /// Those of [`metadata`](Self::metadata), if it has to ask.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::fs;
    ///
    /// for entry in fs::read_dir("/proc/self/fd")? {
    ///     assert!(entry?.file_type()?.is_symlink());
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    pub fn file_type(&self) -> io::Result<FileType> {
        match self.kind {
            Some(kind) => Ok(kind),
            None => Ok(self.metadata()?.file_type()),
        }
    }

    /// Returns the name of the entry, without the directory's path.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::fs;
    ///
    /// let mut names = Vec::new();
    /// for entry in fs::read_dir("/proc/self")? {
    ///     names.push(entry?.file_name());
    /// }
    /// assert!(names.contains(&"cmdline".into()));
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn file_name(&self) -> OsString {
        self.entry.file_name()
    }
}

impl DirEntryExt for DirEntry {
    fn ino(&self) -> u64 {
        self.entry.ino()
    }
}

impl fmt::Debug for DirEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entry.fmt(f)
    }
}
