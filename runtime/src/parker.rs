//! A plain thread's way to wait.
//!
//! Not `std::thread::park`: its token belongs to the program, which may be using it. A thread keeps
//! one parker, except in the destructors of its thread-locals, where each wait makes its own.

use std::cell::RefCell;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use crate::clock;
use crate::loom::{Condvar, Mutex};

/// A token that one thread waits for and any thread gives.
#[derive(Debug, Default)]
pub(crate) struct Parker {
    token: Mutex<bool>,
    given: Condvar,
}

impl Parker {
    /// Gives the token; the thread returns from [`Parker::park`] now or next time.
    pub(crate) fn unpark(&self) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.given.notify_one();
    }

    /// Waits for the token, or until the deadline, and takes it.
    pub(crate) fn park(&self, deadline: Option<Instant>) {
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        while !*token {
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
        *token = false;
    }
}

/// Where threads keep the parker between waits.
pub(crate) type Kept = RefCell<Option<Arc<Parker>>>;
