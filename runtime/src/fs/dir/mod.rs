//! Directories: making them, removing them, and reading what is in them.

mod builder;
mod entry;
mod read;
mod remove;

pub use self::builder::{DirBuilder, create_dir, create_dir_all};
pub use self::entry::DirEntry;
pub use self::read::{ReadDir, read_dir};
pub use self::remove::{remove_dir, remove_dir_all};
