//! Something that happened.

use std::fmt;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::time::{Duration, Instant};

use super::arm::{Grant, QueueArm, Queued};
use crate::clock;
use crate::loom::{AtomicU32, const_fn};
use crate::park;
use crate::task::Reason;
use crate::waiters::{Locked, Queue, Selectable};

const SET: u32 = 1 << 0;
/// Somebody may be in the queue. Never with SET. It changes under the queue's lock only.
const WAITERS: u32 = 1 << 1;

/// Says to those who wait that something happened.
///
/// One made by [`Event::new`] stays set until it is reset, and lets all through meanwhile. One made by
/// [`Event::auto`] lets one through for each time it is set, and resets itself; set twice with nobody
/// waiting, it lets one through.
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
        /// An event that is not set, and once set stays so until it is reset.
        #[must_use]
        pub fn new() -> Event {
            Event { word: AtomicU32::new(0), auto: false, queue: Queue::new() }
        }
    }

    const_fn! {
        /// An event that is not set, and is reset by letting one through.
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

    /// Sets it: all who wait are let through, or one, if it is an [`Event::auto`].
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
            // A write also if it is set: whoever resets it next sees what was done before this.
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

    /// Under the queue's lock.
    fn replace(&self, next: u32) {
        self.word.swap(next, AcqRel);
    }

    /// Takes it back: those who come wait.
    pub fn reset(&self) {
        self.word.fetch_and(!SET, AcqRel);
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        park::looked();
        self.lets_through()
    }

    #[inline]
    fn lets_through(&self) -> bool {
        self.word.load(Acquire) & SET != 0
    }

    /// Waits until it is set.
    ///
    /// # Parks
    ///
    /// Unless it is set. On a plain thread it blocks the thread. A cancel point: whoever is cancelled
    /// has not been let through.
    #[inline]
    pub fn wait(&self) {
        park::spent();
        if !self.pass() {
            self.wait_until(None);
        }
    }

    /// Waits until it is set, but not longer than `timeout`; `false` if the time was up.
    ///
    /// # Parks
    ///
    /// As [`Event::wait`].
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

    /// Goes through if it is set.
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
        self.queue.wait(queue, Grant::Had, Reason::Event, deadline).is_some()
    }

    /// Says that somebody is going to wait; `false`: it is set.
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

    fn announce(&self, queue: &Locked<'_, Grant>) -> bool {
        Event::announce(self, queue)
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
