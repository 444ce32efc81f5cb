//! Channels whose messages the clock makes: `after`, `at`, `tick`. They need no helper, since a
//! receiver that waits parks with the deadline of the next message. Other receivers have to be told
//! only of a message that was taken and given back: they may be waiting for a later one by now, or
//! for none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::chan::Failure;
use super::error::RecvError;
use super::news::{self, Listener, News, NewsArm};
use crate::clock;
use crate::park;
use crate::task::Words;
use crate::waiters::{Arm, Limit, Queue};

pub(super) struct Schedule {
    /// When the next message is due. `None`: there are no more messages.
    next: Option<Instant>,
    /// The time between two messages. `None`: there is one message.
    period: Option<Duration>,
    /// How many messages were given back: the number of the newest news.
    returned: u64,
}

impl News for Schedule {
    fn newest(&self) -> u64 {
        self.returned
    }
}

impl Schedule {
    /// Takes the message that is due by `now`, for a receiver that came at `came`. The next message
    /// is due a period after this one was due; or, if this one was there before the receiver came,
    /// a period after the receiver came.
    fn take(&mut self, now: Instant, came: Instant) -> Option<Instant> {
        let at = self.next.filter(|&at| at <= now)?;
        self.next = self.period.and_then(|period| at.max(came).checked_add(period));
        Some(at)
    }
}

/// A channel of instants. `T` is the receiver's type of messages, and in fact always [`Instant`].
pub(super) struct Timed<T> {
    schedule: Arc<Queue<u64, Schedule>>,
    message: fn(Instant) -> T,
}

impl Timed<Instant> {
    /// A channel of one message, at `when`.
    pub(super) fn once(when: Instant) -> Timed<Instant> {
        Timed::new(when, None)
    }

    /// A channel with a message each `period`. `None`: the first would be due beyond what an
    /// [`Instant`] holds, so it never comes.
    pub(super) fn every(period: Duration) -> Option<Timed<Instant>> {
        Some(Timed::new(clock::after(period)?, Some(period)))
    }

    fn new(first: Instant, period: Option<Duration>) -> Timed<Instant> {
        let schedule = Schedule { next: Some(first), period, returned: 0 };
        Timed { schedule: Arc::new(Queue::with(schedule)), message: |instant| instant }
    }
}

impl<T> Timed<T> {
    pub(super) fn is_due(&self) -> bool {
        self.due().is_some_and(|due| clock::now() >= due)
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
            news::wait(self, schedule, deadline);
            now = clock::now();
        }
    }

    pub(super) fn message(&self, at: Instant) -> T {
        (self.message)(at)
    }

    /// Gives back a message that was taken and not used.
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

impl<T> Listener for Timed<T> {
    type State = Schedule;
    type Received = Instant;

    const PLAIN: &'static str = "the next tick, or the time of `after`";

    fn queue(&self) -> &Queue<u64, Schedule> {
        &self.schedule
    }

    fn try_receive(&self, schedule: &mut Schedule) -> Option<Instant> {
        let now = clock::now();
        schedule.take(now, now)
    }

    /// Always `false`: the news is that a message was given back, which the clock shows as due.
    fn is_told(&self, _: &mut Schedule) -> bool {
        false
    }

    fn due(&self) -> Option<Instant> {
        self.schedule.lock().next
    }

    fn in_words(&self, words: &mut Words) {
        let what = match self.schedule.lock().period {
            Some(_) => "the next tick",
            None => "the time of `after`",
        };
        words.say(format_args!("{what}"));
    }
}

/// A receive from a timed channel as an arm of a choice.
pub(super) type TimedArm<'a, T> = NewsArm<'a, Timed<T>, Instant>;

impl<T> Arm for TimedArm<'_, T> {
    type Output = Result<T, RecvError>;

    fn take(self) -> Result<T, RecvError> {
        self.received().map(|at| self.listener().message(at)).ok_or(RecvError)
    }
}
