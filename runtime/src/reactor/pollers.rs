//! The wakers of those who poll a descriptor, from whatever threads.
//!
//! All watches of a descriptor share one place for them. That is a worker's slot for polls in its
//! tasks ([`super::Driver`]), and the watching thread's entry for all other polls
//! ([`super::watch`]).
//!
//! - *No wake is lost.* A poll leaves its waker here, while a watch that it relies on is set up.
//!   After that it asks the kernel, unless no event of that watch can have been acted on since it
//!   asked last. Whoever acts on an event takes all wakers after the event. So one of the two sees
//!   the other.
//! - *No poll spins.* The kernel is what says "ready", and no flag that could be stale. A waker
//!   that is called is out of here, until its owner polls again and finds nothing.
//! - *Foreign code.* A waker is cloned, called and dropped under no lock and with no slot borrowed,
//!   as if there were no task.
//!
//! Nobody tells when whoever polled has lost interest. So the places of a list that has grown are
//! swept: each waker that has not been left again since the last sweep goes, and each other one is
//! called, to be left again by an owner who still waits.

use std::fmt;
use std::task::Waker;

use super::{Concerns, Direction};
use crate::current;
use crate::lock::Lock;
use crate::unwind;

/// How many wakers a side keeps before it is first swept.
const SWEPT_FROM: usize = 16;

/// The wakers of one descriptor.
pub(crate) struct Pollers {
    read: Lock<Waiting>,
    write: Lock<Waiting>,
}

/// The wakers of one side.
struct Waiting {
    left: Vec<Left>,
    /// The number of wakers at which the side is swept.
    swept_at: usize,
}

struct Left {
    waker: Waker,
    /// It was called by a sweep, and not left again since.
    asked: bool,
}

impl Default for Pollers {
    fn default() -> Pollers {
        Pollers { read: Lock::new(Waiting::new()), write: Lock::new(Waiting::new()) }
    }
}

impl fmt::Debug for Pollers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pollers").finish_non_exhaustive()
    }
}

impl Waiting {
    fn new() -> Waiting {
        Waiting { left: Vec::new(), swept_at: SWEPT_FROM }
    }

    /// Notes that the waker's owner waits. `false`: the waker is not known.
    fn renew(&mut self, waker: &Waker) -> bool {
        match self.left.iter_mut().find(|left| left.waker.will_wake(waker)) {
            Some(left) => {
                left.asked = false;
                true
            }
            None => false,
        }
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
        let is_full = {
            let mut waiting = side.lock();
            if waiting.renew(waker) {
                return;
            }
            waiting.left.len() >= waiting.swept_at
        };
        if is_full {
            self.sweep(direction);
        }
        let waker = current::off_task(|| waker.clone());
        side.lock().left.push(Left { waker, asked: false });
    }

    /// Drops the wakers of those who have not polled since the last sweep, and calls all others.
    ///
    /// While those are called they are not here. An event may come meanwhile and not find them. But
    /// an owner that polls after its call finds what the event told of, or has left its waker again
    /// before.
    #[cold]
    fn sweep(&self, direction: Direction) {
        let side = self.side(direction);
        let all = std::mem::take(&mut side.lock().left);
        let (mut gone, kept): (Vec<Left>, Vec<Left>) = all.into_iter().partition(|left| left.asked);
        for left in &kept {
            foreign(|| left.waker.wake_by_ref());
        }
        {
            let mut waiting = side.lock();
            waiting.swept_at = SWEPT_FROM.max(2 * kept.len());
            for left in kept {
                if waiting.left.iter().any(|other| other.waker.will_wake(&left.waker)) {
                    gone.push(left);
                } else {
                    waiting.left.push(Left { asked: true, ..left });
                }
            }
        }
        gone.into_iter().for_each(|left| foreign(|| drop(left)));
    }

    /// Takes the wakers of one side, after an event, for the caller to call.
    pub(crate) fn take(&self, direction: Direction, due: &mut Vec<Waker>) {
        let mut waiting = self.side(direction).lock();
        waiting.swept_at = SWEPT_FROM;
        due.extend(waiting.left.drain(..).map(|left| left.waker));
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
