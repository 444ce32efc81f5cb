//! Events, and how they lie in the ring.

use super::ring::Words;
use crate::task::{Outcome, Reason};

/// What has happened on a worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Event {
    /// When it happened, or was over, in ticks.
    pub(crate) at: u64,
    /// How many ticks it took.
    pub(crate) took: u64,
    pub(crate) what: What,
    /// The id of the task that it happened to; zero: to the worker itself.
    pub(crate) task: u64,
    /// The id of the task that did it; zero: no task of this worker.
    pub(crate) by: u64,
}

/// The kinds of events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    /// The task ran, and then it waited for something, or gave way, or ended.
    Waits(Reason),
    Yields,
    Ends(Outcome),
    /// The task was made runnable.
    Woken(By),
    /// The task, of another worker, was asked to run.
    AskedToRun,
    Spawned,
    /// The task was taken from another worker, unstarted.
    Stolen,
    /// The task was asked to end.
    Cancelled,
    /// The task's panic has reached its root.
    Panicked,
    /// The worker slept in its poll.
    Slept,
    /// The worker's poll brought events.
    Polled,
}

/// What has made a task runnable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum By {
    /// The task that ran just then.
    Task,
    Timer,
    /// An event of a descriptor.
    Poll,
    /// Another thread.
    Thread,
}

/// All reasons, each at the place of its number.
const REASONS: [Reason; 21] = [
    Reason::Park,
    Reason::Sleep,
    Reason::Join,
    Reason::Readable,
    Reason::Writable,
    Reason::Blocking,
    Reason::Send,
    Reason::Receive,
    Reason::Select,
    Reason::SelectIo,
    Reason::Signal,
    Reason::Lock,
    Reason::Condvar,
    Reason::Barrier,
    Reason::Once,
    Reason::Semaphore,
    Reason::WaitGroup,
    Reason::Event,
    Reason::Promise,
    Reason::Future,
    Reason::Children,
];

const _: () = {
    let mut at = 0;
    while at < REASONS.len() {
        assert!(REASONS[at] as usize == at);
        at += 1;
    }
    assert!(Reason::Children as usize + 1 == REASONS.len());
};

/// The kinds that are no waits, each numbered by its place after the last reason.
const OTHERS: [What; 16] = [
    What::Yields,
    What::Ends(Outcome::Returned),
    What::Ends(Outcome::Panicked),
    What::Ends(Outcome::Cancelled),
    What::Ends(Outcome::Refused),
    What::Woken(By::Task),
    What::Woken(By::Timer),
    What::Woken(By::Poll),
    What::Woken(By::Thread),
    What::AskedToRun,
    What::Spawned,
    What::Stolen,
    What::Cancelled,
    What::Panicked,
    What::Slept,
    What::Polled,
];

impl What {
    #[inline]
    fn number(self) -> u64 {
        let other = match self {
            What::Waits(reason) => return reason as u64,
            What::Yields => 0,
            What::Ends(outcome) => 1 + outcome as u64,
            What::Woken(by) => 5 + by as u64,
            What::AskedToRun => 9,
            What::Spawned => 10,
            What::Stolen => 11,
            What::Cancelled => 12,
            What::Panicked => 13,
            What::Slept => 14,
            What::Polled => 15,
        };
        REASONS.len() as u64 + other
    }

    fn of(number: u64) -> Option<What> {
        let number = number as usize;
        match REASONS.get(number) {
            Some(&reason) => Some(What::Waits(reason)),
            None => OTHERS.get(number - REASONS.len()).copied(),
        }
    }

    /// Whether the task ran for as long as the event took.
    pub(crate) fn is_run(self) -> bool {
        matches!(self, What::Waits(_) | What::Yields | What::Ends(_))
    }
}

impl Event {
    /// The event as the ring keeps it. A length has 56 bits: ticks of a year.
    #[inline]
    pub(super) fn words(self) -> Words {
        [self.at, (self.took << 8) | self.what.number(), self.task, self.by]
    }

    pub(super) fn of(words: Words) -> Option<Event> {
        let [at, what, task, by] = words;
        Some(Event { at, took: what >> 8, what: What::of(what & 0xff)?, task, by })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let all = REASONS.into_iter().map(What::Waits).chain(OTHERS);
        for what in all {
            let event = Event { at: u64::MAX, took: 12345, what, task: 7, by: u64::MAX };
            assert_eq!(Event::of(event.words()), Some(event));
        }
        assert_eq!(Event::of([0, 200, 0, 0]), None);
    }
}
