//! An event: it tells those who wait that something has happened.

use std::fmt;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::time::{Duration, Instant};

use super::arm::{Grant, QueueArm, Queued};
use crate::clock;
use crate::loom::{AtomicU32, const_fn};
use crate::park;
use crate::task::{Described, Legible, Plain, Reason, Words};
use crate::waiters::{Locked, Queue, Selectable};

const SET: u32 = 1 << 0;
/// Set while somebody may be in the queue, and never together with SET. It changes only under the
/// queue's lock.
const WAITERS: u32 = 1 << 1;

/// Tells those who wait that something has happened.
///
/// An event made by [`Event::new`] stays set until it is reset, and lets everybody through
/// meanwhile. An event made by [`Event::auto`] lets one waiter through each time it is set, and
/// resets itself. If it is set twice while nobody waits, it still lets only one through.
///
/// # Examples
///
/// ```
/// use gocoro::sync::{Arc, Event};
///
/// let start = Arc::new(Event::new());
/// let runners: Vec<_> = (0..3)
///     .map(|n| {
///         let start = start.clone();
///         gocoro::go!({
///             start.wait();
///             n
///         })
///     })
///     .collect();
/// start.set();
/// assert_eq!(runners.into_iter().map(|runner| runner.wait()).sum::<i32>(), 3);
/// ```
pub struct Event {
    word: AtomicU32,
    auto: bool,
    queue: Queue<Grant>,
}

impl Event {
    const_fn! {
        /// Makes an event that is not set, and that stays set until it is reset.
        #[must_use]
        pub fn new() -> Event {
            Event { word: AtomicU32::new(0), auto: false, queue: Queue::new() }
        }
    }

    const_fn! {
        /// Makes an event that is not set, and that is reset by letting one waiter through.
        ///
        /// # Examples
        ///
        /// ```
        /// use gocoro::sync::Event;
        /// use std::time::Duration;
        ///
        /// let event = Event::auto();
        /// event.set();
        /// event.wait();
        /// assert!(!event.wait_timeout(Duration::ZERO));
        /// ```
        #[must_use]
        pub fn auto() -> Event {
            Event { word: AtomicU32::new(0), auto: true, queue: Queue::new() }
        }
    }

    /// Sets the event: everybody who waits is let through, or one waiter, if it is an
    /// [`Event::auto`].
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::sync::{Arc, Event};
    ///
    /// let opened = Arc::new(Event::new());
    /// let theirs = opened.clone();
    /// let opener = gocoro::go!({ theirs.set() });
    /// opened.wait();
    /// assert!(opened.is_set(), "until it is reset");
    /// opener.wait();
    /// ```
    pub fn set(&self) {
        let mut word = self.word.load(Relaxed);
        while word & WAITERS == 0 {
            // The word is written even if it is SET already, so that whoever resets the event next
            // sees what was done before this call.
            match self.word.compare_exchange_weak(word, SET, AcqRel, Relaxed) {
                Ok(_) => return,
                Err(seen) => word = seen,
            }
        }
        self.let_through();
    }

    #[cold]
    fn let_through(&self) {
        let mut queue = self.queue.lock();
        if self.auto {
            let wake = queue.claim_first(|_| ());
            let next = match (&wake, queue.is_empty()) {
                (None, _) => SET,
                (Some(_), true) => 0,
                (Some(_), false) => WAITERS,
            };
            self.replace(next);
            drop(queue);
            if let Some(wake) = wake {
                wake.give();
            }
        } else {
            let wakes = queue.claim_all(|_| ());
            self.replace(SET);
            drop(queue);
            wakes.give();
        }
    }

    /// Replaces the word. Called under the queue's lock.
    fn replace(&self, next: u32) {
        self.word.swap(next, AcqRel);
    }

    /// Resets the event: those who come from now on wait.
    pub fn reset(&self) {
        self.word.fetch_and(!SET, AcqRel);
    }

    /// Whether the event is set.
    pub fn is_set(&self) -> bool {
        park::looked();
        self.lets_through()
    }

    #[inline]
    fn lets_through(&self) -> bool {
        self.word.load(Acquire) & SET != 0
    }

    /// Waits until the event is set.
    ///
    /// # Parks
    ///
    /// Unless the event is set. On a plain thread it blocks the thread. A cancel point: a waiter
    /// that is cancelled has not been let through.
    #[inline]
    pub fn wait(&self) {
        park::spent();
        if !self.pass() {
            self.wait_until(None);
        }
    }

    /// Waits until the event is set, but not longer than `timeout`. `false`: the time was up.
    ///
    /// # Parks
    ///
    /// As [`Event::wait`], up to `timeout`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::sync::Event;
    /// use std::time::Duration;
    ///
    /// let event = Event::new();
    /// assert!(!event.wait_timeout(Duration::from_millis(1)));
    /// event.set();
    /// assert!(event.wait_timeout(Duration::ZERO));
    /// ```
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        park::spent();
        self.pass() || !timeout.is_zero() && self.wait_until(clock::after(timeout))
    }

    /// Goes through if the event is set.
    #[inline]
    fn pass(&self) -> bool {
        if !self.auto {
            return self.lets_through();
        }
        self.word.compare_exchange(SET, 0, AcqRel, Relaxed).is_ok()
    }

    #[cold]
    fn wait_until(&self, deadline: Option<Instant>) -> bool {
        let queue = loop {
            let queue = self.queue.lock();
            if self.announce(&queue) {
                break queue;
            }
            drop(queue);
            if self.pass() {
                return true;
            }
        };
        self.queue.wait(queue, Grant::Granted, Reason::Event.on(self), deadline).is_some()
    }
}

impl<'a> Queued<'a, ()> for Event {
    fn queue(&self) -> &Queue<Grant> {
        &self.queue
    }

    fn attempt(&'a self) -> Option<()> {
        self.pass().then_some(())
    }

    fn is_ready(&self, _queue: &Locked<'_, Grant>) -> bool {
        self.lets_through()
    }

    fn announce(&self, _queue: &Locked<'_, Grant>) -> bool {
        let mut word = self.word.load(Relaxed);
        while word & SET == 0 {
            match self.word.compare_exchange_weak(word, WAITERS, AcqRel, Relaxed) {
                Ok(_) => return true,
                Err(seen) => word = seen,
            }
        }
        false
    }

    fn granted(&'a self, _: Grant) {}

    fn undo(&self, _: Grant) {
        if self.auto {
            self.set();
        }
    }
}

impl crate::waiters::Sealed for &Event {}

/// In `select!`, `wait(&event)` goes through the event.
impl<'a> Selectable for &'a Event {
    type Output = ();
    type Arm = QueueArm<'a, ()>;

    fn arm(self) -> QueueArm<'a, ()> {
        QueueArm::new(self)
    }
}

impl Default for Event {
    fn default() -> Event {
        Event::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("set", &self.lets_through())
            .field("auto", &self.auto)
            .finish_non_exhaustive()
    }
}

impl Legible for Event {
    const PLAIN: Plain = Plain::of("event").address();
}

impl Described for Event {
    fn in_words(&self, _: Reason, words: &mut Words) {
        words.at("event", self);
    }
}
