//! A count of things that are still to be done.

use std::fmt;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use super::arm::{Grant, QueueArm, Queued};
use crate::loom::{AtomicUsize, const_fn};
use crate::park;
use crate::task::{Described, Legible, Plain, Reason, Words};
use crate::waiters::{Locked, Queue, Selectable};

/// Set while somebody may be in the queue.
const WAITERS: usize = 1 << 0;
const ONE: usize = 1 << 1;

/// A count of things that are still to be done, and waiting until it is zero; as Go's
/// `sync.WaitGroup`.
///
/// Where tasks return something, [`JoinHandle`](crate::join::JoinHandle)s or a scope say more.
///
/// # Examples
///
/// ```
/// use gocoro::sync::{Arc, WaitGroup};
///
/// let group = Arc::new(WaitGroup::new());
/// for n in 0..3 {
///     group.add(1);
///     let group = group.clone();
///     gocoro::go!({
///         println!("{n}");
///         group.done();
///     });
/// }
/// group.wait();
/// ```
pub struct WaitGroup {
    word: AtomicUsize,
    queue: Queue<Grant>,
}

impl WaitGroup {
    const_fn! {
        /// Makes a wait group with nothing to be done.
        #[must_use]
        pub fn new() -> WaitGroup {
            WaitGroup { word: AtomicUsize::new(0), queue: Queue::new() }
        }
    }

    /// Counts `n` more things to be done. Call this before they are started, or a wait may see zero
    /// in between.
    ///
    /// # Panics
    ///
    /// If the count is more than half a `usize`.
    pub fn add(&self, n: usize) {
        let mut word = self.word.load(Relaxed);
        loop {
            let Some(next) = n.checked_mul(ONE).and_then(|more| word.checked_add(more)) else {
                panic!("WaitGroup::add: the count is too large");
            };
            match self.word.compare_exchange_weak(word, next, AcqRel, Relaxed) {
                Ok(_) => return,
                Err(seen) => word = seen,
            }
        }
    }

    /// Counts one thing as done. The last one wakes those who wait.
    ///
    /// # Panics
    ///
    /// If it is called more often than things were added.
    pub fn done(&self) {
        let mut word = self.word.load(Relaxed);
        loop {
            assert!(word >= ONE, "WaitGroup::done: called more often than was added");
            if word == ONE | WAITERS {
                if self.last_done(word) {
                    return;
                }
                word = self.word.load(Relaxed);
                continue;
            }
            match self.word.compare_exchange_weak(word, word - ONE, AcqRel, Relaxed) {
                Ok(_) => return,
                Err(seen) => word = seen,
            }
        }
    }

    /// Counts the last thing as done. Reaching zero and waking happen in one hold of the lock:
    /// those who come after it wait for the next zero. `false`: the word has changed meanwhile.
    #[cold]
    fn last_done(&self, word: usize) -> bool {
        let mut queue = self.queue.lock();
        if self.word.compare_exchange(word, 0, AcqRel, Relaxed).is_err() {
            return false;
        }
        let wakes = queue.claim_all(|_| ());
        drop(queue);
        wakes.give();
        true
    }

    /// Waits until everything is done. Returns at once if nothing is to be done.
    ///
    /// # Parks
    ///
    /// Until the count is zero. On a plain thread it blocks the thread. A cancel point.
    pub fn wait(&self) {
        park::spent();
        if self.word.load(Acquire) >= ONE {
            self.wait_slow();
        }
    }

    #[cold]
    fn wait_slow(&self) {
        let queue = self.queue.lock();
        if self.announce(&queue) {
            self.queue.wait(queue, Grant::Granted, Reason::WaitGroup.on(self), None);
        }
    }
}

impl<'a> Queued<'a, ()> for WaitGroup {
    fn queue(&self) -> &Queue<Grant> {
        &self.queue
    }

    fn attempt(&'a self) -> Option<()> {
        (self.word.load(Acquire) < ONE).then_some(())
    }

    fn is_ready(&self, _queue: &Locked<'_, Grant>) -> bool {
        self.word.load(Acquire) < ONE
    }

    fn announce(&self, _queue: &Locked<'_, Grant>) -> bool {
        let mut word = self.word.load(Acquire);
        while word >= ONE {
            match self.word.compare_exchange_weak(word, word | WAITERS, AcqRel, Acquire) {
                Ok(_) => return true,
                Err(seen) => word = seen,
            }
        }
        false
    }

    fn granted(&'a self, _: Grant) {}

    fn undo(&self, _: Grant) {}
}

impl crate::waiters::Sealed for &WaitGroup {}

/// In `select!`, `wait(&group)` waits until everything is done.
impl<'a> Selectable for &'a WaitGroup {
    type Output = ();
    type Arm = QueueArm<'a, ()>;

    fn arm(self) -> QueueArm<'a, ()> {
        QueueArm::new(self)
    }
}

impl Default for WaitGroup {
    fn default() -> WaitGroup {
        WaitGroup::new()
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.word.load(Relaxed) / ONE;
        f.debug_struct("WaitGroup").field("count", &count).finish_non_exhaustive()
    }
}

impl Legible for WaitGroup {
    const PLAIN: Plain = Plain::of("wait group").address();
}

impl Described for WaitGroup {
    fn in_words(&self, _: Reason, words: &mut Words) {
        words.at("wait group", self);
        words.say(format_args!(" ({} left)", self.word.load(Relaxed) / ONE));
    }
}
