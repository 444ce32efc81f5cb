//! Channels whose messages time makes: `after`, `at`, `tick`. They need no helper: whoever waits
//! parks with the deadline of the next message. All that others have to be told of is a message that was
//! taken and given back, for they may be waiting for a later one by now, or for none.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::chan::Failure;
use super::error::RecvError;
use super::news::{self, News, NewsNode};
use crate::clock;
use crate::park;
use crate::waiters::{Arm, Choice, Limit, Place, Queue};

struct Schedule {
    /// When the next message is due; `None`: there are no more.
    next: Option<Instant>,
    /// `None`: there is one message.
    period: Option<Duration>,
    /// How many messages were given back.
    returned: u64,
}

impl News for Schedule {
    fn newest(&self) -> u64 {
        self.returned
    }
}

impl Schedule {
    /// Takes a message that is due by now. The next one is due a period after it; but if it was there
    /// already when its receiver came, a period after that.
    fn take(&mut self, now: Instant, came: Instant) -> Option<Instant> {
        let at = self.next.filter(|&at| at <= now)?;
        self.next = self.period.and_then(|period| at.max(came).checked_add(period));
        Some(at)
    }
}

/// A channel of instants, as one of whatever the receiver is typed by: an [`Instant`] always.
pub(super) struct Timed<T> {
    schedule: Arc<Queue<u64, Schedule>>,
    message: fn(Instant) -> T,
}

impl Timed<Instant> {
    /// One message at `when`.
    pub(super) fn once(when: Instant) -> Timed<Instant> {
        Timed::new(when, None)
    }

    /// A message each `period`; `None`: the first never comes.
    pub(super) fn every(period: Duration) -> Option<Timed<Instant>> {
        Some(Timed::new(clock::after(period)?, Some(period)))
    }

    fn new(first: Instant, period: Option<Duration>) -> Timed<Instant> {
        let schedule = Schedule { next: Some(first), period, returned: 0 };
        Timed { schedule: Arc::new(Queue::with(schedule)), message: |instant| instant }
    }
}

impl<T> Timed<T> {
    /// When the next message is due; `None`: never.
    pub(super) fn due(&self) -> Option<Instant> {
        self.schedule.lock().next
    }

    pub(super) fn is_due(&self) -> bool {
        self.due().is_some_and(|due| clock::now() >= due)
    }

    fn take(&self) -> Option<Instant> {
        let now = clock::now();
        self.schedule.lock().take(now, now)
    }

    pub(super) fn receive(&self, limit: Limit) -> Result<T, Failure> {
        park::spent();
        let came = clock::now();
        let mut now = came;
        loop {
            let mut schedule = self.schedule.lock();
            if let Some(at) = schedule.take(now, came) {
                return Ok(self.message(at));
            }
            if limit.is_over() {
                return Err(Failure::Time);
            }
            let deadline = schedule.next.into_iter().chain(limit.deadline()).min();
            news::wait(&self.schedule, schedule, deadline);
            now = clock::now();
        }
    }

    pub(super) fn message(&self, at: Instant) -> T {
        (self.message)(at)
    }

    /// Gives a message back that was taken and not used.
    pub(super) fn give_back(&self, at: Instant) {
        let mut schedule = self.schedule.lock();
        schedule.next = schedule.next.into_iter().chain([at]).min();
        schedule.returned += 1;
        let news = schedule.returned;
        drop(schedule);
        news::tell(&self.schedule, news);
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

/// A receive of time's messages that may be chosen.
pub(super) struct TimedArm<'a, T> {
    timed: &'a Timed<T>,
    node: NewsNode,
    received: Cell<Option<Instant>>,
}

impl<'a, T> TimedArm<'a, T> {
    pub(super) fn new(timed: &'a Timed<T>) -> TimedArm<'a, T> {
        TimedArm { timed, node: NewsNode::new(), received: Cell::new(None) }
    }

    /// What was received.
    pub(super) fn received(&self) -> Option<Instant> {
        self.received.take()
    }
}

// SAFETY: as a `NewsNode` promises.
unsafe impl<T> Choice for TimedArm<'_, T> {
    fn attempt(&self) -> bool {
        let received = self.timed.take();
        let chosen = received.is_some();
        self.received.set(received);
        chosen
    }

    fn is_ready(&self) -> bool {
        self.timed.is_due()
    }

    /// What is due by now shows in the deadline, which is asked after this.
    fn link(&self, place: Place<'_>) -> bool {
        self.node.link(&self.timed.schedule, self.timed.schedule.lock(), place);
        false
    }

    fn unlink(&self) {
        self.node.unlink(&self.timed.schedule);
    }

    fn settle(&self) -> bool {
        self.unlink();
        self.attempt()
    }

    /// Nothing but what was given back: what has become due shows in the deadline.
    fn has_turned(&self) -> bool {
        self.node.has_news(&self.timed.schedule)
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
