//! Throwing, and whether the unwinding under way was thrown.
//!
//! That is so as long as the payload is there: user code may swallow it, and Rust's count of panics is
//! the thread's, so nothing else tells that it has.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::current;
use crate::task::boundary::Throw;
use crate::task::{Flags, Header};

/// Throws at the running task or, with none, at this plain thread, if `leave` can take the wait back
/// before.
pub(super) fn throw_now(task: Option<&Header>, mut throw: Throw, leave: &dyn Fn() -> bool) {
    // Where panics abort, a cancel is only a flag, and no wait is left for it.
    if cfg!(panic = "unwind") && leave() {
        throw.under_way = Some(Box::new(UnderWay::at(task)));
        std::panic::resume_unwind(Box::new(throw));
    }
}

/// In the payload of what was thrown, by its number: one that was swallowed and kept does not end a later
/// one.
struct UnderWay(u64);

impl UnderWay {
    fn at(task: Option<&Header>) -> UnderWay {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Relaxed);
        match task {
            Some(task) => {
                task.set_last_throw(number);
                task.set(Flags::THROWN);
            }
            None => {
                current::set_thread_last_throw(number);
                current::set_thread_thrown(true);
            }
        }
        UnderWay(number)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        match current::task() {
            Some((_, task)) if task.last_throw() == self.0 => task.clear(Flags::THROWN),
            None if current::thread_last_throw() == self.0 => current::set_thread_thrown(false),
            _ => {}
        }
    }
}
