//! How a plain thread waits.
//!
//! The runtime does not use `std::thread::park`, whose token belongs to the program, which may be
//! using it. A thread keeps one parker for all its waits. In the destructors of its thread-locals
//! it has none, and each wait makes its own.

use std::cell::RefCell;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Arc, OnceLock, PoisonError};
use std::task::Wake;
use std::time::Instant;

use crate::census;
use crate::clock;
use crate::loom::{AtomicU32, Condvar, Mutex, MutexGuard};

/// A token that one thread waits for and any thread may give.
#[derive(Debug, Default)]
pub(crate) struct Parker {
    token: Mutex<Token>,
    given: Condvar,
    /// A pipe that becomes readable when the token is given, made by the first [`Parker::listen`].
    bell: OnceLock<(PipeReader, PipeWriter)>,
    /// Whether a waker of this thread was called since the thread last began to poll a future: see
    /// `waiters::Awaiter`. Unlike the token, no other wait of the thread uses this up.
    called: AtomicU32,
}

#[derive(Debug, Default)]
struct Token {
    given: bool,
    /// Whether the thread is counted as one that waits for this token and for nothing else.
    still: bool,
    /// Whether whoever gives the token also rings the bell.
    rings: bool,
}

impl Parker {
    /// Gives the token. The thread returns from [`Parker::park`], now or when it calls it next.
    pub(crate) fn unpark(&self) {
        let mut token = self.lock();
        if token.rings && !token.given {
            self.ring();
        }
        token.given = true;
        if std::mem::take(&mut token.still) {
            census::end_still();
        }
        drop(token);
        self.given.notify_one();
    }

    /// Waits for the token, but not beyond the deadline. Takes the token if it is there.
    pub(crate) fn park(&self, deadline: Option<Instant>) {
        self.wait(deadline, deadline.is_none());
    }

    /// As [`Parker::park`], where the token may be given because of what nobody here knows of, as
    /// the wakers of futures are called.
    pub(crate) fn park_for_anything(&self, deadline: Option<Instant>) {
        self.wait(deadline, false);
    }

    /// `still`: without the token this thread does nothing.
    fn wait(&self, deadline: Option<Instant>, still: bool) {
        let mut token = self.lock();
        if still && !token.given {
            token.still = true;
            census::begin_still();
        }
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

    /// Notes that the future which the thread polls is to be polled again.
    pub(crate) fn call(&self) {
        // A read-modify-write, as the clearing is, so that one of the two reads the other's value.
        self.called.swap(1, AcqRel);
    }

    pub(crate) fn is_called(&self) -> bool {
        self.called.load(Acquire) != 0
    }

    /// Takes the note back, before a poll. The poll sees what the wakers wrote whose calls this
    /// takes. `true`: there was one.
    pub(crate) fn take_call(&self) -> bool {
        self.called.swap(0, AcqRel) != 0
    }

    fn lock(&self) -> MutexGuard<'_, Token> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cold]
    fn ring(&self) {
        if let Some((_, bell)) = self.bell.get() {
            // The pipe always has room for this byte, for it is read after each ring.
            let _ = (&*bell).write(&[1]);
        }
    }

    /// Has the token announced by a descriptor, for a thread that waits for other descriptors too.
    /// `None`: the token was there, and has been taken.
    pub(crate) fn listen(&self) -> Option<Listening<'_>> {
        if self.bell.get().is_none()
            && let Ok(bell) = io::pipe()
        {
            // Only the parker's own thread calls this, so the bell is still unset.
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

/// The waker of a thread that polls a future.
impl Wake for Parker {
    fn wake(self: Arc<Parker>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Parker>) {
        self.call();
        self.unpark();
    }
}

/// While this lives, the token is announced by the bell. Dropping this takes the token, if it came.
#[derive(Debug)]
pub(crate) struct Listening<'a>(&'a Parker);

impl Listening<'_> {
    /// A descriptor that is readable once the token has come. `None`: the system had no pipe, so
    /// nothing announces the token.
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
            // The read does not block: whoever gave the token rang before.
            let _ = (&*bell).read(&mut [0]);
        }
    }
}

/// A thread's place for its parker between waits.
pub(crate) type Kept = RefCell<Option<Arc<Parker>>>;
