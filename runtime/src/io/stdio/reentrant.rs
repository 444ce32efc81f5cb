//! A lock that its holder may lock again, as those of std's standard output and error.

use std::io;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use crate::park;
use crate::sync::RawMutex;

pub(super) struct Reentrant {
    raw: RawMutex,
    /// How often the holder has locked it. Only the holder reads and writes this.
    depth: AtomicU32,
}

impl Reentrant {
    pub(super) fn new() -> Reentrant {
        Reentrant { raw: RawMutex::new(), depth: AtomicU32::new(0) }
    }

    pub(super) fn lock(&self) {
        if self.raw.is_mine() {
            park::spent();
        } else {
            self.raw.lock();
        }
        self.enter();
    }

    /// Locks it as an operation of I/O does: see [`RawMutex::lock_for_io`].
    pub(super) fn lock_for_io(&self) -> io::Result<()> {
        if !self.raw.is_mine() {
            self.raw.lock_for_io()?;
        }
        self.enter();
        Ok(())
    }

    fn enter(&self) {
        let depth = self.depth.load(Relaxed).checked_add(1);
        self.depth.store(depth.expect("a standard stream is locked too often"), Relaxed);
    }

    /// Undoes one `lock`. Called on behalf of the holder; `last` runs before the lock is free.
    pub(super) fn unlock(&self, last: impl FnOnce()) {
        let depth = self.depth.load(Relaxed) - 1;
        self.depth.store(depth, Relaxed);
        if depth == 0 {
            last();
            self.raw.unlock();
        }
    }
}
