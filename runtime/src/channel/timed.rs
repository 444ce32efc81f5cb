//! Channels whose messages time makes: `after`, `at`, `tick`. They need no helper: whoever waits
//! parks with the deadline of the next message.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::time::{Duration, Instant};

use super::chan::{Failure, Patience};
use super::error::RecvError;
use crate::clock;
use crate::park;
use crate::task::Reason;
use crate::waiters::{Arm, Choice, Place};

/// There are no more messages.
const OVER: u64 = u64::MAX;

/// When the next message is due.
#[derive(Debug)]
struct Schedule {
    base: Instant,
    /// Nanoseconds after the base, or [`OVER`].
    next: AtomicU64,
    /// `None`: there is one message.
    period: Option<Duration>,
}

/// A channel of instants, as one of whatever the receiver is typed by: an [`Instant`] always.
pub(super) struct Timed<T> {
    schedule: Arc<Schedule>,
    message: fn(Instant) -> T,
}

impl Timed<Instant> {
    /// One message at `when`.
    pub(super) fn once(when: Instant) -> Timed<Instant> {
        Timed::new(when, 0, None)
    }

    /// A message each `period`; `None`: the first never comes.
    pub(super) fn every(period: Duration) -> Option<Timed<Instant>> {
        let base = clock::now();
        base.checked_add(period)?;
        Some(Timed::new(base, nanos(period), Some(period)))
    }

    fn new(base: Instant, next: u64, period: Option<Duration>) -> Timed<Instant> {
        let schedule = Schedule { base, next: AtomicU64::new(next), period };
        Timed { schedule: Arc::new(schedule), message: |instant| instant }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(OVER)
}

impl<T> Timed<T> {
    /// When the next message is due; `None`: never.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.schedule.next.load(Acquire) {
            OVER => None,
            next => self.schedule.base.checked_add(Duration::from_nanos(next)),
        }
    }

    pub(super) fn is_due(&self) -> bool {
        self.due().is_some_and(|due| clock::now() >= due)
    }

    /// Takes a message that is due.
    pub(super) fn take(&self) -> Option<Instant> {
        let Schedule { base, next, period } = &*self.schedule;
        loop {
            let due = next.load(Acquire);
            let at = (due != OVER).then(|| base.checked_add(Duration::from_nanos(due)))??;
            let now = clock::now();
            if now < at {
                return None;
            }
            // The message after one that was taken late is a whole period later.
            let following = match period {
                Some(period) => nanos(now.saturating_duration_since(*base) + *period),
                None => OVER,
            };
            if next.compare_exchange(due, following, AcqRel, Acquire).is_ok() {
                return Some(at);
            }
        }
    }

    pub(super) fn receive(&self, patience: Patience) -> Result<T, Failure> {
        park::spent();
        loop {
            if let Some(at) = self.take() {
                return Ok(self.message(at));
            }
            let until = match patience {
                Patience::None => return Err(Failure::Time),
                Patience::Until(at) if clock::now() >= at => return Err(Failure::Time),
                Patience::Until(at) => Some(at),
                Patience::Endless => None,
            };
            park::park(Reason::Receive, self.due().into_iter().chain(until).min());
        }
    }

    pub(super) fn message(&self, at: Instant) -> T {
        (self.message)(at)
    }

    /// Gives a message back that was taken and not used.
    pub(super) fn give_back(&self, at: Instant) {
        let due = nanos(at.saturating_duration_since(self.schedule.base));
        self.schedule.next.fetch_min(due, AcqRel);
    }

    pub(super) fn same(&self, other: &Timed<T>) -> bool {
        Arc::ptr_eq(&self.schedule, &other.schedule)
    }
}

impl<T> Clone for Timed<T> {
    fn clone(&self) -> Timed<T> {
        Timed { schedule: self.schedule.clone(), message: self.message }
    }
}

impl<T> fmt::Debug for Timed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timed")
            .field("due", &self.due())
            .field("period", &self.schedule.period)
            .finish()
    }
}

/// A receive of time's messages that may be chosen. It needs no link, only a deadline.
pub(super) struct TimedArm<'a, T> {
    timed: &'a Timed<T>,
    received: Cell<Option<Instant>>,
}

impl<'a, T> TimedArm<'a, T> {
    pub(super) fn new(timed: &'a Timed<T>) -> TimedArm<'a, T> {
        TimedArm { timed, received: Cell::new(None) }
    }

    /// What was received.
    pub(super) fn received(&self) -> Option<Instant> {
        self.received.take()
    }
}

impl<T> Choice for TimedArm<'_, T> {
    fn attempt(&self) -> bool {
        let received = self.timed.take();
        let chosen = received.is_some();
        self.received.set(received);
        chosen
    }

    fn is_ready(&self) -> bool {
        self.timed.is_due()
    }

    fn link(&self, _: Place<'_>) -> bool {
        false
    }

    fn unlink(&self) {}

    fn settle(&self) -> bool {
        unreachable!("nobody claims a wait for time")
    }

    fn deadline(&self) -> Option<Instant> {
        self.timed.due()
    }
}

impl<T> Arm for TimedArm<'_, T> {
    type Output = Result<T, RecvError>;

    fn take(self) -> Result<T, RecvError> {
        self.received.take().map(|at| self.timed.message(at)).ok_or(RecvError)
    }
}
