//! An initialisation that runs once.

use std::fmt;
use std::mem::offset_of;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use super::holder::{self, HELD as RUNNING, WAITERS};
use crate::current;
use crate::cycle::{self, Edge, Node};
use crate::loom::{AtomicU64, const_fn};
use crate::park;
use crate::task::{Described, Legible, Plain, Reason, Words};
use crate::waiters::Queue;

// A word with RUNNING set names the runner, and its other bits, but for WAITERS, are the name's. So
// COMPLETE and POISONED mean nothing in such a word.
const COMPLETE: u64 = 1 << 2;
const POISONED: u64 = 1 << 3;

/// An initialisation that runs once; as [`std::sync::Once`].
///
/// A task that runs the initialisation is not cut short: a cancel or an expired timeout waits until
/// the run has ended. Others wait for the run meanwhile, and their waits can be cancelled.
///
/// # Examples
///
/// ```
/// use gocoro::sync::Once;
///
/// static START: Once = Once::new();
///
/// START.call_once(|| println!("once"));
/// START.call_once(|| unreachable!());
/// assert!(START.is_completed());
/// ```
pub struct Once {
    /// Zero before the first run, and a mutex's word while one runs. WAITERS may be added to any
    /// but COMPLETE.
    word: AtomicU64,
    queue: Queue<()>,
}

/// What [`Once::call_once_force`] tells its closure; as [`std::sync::OnceState`].
pub struct OnceState {
    poisoned: bool,
}

/// A `Once` that has run nothing; as [`std::sync::ONCE_INIT`].
#[cfg(not(loom))]
#[deprecated(note = "replaced by `Once::new()`")]
#[allow(clippy::declare_interior_mutable_const, reason = "each use of it is to be another `Once`")]
pub const ONCE_INIT: Once = Once::new();

impl UnwindSafe for Once {}
impl RefUnwindSafe for Once {}

/// Writes the end of a run when dropped: POISONED, unless the run has set something else.
struct Run<'a> {
    once: &'a Once,
    me: u64,
    set_to: u64,
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.once.end(self.me, self.set_to);
    }
}

#[allow(clippy::new_without_default, reason = "std's has none")]
impl Once {
    const_fn! {
        /// Makes a `Once` that has run nothing.
        #[inline]
        #[must_use]
        pub fn new() -> Once {
            Once { word: AtomicU64::new(0), queue: Queue::new() }
        }
    }

    /// Runs `f`, unless some closure has been run before. If one is running, waits until that run
    /// has ended.
    ///
    /// # Parks
    ///
    /// While another runs its closure. On a plain thread it blocks the thread. A cancel point only
    /// if it waits.
    ///
    /// # Panics
    ///
    /// If an earlier run panicked. Also if `f` calls this for the same `Once`, for such a wait
    /// could never end.
    #[inline]
    #[track_caller]
    pub fn call_once<F: FnOnce()>(&self, f: F) {
        self.call_once_of("Once", f);
    }

    /// Runs `f` as [`Once::call_once`] does, for a primitive that its users know by the name
    /// `owner`.
    #[inline]
    #[track_caller]
    pub(super) fn call_once_of<F: FnOnce()>(&self, owner: &str, f: F) {
        if !self.is_done() {
            let mut f = Some(f);
            self.call(Some(owner), &mut |_| f.take().expect("it runs once")());
        }
    }

    /// Runs `f` as [`Once::call_once`] does, but also after an earlier run that panicked.
    ///
    /// # Parks
    ///
    /// As [`Once::call_once`].
    ///
    /// # Panics
    ///
    /// If `f` calls this for the same `Once`, for such a wait could never end.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::sync::Once;
    ///
    /// static START: Once = Once::new();
    ///
    /// let _ = gocoro::go!({ START.call_once(|| panic!("not this time")) }).join();
    /// START.call_once_force(|state| assert!(state.is_poisoned()));
    /// START.call_once(|| unreachable!());
    /// ```
    #[inline]
    #[track_caller]
    pub fn call_once_force<F: FnOnce(&OnceState)>(&self, f: F) {
        if !self.is_done() {
            let mut f = Some(f);
            self.call(None, &mut |state| f.take().expect("it runs once")(state));
        }
    }

    /// Whether a run has ended well.
    #[inline]
    pub fn is_completed(&self) -> bool {
        self.is_done() || {
            // The question may be asked in a loop until the run has ended, so it counts.
            park::looked();
            self.is_done()
        }
    }

    #[inline(always)]
    fn is_done(&self) -> bool {
        self.word.load(Acquire) == COMPLETE
    }

    /// Waits until a run has ended. Starts none.
    ///
    /// # Parks
    ///
    /// Until a run has ended. On a plain thread it blocks the thread. A cancel point only if it
    /// waits.
    ///
    /// # Panics
    ///
    /// If a run panicked, or if the caller is running the closure itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::sync::{Arc, Once};
    ///
    /// let ready = Arc::new(Once::new());
    /// let theirs = ready.clone();
    /// let waiter = gocoro::go!({
    ///     theirs.wait();
    ///     assert!(theirs.is_completed());
    /// });
    /// ready.call_once(|| println!("ready"));
    /// waiter.wait();
    /// ```
    #[track_caller]
    pub fn wait(&self) {
        self.wait_for(false);
    }

    /// Waits as [`Once::wait`] does, but goes on waiting after a run that panicked.
    ///
    /// # Parks
    ///
    /// As [`Once::wait`].
    ///
    /// # Panics
    ///
    /// If the caller is running the closure itself.
    #[track_caller]
    pub fn wait_force(&self) {
        self.wait_for(true);
    }

    /// Runs `f`, unless a run has ended well. `owner` is the name of what a run that panicked has
    /// poisoned. `None`: after such a run `f` runs all the same.
    #[cold]
    #[track_caller]
    fn call(&self, owner: Option<&str>, f: &mut dyn FnMut(&OnceState)) {
        let me = holder::me();
        loop {
            let word = self.word.load(Acquire);
            if word == COMPLETE {
                return;
            }
            if word & RUNNING != 0 {
                self.wait_for_change(word, me);
                continue;
            }
            let poisoned = word & POISONED != 0;
            if poisoned && let Some(owner) = owner {
                panic!("{owner} instance has previously been poisoned");
            }
            let next = me | (word & WAITERS);
            if self.word.compare_exchange(word, next, AcqRel, Relaxed).is_ok() {
                let mut run = Run { once: self, me, set_to: POISONED };
                current::waits().shielded(|| f(&OnceState { poisoned }));
                run.set_to = COMPLETE;
                return;
            }
        }
    }

    #[track_caller]
    fn wait_for(&self, force: bool) {
        park::looked();
        loop {
            let word = self.word.load(Acquire);
            if word == COMPLETE {
                return;
            }
            if word & (RUNNING | POISONED) == POISONED && !force {
                panic!("Once instance has previously been poisoned");
            }
            self.wait_for_change(word, holder::me());
        }
    }

    /// Waits until a run has ended, unless the word has changed since it was `seen`.
    #[track_caller]
    fn wait_for_change(&self, seen: u64, me: u64) {
        holder::refuse_again(seen, me, "waits for an initialisation that it runs itself");
        let queue = self.queue.lock();
        if self.word.compare_exchange(seen, seen | WAITERS, Relaxed, Relaxed).is_ok() {
            let edge = Edge::to_held(holder::node(me), self, holder::node(seen));
            let (wanted, look) = (Reason::Once.on(self), || edge.look());
            self.queue.wait_with(queue, (), wanted, None, look, |_| ());
        }
    }

    /// Ends the run of `me`, and wakes those who wait for it.
    fn end(&self, me: u64, set_to: u64) {
        if self.word.compare_exchange(me, set_to, AcqRel, Relaxed).is_err() {
            let mut queue = self.queue.lock();
            cycle::hand_over(self, Node::NOBODY);
            // Only the runner ends its run, and the mark WAITERS is set under the lock, so the word
            // does not change here.
            self.word.swap(set_to, AcqRel);
            let wakes = queue.claim_all(|()| ());
            drop(queue);
            wakes.give();
        }
    }

    /// Makes a `Once` as after a run that has ended well.
    pub(super) fn completed() -> Once {
        Once { word: AtomicU64::new(COMPLETE), queue: Queue::new() }
    }
}

impl OnceState {
    /// Whether an earlier run panicked.
    #[inline]
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").finish_non_exhaustive()
    }
}

impl fmt::Debug for OnceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceState").field("poisoned", &self.is_poisoned()).finish()
    }
}

impl Legible for Once {
    const PLAIN: Plain = Plain::of("initialisation").address().holder(
        "run by",
        offset_of!(Once, word),
        holder::BITS,
    );
}

impl Described for Once {
    fn in_words(&self, _: Reason, words: &mut Words) {
        words.at("initialisation", self);
        if let Some(runner) = holder::whom(self.word.load(Relaxed)) {
            words.say(format_args!(" run by "));
            words.whom(runner);
        }
    }
}
