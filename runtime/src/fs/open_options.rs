//! How a file is opened.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::file::File;
use crate::{blocking, park};

/// How a file is opened; as [`std::fs::OpenOptions`].
///
/// All options are `false` at first. [`File::options`] makes some, too.
///
/// [`OpenOptionsExt`] of std has its methods here: the mode of a new file, and flags of the system.
///
/// # Examples
///
/// ```
/// use gocoro::fs::OpenOptions;
/// use gocoro::io::{self, Write};
///
/// # let path = std::env::temp_dir().join(format!("gocoro-doc-append-{}", std::process::id()));
/// let mut log = OpenOptions::new().append(true).create(true).open(&path)?;
/// writeln!(log, "started")?;
/// # drop(log);
/// # std::fs::remove_file(path)?;
/// # io::Result::Ok(())
/// ```
#[derive(Clone)]
pub struct OpenOptions(fs::OpenOptions);

impl OpenOptions {
    /// Makes options that are all `false`.
    ///
    /// # Examples
    ///
    /// ```
    /// let file = gocoro::fs::OpenOptions::new().read(true).open("/dev/null")?;
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    #[expect(clippy::new_without_default, reason = "std's has none")]
    pub fn new() -> Self {
        OpenOptions(fs::OpenOptions::new())
    }

    /// Whether the file can be read.
    pub fn read(&mut self, read: bool) -> &mut Self {
        self.0.read(read);
        self
    }

    /// Whether the file can be written. What is in it stays until it is overwritten.
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.0.write(write);
        self
    }

    /// Whether each write goes to the end of the file, wherever that is by then.
    pub fn append(&mut self, append: bool) -> &mut Self {
        self.0.append(append);
        self
    }

    /// Whether what is in the file is gone once it is open, which takes [`write`](Self::write).
    pub fn truncate(&mut self, truncate: bool) -> &mut Self {
        self.0.truncate(truncate);
        self
    }

    /// Whether the file is made if there is none, which takes [`write`](Self::write) or
    /// [`append`](Self::append).
    pub fn create(&mut self, create: bool) -> &mut Self {
        self.0.create(create);
        self
    }

    /// Whether the file is made, and nothing is opened if there is one. `create` and `truncate` do
    /// not count then.
    pub fn create_new(&mut self, create_new: bool) -> &mut Self {
        self.0.create_new(create_new);
        self
    }

    /// Opens a file.
    ///
    /// # Parks
    ///
    /// Until the blocking pool has opened it. On a plain thread that nothing bounds, the call is
    /// made right there.
    ///
    /// A named pipe opens when its other side does, and keeps a thread of the pool until then. A
    /// wait that is cut short, by a cancel, a timeout or an `io_deadline`, leaves the call to the
    /// pool, which closes what it has opened; a file that was to be made or emptied may then be
    /// so.
    ///
    /// # Errors
    ///
    /// As [`std::fs::OpenOptions::open`]: `NotFound`, `PermissionDenied`, `AlreadyExists`,
    /// `InvalidInput` for options that contradict each other, and what else the system says.
    /// `TimedOut` once the time of an [`io_deadline`](crate::time::io_deadline) is up.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::fs::OpenOptions;
    /// use gocoro::io::ErrorKind;
    ///
    /// let nowhere = OpenOptions::new().write(true).open("/dev/gocoro/nowhere");
    /// assert_eq!(nowhere.unwrap_err().kind(), ErrorKind::NotFound);
    /// ```
    pub fn open<P: AsRef<Path>>(&self, path: P) -> io::Result<File> {
        self.open_path(path.as_ref())
    }

    fn open_path(&self, path: &Path) -> io::Result<File> {
        park::spent_io();
        if blocking::may_block() {
            return self.0.open(path).map(File::from);
        }
        let (options, path) = (self.0.clone(), path.to_path_buf());
        blocking::call(move || options.open(path).map(File::of_opened))
    }
}

impl OpenOptionsExt for OpenOptions {
    fn mode(&mut self, mode: u32) -> &mut Self {
        self.0.mode(mode);
        self
    }

    fn custom_flags(&mut self, flags: i32) -> &mut Self {
        self.0.custom_flags(flags);
        self
    }
}

impl fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
