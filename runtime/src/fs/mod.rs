//! Files, shaped as [`std::fs`].
//!
//! Regular files have no readiness: `poll(2)` calls each of them ready, and then a call waits for
//! the disk. So what can be had from memory is done right there, by calls of Linux that never wait,
//! and the rest on the blocking pool (`disk`). What has readiness, a named pipe or a terminal, is
//! waited for as any pipe (`handle`).

#[allow(unsafe_code)]
mod sys;

mod piece;

mod disk;

mod handle;

mod file;
mod open_options;

pub use std::fs::{FileTimes, FileType, Metadata, Permissions, TryLockError};

pub use self::file::File;
pub use self::open_options::OpenOptions;
