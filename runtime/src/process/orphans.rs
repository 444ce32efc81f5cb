//! Children whose handles are gone and that nobody has waited for. Each of them stays in the
//! system's table after its end, as a zombie, until its parent asks for its status.
//!
//! Whoever spawns a child or waits for one asks for some of these, so that a program which does
//! so now and then keeps few of them. A thread that waits for them would be one more in every
//! process, and a handler of `SIGCHLD` would take the signal from the program.

use std::collections::VecDeque;
use std::process::Child;
use std::sync::{Mutex, PoisonError};

use crate::thread_pool::Keep;

/// How many of them are asked for at once. Each spawn adds one at most, so two would keep the list
/// from growing by more than those that still run. Each costs a system call of half a microsecond.
const ASKED_AT_ONCE: usize = 16;

/// A child without a handle.
struct Orphan {
    child: Child,
    /// Keeps the thread that spawned it.
    _spawner: Option<Keep>,
}

static ORPHANS: Mutex<VecDeque<Orphan>> = Mutex::new(VecDeque::new());

/// Takes a child over that nobody will wait for.
pub(super) fn adopt(child: Child, spawner: Option<Keep>) {
    let mut orphans = ORPHANS.lock().unwrap_or_else(PoisonError::into_inner);
    orphans.push_back(Orphan { child, _spawner: spawner });
}

/// Takes those off the system's table that have ended, as far as they are among the next few.
pub(super) fn reap() {
    let mut orphans = ORPHANS.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..orphans.len().min(ASKED_AT_ONCE) {
        let Some(mut orphan) = orphans.pop_front() else { return };
        // An error says that somebody else has asked for it.
        if let Ok(None) = orphan.child.try_wait() {
            orphans.push_back(orphan);
        }
    }
}
