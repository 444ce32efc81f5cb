//! Locks on whole files.
//!
//! A task tries, and makes pauses. No event tells that a lock is free, and a call on the blocking
//! pool that waited for it could not be taken back: it would get the lock after its caller has
//! gone, and keep it as long as the file is open.

use std::fs::TryLockError;
use std::io;

use super::File;
use crate::blocking;
use crate::fs::sys::Lent;
use crate::net::sys::retry;
use crate::reactor::Pauses;

/// Which of the two locks.
#[derive(Clone, Copy)]
enum Kind {
    Exclusive,
    Shared,
}

impl Kind {
    fn lock(self, file: &Lent<'_>) -> io::Result<()> {
        retry(|| match self {
            Kind::Exclusive => file.lock(),
            Kind::Shared => file.lock_shared(),
        })
    }

    fn try_lock(self, file: &Lent<'_>) -> Result<(), TryLockError> {
        match self {
            Kind::Exclusive => file.try_lock(),
            Kind::Shared => file.try_lock_shared(),
        }
    }
}

impl File {
    /// Locks the file, alone: while the lock is held, no other open file gets one on it.
    ///
    /// It is the lock of `flock(2)`, which belongs to the open file: clones hold it together, and
    /// it ends with [`unlock`](File::unlock) or when the last of them is closed. Who reads and
    /// writes without asking for a lock is not kept from it.
    ///
    /// No queue is kept. A task that waits tries again after pauses that grow from 1 to 50 ms, and
    /// so notices up to 50 ms late that the lock is free.
    ///
    /// # Parks
    ///
    /// While another open file holds a lock on the file. On a plain thread it blocks the thread.
    ///
    /// # Errors
    ///
    /// What the system says, and `TimedOut` once the time of an
    /// [`io_deadline`](crate::time::io_deadline) is up.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::fs::{File, TryLockError};
    ///
    /// # let path = std::env::temp_dir().join(format!("gocoro-doc-lock-{}", std::process::id()));
    /// let file = File::create(&path)?;
    /// file.lock()?;
    /// let other = File::open(&path)?;
    /// assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
    /// file.unlock()?;
    /// other.try_lock()?;
    /// # std::fs::remove_file(path)?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn lock(&self) -> io::Result<()> {
        self.lock_as(Kind::Exclusive)
    }

    /// Locks the file together with others that do so: while one of these locks is held, no other
    /// open file gets an exclusive one.
    ///
    /// As [`lock`](File::lock) in all else.
    ///
    /// # Parks
    ///
    /// While another open file holds an exclusive lock on the file. On a plain thread it blocks the
    /// thread.
    ///
    /// # Errors
    ///
    /// As [`lock`](File::lock).
    pub fn lock_shared(&self) -> io::Result<()> {
        self.lock_as(Kind::Shared)
    }

    /// Locks the file as [`lock`](File::lock) does, if no other open file holds a lock on it.
    ///
    /// # Parks
    ///
    /// As [`metadata`](File::metadata).
    ///
    /// # Errors
    ///
    /// [`TryLockError::WouldBlock`] if one does, [`TryLockError::Error`] with what else the system
    /// says.
    pub fn try_lock(&self) -> Result<(), TryLockError> {
        self.try_lock_as(Kind::Exclusive)
    }

    /// Locks the file as [`lock_shared`](File::lock_shared) does, if no other open file holds an
    /// exclusive lock on it.
    ///
    /// # Parks
    ///
    /// As [`metadata`](File::metadata).
    ///
    /// # Errors
    ///
    /// As [`try_lock`](File::try_lock).
    pub fn try_lock_shared(&self) -> Result<(), TryLockError> {
        self.try_lock_as(Kind::Shared)
    }

    /// Gives up the lock of this open file, which its clones have too. It is no error if there is
    /// none.
    ///
    /// # Parks
    ///
    /// As [`metadata`](File::metadata).
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn unlock(&self) -> io::Result<()> {
        self.handle.ask(|file| retry(|| file.unlock()))
    }

    fn lock_as(&self, kind: Kind) -> io::Result<()> {
        if blocking::may_block() {
            return self.handle.work(|file| kind.lock(&file));
        }
        let mut pauses = Pauses::new();
        loop {
            match self.try_lock_as(kind) {
                Ok(()) => return Ok(()),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) => pauses.pause_for_file()?,
            }
        }
    }

    fn try_lock_as(&self, kind: Kind) -> Result<(), TryLockError> {
        self.handle.ask(|file| Ok(kind.try_lock(&file))).map_err(TryLockError::Error)?
    }
}
