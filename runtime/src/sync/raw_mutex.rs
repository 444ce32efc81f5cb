//! A mutex without the data that it guards: first come, first served.
//!
//! The word is zero, or names the holder, with the mark WAITERS if somebody is in the queue. The
//! mark is set and cleared only under the queue's lock. A holder that finds the mark does not
//! unlock: it names the oldest waiter as the next holder and wakes it, so that nobody comes in
//! between.
//!
//! The holder is whoever locked the mutex, though the guard may be in another task of the worker by
//! now. So the report that a mutex is locked twice can be wrong, and can be missing.

use std::io;
use std::mem::offset_of;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Instant;

use super::holder::{self, WAITERS};
use crate::cycle::Edge;
use crate::loom::{AtomicU64, const_fn};
use crate::task::{Described, Legible, Plain, Reason, Words};
use crate::waiters::Queue;
use crate::{cancel, clock, current, cycle, park, reactor};

pub(crate) struct RawMutex {
    word: AtomicU64,
    /// Those who wait for the mutex. Each carries the name that it will have as holder.
    queue: Queue<u64>,
}

impl RawMutex {
    const_fn! {
        pub(crate) fn new() -> RawMutex {
            RawMutex { word: AtomicU64::new(0), queue: Queue::new() }
        }
    }

    #[inline]
    #[track_caller]
    pub(crate) fn lock(&self) {
        park::spent();
        let me = holder::me();
        if !self.take(me) {
            self.lock_slow(me, None);
        }
    }

    /// Locks as [`RawMutex::lock`] does, for I/O on what the mutex guards: waits no longer than an
    /// enclosing `io_deadline` permits, and not at all where I/O must not wait.
    ///
    /// # Errors
    ///
    /// Those of a wait for readiness.
    #[inline]
    #[track_caller]
    pub(crate) fn lock_for_io(&self) -> io::Result<()> {
        park::spent_io();
        let me = holder::me();
        if self.take(me) {
            return Ok(());
        }
        if park::refuses_io() {
            return Err(cancel::error());
        }
        self.lock_by_io_deadline(me)
    }

    /// Locks as [`RawMutex::lock_for_io`] does, for I/O on a file, which waits also where a
    /// cancelled task unwinds.
    ///
    /// # Errors
    ///
    /// `TimedOut` once the time of an enclosing `io_deadline` is up.
    #[inline]
    #[track_caller]
    pub(crate) fn lock_for_file(&self) -> io::Result<()> {
        park::spent_io();
        let me = holder::me();
        if self.take(me) { Ok(()) } else { self.lock_by_io_deadline(me) }
    }

    #[cold]
    #[track_caller]
    fn lock_by_io_deadline(&self, me: u64) -> io::Result<()> {
        let deadline = current::waits().io_deadline();
        if deadline.is_some_and(|at| clock::now() >= at) || !self.lock_slow(me, deadline) {
            return Err(reactor::timed_out());
        }
        Ok(())
    }

    /// Whether the running task, or this plain thread, holds the mutex.
    #[inline]
    pub(crate) fn is_mine(&self) -> bool {
        // Nobody else writes or removes this name.
        self.word.load(Relaxed) & !WAITERS == holder::me()
    }

    /// Locks as [`RawMutex::lock`] does, but throws nothing, neither out of the wait nor before it.
    pub(super) fn lock_again(&self) {
        let me = holder::me();
        if !self.take(me) {
            current::waits().shielded(|| self.lock_slow(me, None));
        }
    }

    /// Locks the mutex if it is free. `false`: it is not.
    #[inline]
    pub(super) fn try_lock(&self) -> bool {
        self.take(holder::me())
    }

    #[inline(always)]
    fn take(&self, me: u64) -> bool {
        self.word.compare_exchange(0, me, Acquire, Relaxed).is_ok()
    }

    /// `false`: the deadline came first.
    #[cold]
    #[track_caller]
    fn lock_slow(&self, me: u64, deadline: Option<Instant>) -> bool {
        let again = "locks a Mutex that it has locked already";
        let word = self.word.load(Relaxed);
        holder::refuse_again(word, me, again);
        holder::tell_contended("mutex", self, word);
        let queue = self.queue.lock();
        let mut word = self.word.load(Relaxed);
        while word & WAITERS == 0 {
            let next = if word == 0 { me } else { word | WAITERS };
            match self.word.compare_exchange_weak(word, next, Acquire, Relaxed) {
                Ok(0) => return true,
                Ok(_) => break,
                Err(seen) => word = seen,
            }
        }
        // A wait that has a deadline ends by itself.
        let edge = match deadline {
            None => Edge::to_held(holder::node(me), self, holder::node(word)),
            Some(_) => Edge::none(),
        };
        let (wanted, look) = (Reason::Lock.on(self), || edge.look());
        self.queue.wait_with(queue, me, wanted, deadline, look, |_| ()).is_some()
    }

    /// Unlocks the mutex, or hands it to the oldest waiter. Called on behalf of the holder.
    #[inline]
    pub(crate) fn unlock(&self) {
        let word = self.word.load(Relaxed);
        if word & WAITERS != 0 || self.word.compare_exchange(word, 0, Release, Relaxed).is_err() {
            self.hand_over();
        }
    }

    #[cold]
    fn hand_over(&self) {
        let mut next = 0;
        let mut queue = self.queue.lock();
        let wake = queue.claim_first(|name| next = *name);
        if !queue.is_empty() {
            next |= WAITERS;
        }
        cycle::hand_over(self, holder::node(next));
        // Holder and mark keep everybody else from writing the word, so a store is enough.
        self.word.store(next, Release);
        drop(queue);
        if let Some(wake) = wake {
            wake.give();
        }
    }
}

impl Legible for RawMutex {
    const PLAIN: Plain = Plain::of("lock of a mutex").address().holder(
        "held by",
        offset_of!(RawMutex, word),
        holder::BITS,
    );
}

impl Described for RawMutex {
    fn in_words(&self, _: Reason, words: &mut Words) {
        words.at("lock of a mutex", self);
        if let Some(holder) = holder::whom(self.word.load(Relaxed)) {
            words.say(format_args!(" held by "));
            words.whom(holder);
        }
    }
}
