//! Files and directories: [`std::fs`], of which everything that waits suspends the task. An import
//! of `gocoro::fs` takes the place of one of `std::fs`.
//!
//! ```
//! use gocoro::fs::File;
//! use gocoro::io::{self, BufRead, BufReader};
//!
//! fn longest_line(path: &str) -> io::Result<usize> {
//!     let mut longest = 0;
//!     for line in BufReader::new(File::open(path)?).lines() {
//!         longest = longest.max(line?.len());
//!     }
//!     Ok(longest)
//! }
//!
//! let counts = gocoro::task::scope(|s| {
//!     let one = s.spawn(|| longest_line("/etc/hostname"));
//!     let other = s.spawn(|| longest_line("/dev/null"));
//!     (one.wait(), other.wait())
//! });
//! assert_eq!(counts.1?, 0);
//! # io::Result::Ok(())
//! ```
//!
//! What of a file is in memory is read right there; for the rest the task is suspended, and a
//! thread of the [blocking pool](crate::blocking) makes the call. [`File`] has the details.
//!
//! What names a file by its path is one call on that pool, for a whole file too:
//!
//! ```
//! use gocoro::{fs, go, io};
//!
//! # let dir = std::env::temp_dir().join(format!("gocoro-fs-{}", std::process::id()));
//! fs::create_dir_all(dir.join("parts"))?;
//! for part in ["one", "two", "three"] {
//!     fs::write(dir.join("parts").join(part), part)?;
//! }
//! let mut reads = Vec::new();
//! for entry in fs::read_dir(dir.join("parts"))? {
//!     let path = entry?.path();
//!     reads.push(go!({ fs::read(path) })); // side by side
//! }
//! let mut bytes = 0;
//! for read in reads {
//!     bytes += read.wait()?.len();
//! }
//! assert_eq!(bytes, 11);
//! # fs::remove_dir_all(&dir)?;
//! # io::Result::Ok(())
//! ```
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | opening, reading and writing a file | [`File`], [`OpenOptions`] |
//! | a file as a whole | [`read`], [`read_to_string`], [`write`](fn@write), [`copy`] |
//! | what is there | [`metadata`](fn@metadata), [`exists`], [`symlink_metadata`], [`canonicalize`] |
//! | names | [`rename`], [`remove_file`], [`hard_link`], [`read_link`], [`unix::symlink`] |
//! | directories | [`read_dir`], [`create_dir`], [`create_dir_all`], [`DirBuilder`], [`remove_dir`], [`remove_dir_all`] |
//! | permissions and owners | [`set_permissions`], [`unix::chown`] |
//!
//! Methods of [`Path`](std::path::Path) that look at files, such as `exists` and `is_dir`, are
//! std's, and block the worker while they do.
//!
//! # What is cut short
//!
//! A call that a cancel, a timeout or an [`io_deadline`](crate::time::io_deadline) cuts short while
//! it waits for a thread of the pool never happens. Once a thread makes it, nothing can stop it:
//!
//! - What is named by its path is left to the pool. The caller goes on at once, and the effect may
//!   still come: a file is removed, a copy goes on to its end.
//! - What uses the caller's bytes or descriptor comes to its end first: [`write`](fn@write), reads
//!   and writes of a [`File`], [`unix::fchown`].
//!
//! In the destructors of a cancelled task files are waited for as anywhere else.
//!
//! std's extension traits for Unix, [`FileExt`](std::os::unix::fs::FileExt) and
//! [`OpenOptionsExt`](std::os::unix::fs::OpenOptionsExt), have their methods here too.

#[doc(inline)]
#[expect(deprecated, reason = "std has it, too")]
pub use gocoro_runtime::export::fs::soft_link;
#[doc(inline)]
pub use gocoro_runtime::export::fs::{
    DirBuilder, DirEntry, File, OpenOptions, ReadDir, canonicalize, copy, create_dir,
    create_dir_all, exists, hard_link, metadata, read, read_dir, read_link, read_to_string,
    remove_dir, remove_dir_all, remove_file, rename, set_permissions, symlink_metadata, unix,
    write,
};
#[doc(no_inline)]
pub use std::fs::{FileTimes, FileType, Metadata, Permissions, TryLockError};
