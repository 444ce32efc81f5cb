//! The primitives that models replace: std's in a normal build, loom's in tests under `--cfg loom`.
//!
//! Only types that a model exercises come from here. Statics keep std's types, for loom's cannot be
//! made in a constant.

#[cfg(not(all(test, loom)))]
mod imp {
    pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, fence};
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};

    /// Waits a moment for another thread, which is between two instructions: at first by spinning,
    /// in later rounds by giving the core away.
    pub(crate) fn pause(round: u32) {
        if round < 64 {
            std::hint::spin_loop();
        } else {
            std::thread::yield_now();
        }
    }
}

#[cfg(all(test, loom))]
mod imp {
    pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, fence};
    pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};

    pub(crate) fn pause(_round: u32) {
        loom::thread::yield_now();
    }

    /// A number that tells a model's threads apart. They share one thread's thread-locals, so no
    /// address of a thread-local does.
    pub(crate) fn thread_mark() -> usize {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        loom::thread::current().id().hash(&mut hasher);
        hasher.finish() as usize & !7
    }
}

pub(crate) use imp::*;

/// Defines a function that is `const` everywhere but in models, for loom's primitives cannot be
/// made in a constant.
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis fn $($rest:tt)*) => {
        #[cfg(not(all(test, loom)))]
        $(#[$meta])* $vis const fn $($rest)*
        #[cfg(all(test, loom))]
        $(#[$meta])* $vis fn $($rest)*
    };
}
pub(crate) use const_fn;
