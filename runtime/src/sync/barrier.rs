//! A point that several tasks and threads pass together.

use std::fmt;

use crate::loom::const_fn;
use crate::park;
use crate::task::{Described, Legible, Plain, Reason, Words};
use crate::waiters::Queue;

/// Lets several tasks and threads wait until all of them have come to the same point; as
/// [`std::sync::Barrier`].
///
/// # Examples
///
/// ```
/// use gocoro::sync::{Arc, Barrier};
///
/// let barrier = Arc::new(Barrier::new(3));
/// let tasks: Vec<_> = (0..3)
///     .map(|_| {
///         let barrier = barrier.clone();
///         gocoro::go!({ barrier.wait().is_leader() })
///     })
///     .collect();
/// let leaders = tasks.into_iter().map(|task| task.wait()).filter(|&leader| leader).count();
/// assert_eq!(leaders, 1);
/// ```
pub struct Barrier {
    size: usize,
    /// Those who wait, and how many have come in this round.
    queue: Queue<(), usize>,
}

/// What [`Barrier::wait`] returns; as [`std::sync::BarrierWaitResult`].
pub struct BarrierWaitResult(bool);

impl Barrier {
    const_fn! {
        /// Makes a barrier for `n` tasks and threads. With 0 or 1, nobody waits.
        #[must_use]
        pub fn new(n: usize) -> Barrier {
            Barrier { size: n, queue: Queue::with(0) }
        }
    }

    /// Waits until all have come. After that the barrier can be used again.
    ///
    /// # Parks
    ///
    /// Unless the caller is the last to come. On a plain thread it blocks the thread. A cancel
    /// point: a waiter that is cancelled counts as not having come.
    pub fn wait(&self) -> BarrierWaitResult {
        park::spent();
        let mut come = self.queue.lock();
        if *come + 1 >= self.size {
            *come = 0;
            let wakes = come.claim_all(|()| ());
            drop(come);
            wakes.give();
            return BarrierWaitResult(true);
        }
        *come += 1;
        let wanted = Reason::Barrier.on(self);
        self.queue.wait_with(come, (), wanted, None, || (), |mut come| *come -= 1);
        BarrierWaitResult(false)
    }
}

impl BarrierWaitResult {
    /// Whether the caller was the last to come. Exactly one of each round is.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").field("size", &self.size).finish_non_exhaustive()
    }
}

impl fmt::Debug for BarrierWaitResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierWaitResult").field("is_leader", &self.is_leader()).finish()
    }
}

impl Legible for Barrier {
    const PLAIN: Plain = Plain::of("barrier").address();
}

impl Described for Barrier {
    fn in_words(&self, _: Reason, words: &mut Words) {
        let come = *self.queue.lock();
        words.at("barrier", self);
        words.say(format_args!(" ({come} of {} have come)", self.size));
    }
}
