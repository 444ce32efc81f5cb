//! The primitives that models replace: std's in a build, loom's under `--cfg loom`.
//!
//! Only the types that a model exercises come from here; statics keep std's, which can be made in
//! a constant.

#[cfg(not(all(test, loom)))]
mod imp {
    pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, fence};

    /// Waits a moment for another thread that is between two instructions.
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
    pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, fence};

    pub(crate) fn pause(_round: u32) {
        loom::thread::yield_now();
    }
}

pub(crate) use imp::*;
