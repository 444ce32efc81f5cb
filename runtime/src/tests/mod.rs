//! Models of the lock-free parts, run by loom: every order that the memory model allows, up to a
//! number of preemptions.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=2 cargo test -p gocoro-runtime --lib --release loom_
//! ```
//!
//! Loom's threads stand in for tasks and workers: no stack is switched. A lost wake shows as a
//! deadlock, a touch after the other side has left as a causality violation of a probe.

mod loom_channel;
mod loom_cycle;
mod loom_future;
mod loom_group;
mod loom_idle;
mod loom_inbox;
mod loom_join;
mod loom_lock;
mod loom_news;
mod loom_pollers;
mod loom_ring;
mod loom_scope;
mod loom_sync;
mod loom_waiters;
mod loom_word;

use loom::cell::UnsafeCell;

/// What a worker sleeps in: keeps one notification, and may return for no reason.
use loom::sync::Notify as Poll;

/// Fails the model if two touch it at once, or one without having seen the other's touch.
struct Probe(UnsafeCell<()>);

impl Probe {
    fn new() -> Probe {
        Probe(UnsafeCell::new(()))
    }

    /// Many may, unless somebody has it alone.
    fn share(&self) {
        self.0.with(|_| ());
    }

    fn alone(&self) {
        self.0.with_mut(|_| ());
    }
}

// SAFETY: nothing is behind it; to find wrong sharing is what it is for.
unsafe impl Sync for Probe {}
