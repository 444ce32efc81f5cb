//! Something that is done once.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use super::holder::{self, HELD as RUNNING, WAITERS};
use crate::current;
use crate::loom::{AtomicU64, const_fn};
use crate::park;
use crate::task::Reason;
use crate::waiters::Queue;

// A word that names a runner has RUNNING set, and these mean nothing in it.
const COMPLETE: u64 = 1 << 2;
const POISONED: u64 = 1 << 3;

/// An initialisation that runs once; as [`std::sync::Once`].
///
/// A task that runs it is not cut short: a cancel or an expired timeout waits until it has ended.
/// Others wait for it meanwhile, and those waits can be cancelled.
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
    /// INCOMPLETE is zero. As a mutex's word while it runs; WAITERS goes with any but COMPLETE.
    word: AtomicU64,
    queue: Queue<()>,
}

/// What [`Once::call_once_force`] tells its closure; as [`std::sync::OnceState`].
pub struct OnceState {
    poisoned: bool,
}

impl UnwindSafe for Once {}
impl RefUnwindSafe for Once {}

/// Says at its end how the run ended.
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
        /// Nothing has run yet.
        #[inline]
        #[must_use]
        pub fn new() -> Once {
            Once { word: AtomicU64::new(0), queue: Queue::new() }
        }
    }

    /// Runs `f`, unless this has been called before; then it returns once that run has ended.
    ///
    /// # Parks
    ///
    /// While another runs it. On a plain thread it blocks the thread. A cancel point only if it waits.
    ///
    /// # Panics
    ///
    /// If an earlier run panicked; and if `f` calls this for the same `Once`, which could never end.
    #[inline]
    #[track_caller]
    pub fn call_once<F: FnOnce()>(&self, f: F) {
        self.call_once_of("Once", f);
    }

    /// As [`Once::call_once`], of something that its users know by this name.
    #[inline]
    #[track_caller]
    pub(super) fn call_once_of<F: FnOnce()>(&self, owner: &str, f: F) {
        if !self.is_done() {
            let mut f = Some(f);
            self.call(Some(owner), &mut |_| f.take().expect("it runs once")());
        }
    }

    /// As [`Once::call_once`], but an earlier run that panicked does not count.
    ///
    /// # Parks
    ///
    /// As [`Once::call_once`].
    ///
    /// # Panics
    ///
    /// If `f` calls this for the same `Once`, which could never end.
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
            // It may be asked until it is.
            park::looked();
            self.is_done()
        }
    }

    #[inline(always)]
    fn is_done(&self) -> bool {
        self.word.load(Acquire) == COMPLETE
    }

    /// Waits until a run has ended, without starting one.
    ///
    /// # Parks
    ///
    /// Until then. On a plain thread it blocks the thread. A cancel point only if it waits.
    ///
    /// # Panics
    ///
    /// If a run panicked; and if the caller is the one that runs it.
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

    /// As [`Once::wait`], but a run that panicked does not count.
    ///
    /// # Parks
    ///
    /// As [`Once::wait`].
    ///
    /// # Panics
    ///
    /// If the caller is the one that runs it.
    #[track_caller]
    pub fn wait_force(&self) {
        self.wait_for(true);
    }

    /// `owner`: what is poisoned by a run that panicked; `None`: that does not count.
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

    /// Waits until a run has ended, if the word is still as it was seen.
    #[track_caller]
    fn wait_for_change(&self, seen: u64, me: u64) {
        holder::refuse_again(seen, me, "waits for an initialisation that it runs itself");
        let queue = self.queue.lock();
        if self.word.compare_exchange(seen, seen | WAITERS, Relaxed, Relaxed).is_ok() {
            self.queue.wait(queue, (), Reason::Once, None);
        }
    }

    /// The run of `me` has ended.
    fn end(&self, me: u64, set_to: u64) {
        if self.word.compare_exchange(me, set_to, AcqRel, Relaxed).is_err() {
            let mut queue = self.queue.lock();
            // A run is ended by its runner alone, and the mark is set under the lock.
            self.word.swap(set_to, AcqRel);
            let wakes = queue.claim_all(|()| ());
            drop(queue);
            wakes.give();
        }
    }

    /// A run that has ended well, without having run.
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
