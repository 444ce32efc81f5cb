//! Files: [`std::fs`], of which everything that waits suspends the task. An import of `gocoro::fs`
//! takes the place of one of `std::fs`.
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
//! std's extension traits for Unix, [`FileExt`](std::os::unix::fs::FileExt) and
//! [`OpenOptionsExt`](std::os::unix::fs::OpenOptionsExt), have their methods here too.

#[doc(inline)]
pub use gocoro_runtime::export::fs::{File, OpenOptions};
#[doc(no_inline)]
pub use std::fs::{FileTimes, FileType, Metadata, Permissions, TryLockError};
