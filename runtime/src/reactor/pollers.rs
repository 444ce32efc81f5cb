//! The wakers of those who poll a descriptor, from whatever threads.
//!
//! All watches of a descriptor share one place for them. That is a worker's slot for polls in its
//! tasks ([`super::Driver`]), and the watching thread's entry for all other polls
//! ([`super::watch`]).
//!
//! - *No wake is lost.* A poll finds nothing, sets a watch up if there is none, and leaves its
//!   waker here. Then it tries again, since an event may have been acted on before the waker was
//!   here. It need not where its own worker's driver watches, which acts on no event while the task
//!   runs. Whoever acts on an event takes all wakers. So one of the two sees the other.
//! - *No poll spins.* The kernel is what says "ready", and no flag that could be stale. A waker
//!   that is called is out of here, until its owner polls again and finds nothing.
//! - *Foreign code.* A waker is cloned, called and dropped under no lock and with no slot borrowed,
//!   as if there were no task.
//!
//! Nobody tells when whoever polled has lost interest. So where many wakers are kept and more come,
//! all are called once in a while, as by an event: those who still wait leave theirs again.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::{Concerns, Direction};
use crate::clock;
use crate::current;
use crate::lock::Lock;
use crate::unwind;

/// How many wakers a side keeps before it asks who still waits.
const ASKED_FROM: usize = 16;

/// How long a side goes on without asking. Two calls a second for nothing are not felt, and what is
/// left meanwhile is little, be it a waker each millisecond.
const ASKED_EACH: Duration = Duration::from_millis(500);

/// The wakers of one descriptor.
pub(crate) struct Pollers {
    read: Lock<Waiting>,
    write: Lock<Waiting>,
    /// Whether the watching thread will call the wakers of those who write after a while.
    pub(super) looks: AtomicBool,
}

/// The wakers of one side.
#[derive(Default)]
struct Waiting {
    left: Vec<Waker>,
    /// When it is time to ask who still waits; `None` until there are many.
    ask_at: Option<Instant>,
}

impl Default for Pollers {
    fn default() -> Pollers {
        let (read, write) = (Lock::new(Waiting::default()), Lock::new(Waiting::default()));
        Pollers { read, write, looks: AtomicBool::new(false) }
    }
}

impl fmt::Debug for Pollers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pollers").finish_non_exhaustive()
    }
}

impl Pollers {
    fn side(&self, direction: Direction) -> &Lock<Waiting> {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }

    /// Leaves a waker here, which stays until the next event. One that is here already is not left
    /// a second time.
    pub(crate) fn listen(&self, direction: Direction, waker: &Waker) {
        let side = self.side(direction);
        let count = {
            let waiting = side.lock();
            if waiting.left.iter().any(|left| left.will_wake(waker)) {
                return;
            }
            waiting.left.len()
        };
        if count >= ASKED_FROM {
            self.ask(direction, clock::now());
        }
        let waker = current::off_task(|| waker.clone());
        side.lock().left.push(waker);
    }

    /// Calls all wakers, if it is time to.
    #[cold]
    fn ask(&self, direction: Direction, now: Instant) {
        let mut due = Vec::new();
        {
            let mut waiting = self.side(direction).lock();
            match waiting.ask_at {
                Some(at) if at <= now => {
                    waiting.ask_at = None;
                    due = std::mem::take(&mut waiting.left);
                }
                Some(_) => {}
                None => waiting.ask_at = now.checked_add(ASKED_EACH),
            }
        }
        call(due);
    }

    /// Takes the wakers of one side, after an event, for the caller to call.
    pub(crate) fn take(&self, direction: Direction, due: &mut Vec<Waker>) {
        due.append(&mut self.side(direction).lock().left);
    }

    /// Takes the wakers of the sides that an event concerns.
    pub(super) fn take_concerned(&self, concerns: &Concerns, due: &mut Vec<Waker>) {
        if concerns.read {
            self.take(Direction::Read, due);
        }
        if concerns.write {
            self.take(Direction::Write, due);
        }
    }

    /// Drops all wakers, of a descriptor that nobody can poll any more.
    pub(super) fn clear(&self) {
        let mut due = Vec::new();
        self.take(Direction::Read, &mut due);
        self.take(Direction::Write, &mut due);
        due.into_iter().for_each(|waker| foreign(|| drop(waker)));
    }
}

/// Calls wakers that were taken.
pub(crate) fn call(due: impl IntoIterator<Item = Waker>) {
    due.into_iter().for_each(|waker| foreign(|| waker.wake()));
}

/// Runs what belongs to a waker, which is anybody's code, as if there were no task. Its panic goes
/// no further.
fn foreign(code: impl FnOnce()) {
    current::off_task(|| unwind::run_quietly(code));
}
