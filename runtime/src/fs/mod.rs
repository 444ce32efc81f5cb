//! Files and directories, shaped as [`std::fs`].
//!
//! Regular files have no readiness: `poll(2)` calls each of them ready, and then a call waits for
//! the disk. So what can be had from memory is done right there, by calls of Linux that never wait,
//! and the rest on the blocking pool (`disk`). What has readiness, a named pipe or a terminal, is
//! waited for as any pipe (`handle`).
//!
//! What names a file by its path may always wait for the disk, and is left to the pool (`path`,
//! `whole`, `dir`).

#[allow(unsafe_code)]
mod sys;

mod piece;

mod disk;

mod handle;

mod file;
mod open_options;

mod path;

mod dir;
mod whole;

pub mod unix;

pub use std::fs::{FileTimes, FileType, Metadata, Permissions, TryLockError};

pub use self::dir::{
    DirBuilder, DirEntry, ReadDir, create_dir, create_dir_all, read_dir, remove_dir, remove_dir_all,
};
pub use self::file::File;
pub use self::open_options::OpenOptions;
#[expect(deprecated, reason = "std has it, too")]
pub use self::path::soft_link;
pub use self::path::{
    canonicalize, exists, hard_link, metadata, read_link, remove_file, rename, set_permissions,
    symlink_metadata,
};
pub use self::whole::{copy, read, read_to_string, write};
