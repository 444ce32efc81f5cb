//! A lock that costs the worker that uses it no read-modify-write.
//!
//! A read-modify-write takes as long as twenty other instructions. So a lock that one worker has
//! taken [`BIAS_AFTER`] times in a row gets that worker as its *owner*, which takes it by a plain
//! store from then on. Whoever else comes pays for both, with a barrier that all threads of the
//! process [pass](super::barrier), and the lock has no owner any more.
//!
//! # The protocol
//!
//! Two words say who is in. `locked` is that of a spinning lock: all take it by a read-modify-write
//! but the owner. `inside` is written by the owner alone.
//!
//! - The owner sets `inside`, passes the light barrier, and looks whether it still is the owner. If
//!   so, it is in, and clears `inside` when it leaves. If not, it clears `inside` and takes
//!   `locked`.
//! - Whoever has taken `locked` and finds another worker as the owner makes the lock `SHARED`,
//!   passes the heavy barrier, and waits until `inside` is clear. Only then is it in.
//!
//! Either the owner's look comes after the heavy barrier and finds `SHARED`, and so the owner
//! touches nothing. Or its store to `inside` came before the barrier, and is seen and waited for.
//! So nobody is in together with the owner. `inside` is cleared with Release and waited for with
//! Acquire, so that what the owner did is seen; what was done since then, the former owner sees by
//! way of `locked`.
//!
//! A lock has one owner in its life, or none. A second one could be let down by the first, which
//! may have looked at `owner` long ago: its late store to `inside`, and the one that takes that
//! back, would say that the second is not in.
//!
//! A worker is known by a number that no other has while it lives: the address of its memory. A
//! worker may get the address of one that is gone, and with it the locks that this owned. It has
//! seen all that the former one did, for it got the memory by way of the allocator.
//!
//! No code of the program runs under the lock, but that of its allocator, which may take the lock
//! once more. With a spinning lock that would be a deadlock. Here it would let the owner in twice,
//! so the owner looks whether it is in, and ends the program.
//!
//! # What it costs
//!
//! Uses of a lock that has no owner yet are counted, three instructions each. From
//! [`BIAS_STRANGERS`] changes of the user on, a lock is `SHARED`, and two instructions more than a
//! spinning one. The end of an ownership takes the other thread 2 µs on two processors, and more on
//! more, once in a lock's life. Before that the owner has saved 3 ns at each use.

use std::cell::{Cell, UnsafeCell};
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::Ordering::{Relaxed, Release};

use super::{barrier, take, until_free};
use crate::loom::{AtomicU32, AtomicUsize};

/// The owner of a lock that has none yet. No worker has this number, nor the next one.
const NOBODY: usize = 1;

/// The owner of a lock that will not have one any more.
const SHARED: usize = 2;

/// The number of whoever is no worker, and owns no lock: of a null pointer.
const STRANGER: usize = 0;

/// How many times in a row one worker must have taken a lock before it owns that. The end of it
/// costs another thread 2 µs, half a nanosecond for each of these uses.
const BIAS_AFTER: u32 = if cfg!(all(test, loom)) { 1 } else { 4096 };

/// How many times a lock may be taken by another one than the last time before no worker is
/// expected to be its only user any more. A few are usual while a program starts.
const BIAS_STRANGERS: u32 = 16;

/// A value that one thread at a time touches, and mostly the same one.
pub(crate) struct Biased<T> {
    /// The number of the worker that needs no read-modify-write; or `NOBODY`, or `SHARED`. Changed
    /// by whoever has `locked`.
    owner: AtomicUsize,
    /// Not zero: the owner is in, or looks whether it may be.
    inside: AtomicU32,
    /// Not zero: somebody has the lock, or will have it once the owner has left.
    locked: AtomicU32,
    /// Who has locked last, how many times in a row after that, and how often it was another one
    /// than before. Touched by whoever has `locked`, and changed only while the owner is `NOBODY`.
    last: Cell<usize>,
    streak: Cell<u32>,
    strangers: Cell<u32>,
    value: UnsafeCell<T>,
}

// SAFETY: a `Biased` owns its value, so it may be sent where the value may be.
unsafe impl<T: Send> Send for Biased<T> {}
// SAFETY: a shared `Biased` gives access to its value, and to its counts, only under the lock, so
// to one thread at a time, and that needs no more than `Send`.
unsafe impl<T: Send> Sync for Biased<T> {}
// No code of the program runs under the lock but its allocator, which does not panic, so no panic
// comes between two steps of a change.
impl<T> UnwindSafe for Biased<T> {}
impl<T> RefUnwindSafe for Biased<T> {}

impl<T> Biased<T> {
    pub(crate) fn new(value: T) -> Biased<T> {
        Biased {
            owner: AtomicUsize::new(NOBODY),
            inside: AtomicU32::new(0),
            locked: AtomicU32::new(0),
            last: Cell::new(STRANGER),
            streak: Cell::new(0),
            strangers: Cell::new(0),
            value: UnsafeCell::new(value),
        }
    }

    #[cfg(test)]
    pub(crate) fn is_owned_by(&self, worker: usize) -> bool {
        self.owner.load(Relaxed) == worker
    }

    /// Takes the lock. `me` is the number of the worker that runs here, or zero.
    #[inline(always)]
    pub(crate) fn lock(&self, me: usize) -> BiasedGuard<'_, T> {
        if self.owner.load(Relaxed) == me && self.enter(me) {
            return BiasedGuard { lock: self, word: &self.inside };
        }
        take(&self.locked);
        let owns = self.owner.load(Relaxed) != SHARED && self.count(me);
        BiasedGuard { lock: self, word: if owns { &self.inside } else { &self.locked } }
    }

    /// Lets the owner in, unless that has ended meanwhile.
    #[inline(always)]
    fn enter(&self, me: usize) -> bool {
        if self.inside.load(Relaxed) != 0 {
            taken_twice();
        }
        self.inside.store(1, Relaxed);
        barrier::light();
        if self.owner.load(Relaxed) == me {
            return true;
        }
        self.inside.store(0, Release);
        false
    }

    /// Counts a use of a lock that has no owner yet, or else ends the bias. By whoever has
    /// `locked`. `true`: `me` is the owner now, and in as that.
    #[inline(always)]
    fn count(&self, me: usize) -> bool {
        let streak = self.streak.get();
        if self.last.get() == me && streak < BIAS_AFTER {
            self.streak.set(streak + 1);
            return false;
        }
        self.settle(me)
    }

    /// [`Biased::count`] of a worker that is not the last one, or has locked often enough. An owner
    /// does not come here, so one that is found is another worker.
    #[cold]
    #[inline(never)]
    fn settle(&self, me: usize) -> bool {
        if self.owner.load(Relaxed) != NOBODY {
            self.owner.store(SHARED, Relaxed);
            barrier::heavy();
            until_free(&self.inside);
        } else if self.last.replace(me) == me {
            if me != STRANGER && barrier::is_ready() {
                self.inside.store(1, Relaxed);
                self.owner.store(me, Relaxed);
                self.locked.store(0, Release);
                return true;
            }
            self.owner.store(SHARED, Relaxed);
        } else {
            self.streak.set(0);
            self.strangers.set(self.strangers.get() + 1);
            if self.strangers.get() == BIAS_STRANGERS {
                self.owner.store(SHARED, Relaxed);
            }
        }
        false
    }
}

/// Ends the program, whose allocator has come back to a channel that is at work.
#[cold]
#[inline(never)]
fn taken_twice() -> ! {
    eprintln!(
        "gocoro: the program's allocator uses a channel that allocates or frees memory at the moment; \
         aborting"
    );
    std::process::abort()
}

/// While this lives, the lock is held.
pub(crate) struct BiasedGuard<'a, T> {
    lock: &'a Biased<T>,
    /// The word that is to be cleared.
    word: &'a AtomicU32,
}

impl<T> Deref for BiasedGuard<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: this guard holds the lock, so nobody else reaches the value.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for BiasedGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard holds the lock and is borrowed exclusively, so nobody else reaches the
        // value.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for BiasedGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.word.store(0, Release);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;

    const OWNER: usize = 8;
    const OTHER: usize = 16;

    /// Locks until the lock is decided.
    fn used_by(worker: usize, lock: &Biased<u64>) -> u64 {
        let mut uses = 0;
        while lock.is_owned_by(NOBODY) {
            *lock.lock(worker) += 1;
            uses += 1;
        }
        uses
    }

    #[test]
    fn a_worker_that_alone_uses_a_lock_becomes_its_owner() {
        barrier::prepare();
        let lock = Biased::new(0);
        drop(lock.lock(OTHER));
        drop(lock.lock(STRANGER));
        assert_eq!(used_by(OWNER, &lock), u64::from(BIAS_AFTER) + 2);
        assert!(lock.is_owned_by(if barrier::is_ready() { OWNER } else { SHARED }));
        drop(lock.lock(STRANGER));
        assert!(lock.is_owned_by(SHARED));
    }

    #[test]
    fn a_lock_of_many_has_no_owner() {
        let lock = Biased::new(0);
        for worker in [OWNER, OTHER, STRANGER].into_iter().cycle().take(BIAS_STRANGERS as usize) {
            assert!(lock.is_owned_by(NOBODY));
            drop(lock.lock(worker));
        }
        assert!(lock.is_owned_by(SHARED));
        let of_a_thread = Biased::new(0);
        used_by(STRANGER, &of_a_thread);
        assert!(of_a_thread.is_owned_by(SHARED));
    }

    /// Others end an ownership in the middle of the owner's uses, of which none is lost.
    #[test]
    fn the_end_of_an_ownership_loses_no_use() {
        barrier::prepare();
        for _ in 0..100 {
            let (lock, stop) = (Biased::new(0), AtomicBool::new(false));
            let mut uses = used_by(OWNER, &lock);
            thread::scope(|scope| {
                let owner = scope.spawn(|| {
                    let mut uses = 0;
                    while !stop.load(Relaxed) {
                        *lock.lock(OWNER) += 1;
                        uses += 1;
                    }
                    uses
                });
                let others = [OTHER, STRANGER].map(|worker| {
                    let lock = &lock;
                    scope.spawn(move || (0..500).for_each(|_| *lock.lock(worker) += 1))
                });
                others.into_iter().for_each(|other| other.join().unwrap());
                stop.store(true, Relaxed);
                uses += owner.join().unwrap() + 2 * 500;
            });
            assert!(lock.is_owned_by(SHARED));
            assert_eq!(*lock.lock(OWNER), uses);
        }
    }
}
