//! Unix sockets do what std documents, in tasks and on plain threads.

mod datagram;
mod long_path;
mod shutdown;
mod stream;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::{env, fs, process};

/// A path where there is nothing yet; what is made there goes with it.
pub(crate) struct TempPath(PathBuf);

impl TempPath {
    pub(crate) fn new() -> TempPath {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("gocoro-it-{}-{}", process::id(), NEXT.fetch_add(1, Relaxed));
        TempPath(env::temp_dir().join(name))
    }
}

impl Drop for TempPath {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl AsRef<std::path::Path> for TempPath {
    fn as_ref(&self) -> &std::path::Path {
        &self.0
    }
}
