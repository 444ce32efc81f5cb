//! The locks of the runtime's own short critical sections: one that spins, and for channels one
//! that is [biased] towards the worker that uses it.
//!
//! A lock is held for a few instructions, never across anything that may wait, and no code of the
//! program runs under it but its allocator, a panic hook neither. Nor is it held across a system
//! call, but for the wakes of those who only watch a channel, and once in a biased lock's life. So
//! waiting for it spins, and a lock with its unlock costs one read-modify-write and one store. With
//! std's mutex around a channel's state, a message from one of eight senders took 41 ns in place of
//! 19, and a round trip 101 ns in place of 66. If the system has taken the holder off its core, a
//! thread that waits gives way, and later sleeps, so that no priority can starve the holder. A
//! panic under the lock unlocks it, and poisons nothing.
//!
//! A channel is often used by the tasks of one worker alone. There a lock without a
//! read-modify-write makes a round trip over two channels 31 ns in place of 41, and a message from
//! one of eight senders 5 in place of 13.
//!
//! std's `Mutex` is used with a `Condvar`, where a lock is held across a system call, and in
//! statics, since a model's lock cannot be made in a constant.

mod barrier;
#[cfg(not(all(test, loom)))]
mod biased;
#[cfg(all(test, loom))]
pub(crate) mod biased;

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::loom::{AtomicU32, const_fn, pause};

/// How many rounds a thread waits by spinning and giving way before its first nap.
const ROUNDS_AWAKE: u32 = 512;

/// How long a thread that waits for the lock sleeps at a time.
#[cfg(not(all(test, loom)))]
const NAP: std::time::Duration = std::time::Duration::from_micros(50);

#[cfg(not(all(test, loom)))]
pub(crate) type Lock<T> = Spin<T>;

#[cfg(not(all(test, loom)))]
pub(crate) type Guard<'a, T> = SpinGuard<'a, T>;

pub(crate) use barrier::prepare;
#[cfg(not(all(test, loom)))]
pub(crate) use biased::{Biased, BiasedGuard};

/// A value that one thread at a time touches.
pub(crate) struct Spin<T> {
    locked: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: a `Spin` owns its value, so it may be sent where the value may be.
unsafe impl<T: Send> Send for Spin<T> {}
// SAFETY: a shared `Spin` gives access to its value only under the lock, so to one thread at a
// time, and that needs no more than `Send`.
unsafe impl<T: Send> Sync for Spin<T> {}
// No code of the program runs under the lock but its allocator, which does not panic, so no panic
// comes between two steps of a change.
impl<T> UnwindSafe for Spin<T> {}
impl<T> RefUnwindSafe for Spin<T> {}

impl<T> Spin<T> {
    const_fn! {
        pub(crate) fn new(value: T) -> Spin<T> {
            Spin { locked: AtomicU32::new(0), value: UnsafeCell::new(value) }
        }
    }

    /// The value, for whoever has the lock to itself, and so need not take it.
    #[cfg(not(all(test, loom)))]
    #[inline]
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    #[inline(always)]
    pub(crate) fn lock(&self) -> SpinGuard<'_, T> {
        take(&self.locked);
        SpinGuard(self)
    }
}

/// Takes a lock by its word, which is zero while nobody has it.
#[inline(always)]
fn take(locked: &AtomicU32) {
    if locked.compare_exchange(0, 1, Acquire, Relaxed).is_err() {
        take_contended(locked);
    }
}

#[cold]
#[inline(never)]
fn take_contended(locked: &AtomicU32) {
    wait_until(|| {
        locked.load(Relaxed) == 0 && locked.compare_exchange(0, 1, Acquire, Relaxed).is_ok()
    });
}

/// Waits until this word is zero, and sees what was done before it became so.
fn until_free(locked: &AtomicU32) {
    wait_until(|| locked.load(Acquire) == 0);
}

fn wait_until(is_so: impl Fn() -> bool) {
    let mut round = 0;
    while !is_so() {
        match round {
            0..ROUNDS_AWAKE => pause(round),
            _ => nap(),
        }
        round += 1;
    }
}

/// Sleeps, so that a holder of a lower priority gets the core.
fn nap() {
    #[cfg(all(test, loom))]
    pause(ROUNDS_AWAKE);
    #[cfg(not(all(test, loom)))]
    #[expect(clippy::disallowed_methods, reason = "the holder is a thread that does not run")]
    std::thread::sleep(NAP);
}

/// While this lives, the lock is held.
pub(crate) struct SpinGuard<'a, T>(&'a Spin<T>);

impl<T> Deref for SpinGuard<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: this guard holds the lock, so nobody else reaches the value.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for SpinGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard holds the lock and is borrowed exclusively, so nobody else reaches the
        // value.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for SpinGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.locked.store(0, Release);
    }
}

/// The locks in models of the code that uses them: a mutex of loom's, for loom knows how to wait
/// for that. The spinning lock and the biased one have models of their own.
#[cfg(all(test, loom))]
mod waiting {
    use crate::loom::{Mutex, MutexGuard};

    pub(crate) struct Lock<T>(Mutex<T>);

    pub(crate) type Guard<'a, T> = MutexGuard<'a, T>;

    pub(crate) struct Biased<T>(Lock<T>);

    pub(crate) type BiasedGuard<'a, T> = Guard<'a, T>;

    impl<T> Biased<T> {
        pub(crate) fn new(value: T) -> Biased<T> {
            Biased(Lock::new(value))
        }

        pub(crate) fn lock(&self, _me: usize) -> BiasedGuard<'_, T> {
            self.0.lock()
        }
    }

    impl<T> Lock<T> {
        pub(crate) fn new(value: T) -> Lock<T> {
            Lock(Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> Guard<'_, T> {
            self.0.lock().unwrap()
        }

        pub(crate) fn get_mut(&mut self) -> &mut T {
            self.0.get_mut().unwrap()
        }
    }
}

#[cfg(all(test, loom))]
pub(crate) use waiting::{Biased, BiasedGuard, Guard, Lock};

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::Spin;

    #[test]
    fn one_at_a_time() {
        let lock = Arc::new(Spin::new(0));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let lock = lock.clone();
                thread::spawn(move || {
                    for _ in 0..10_000 {
                        *lock.lock() += 1;
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(*lock.lock(), 40_000);
    }
}
