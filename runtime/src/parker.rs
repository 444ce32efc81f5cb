//! A plain thread's way to wait.
//!
//! Not `std::thread::park`: its token belongs to the program, which may be using it. A thread keeps
//! one parker, except in the destructors of its thread-locals, where each wait makes its own.

use std::cell::RefCell;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Instant;

use crate::clock;
use crate::loom::{Condvar, Mutex, MutexGuard};

/// A token that one thread waits for and any thread gives.
#[derive(Debug, Default)]
pub(crate) struct Parker {
    token: Mutex<Token>,
    given: Condvar,
    /// Made by the first [`Parker::listen`].
    bell: OnceLock<(PipeReader, PipeWriter)>,
}

#[derive(Debug, Default)]
struct Token {
    given: bool,
    /// Whoever gives it rings the bell.
    rings: bool,
}

impl Parker {
    /// Gives the token; the thread returns from [`Parker::park`] now or next time.
    pub(crate) fn unpark(&self) {
        let mut token = self.lock();
        if token.rings && !token.given {
            self.ring();
        }
        token.given = true;
        drop(token);
        self.given.notify_one();
    }

    /// Waits for the token, or until the deadline, and takes it.
    pub(crate) fn park(&self, deadline: Option<Instant>) {
        let mut token = self.lock();
        while !token.given {
            token = match deadline {
                None => self.given.wait(token).unwrap_or_else(PoisonError::into_inner),
                Some(at) => {
                    let left = at.saturating_duration_since(clock::now());
                    if left.is_zero() {
                        break;
                    }
                    self.given.wait_timeout(token, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        token.given = false;
    }

    fn lock(&self) -> MutexGuard<'_, Token> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cold]
    fn ring(&self) {
        if let Some((_, bell)) = self.bell.get() {
            // A pipe that is read after each ring has room for one byte.
            let _ = (&*bell).write(&[1]);
        }
    }

    /// Has the token announced by a descriptor, for a thread that waits for others as well; `None`:
    /// the token was there, and is taken.
    pub(crate) fn listen(&self) -> Option<Listening<'_>> {
        if self.bell.get().is_none()
            && let Ok(bell) = io::pipe()
        {
            // Only the parker's own thread comes here.
            let _ = self.bell.set(bell);
        }
        let mut token = self.lock();
        if token.given {
            token.given = false;
            return None;
        }
        token.rings = self.bell.get().is_some();
        Some(Listening(self))
    }
}

/// The token is announced by the bell; dropping this takes it, if it came.
#[derive(Debug)]
pub(crate) struct Listening<'a>(&'a Parker);

impl Listening<'_> {
    /// Readable when the token has come; `None`: the system had no pipe, and nothing tells.
    pub(crate) fn bell(&self) -> Option<BorrowedFd<'_>> {
        self.0.bell.get().map(|(bell, _)| bell.as_fd())
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        let mut token = self.0.lock();
        let rang = std::mem::take(&mut token.given) && token.rings;
        token.rings = false;
        if rang && let Some((bell, _)) = self.0.bell.get() {
            // It is there: the ring came before the token.
            let _ = (&*bell).read(&mut [0]);
        }
    }
}

/// Where threads keep the parker between waits.
pub(crate) type Kept = RefCell<Option<Arc<Parker>>>;
