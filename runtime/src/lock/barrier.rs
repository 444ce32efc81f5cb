//! A barrier of which one side is free, and the other pays for both.
//!
//! Two threads that each write a word and then read the other's word may both read the old value,
//! unless each of them passes a barrier in between. A barrier takes as long as a read-modify-write.
//! Linux has all running threads of a process pass one at once (`membarrier`), so one of the two
//! sides needs none: [`light`] keeps the compiler from changing the order of the write and the
//! read, and [`heavy`] the processor of each thread. A call of `heavy` takes 0.4 µs, and 1.9 if
//! another thread of the process runs (on two processors).

use std::sync::atomic::Ordering::SeqCst;

use crate::loom::fence;

/// The barrier of the side that shall be quick: together with [`heavy`] of another thread it works
/// as two `fence(SeqCst)` would.
#[inline(always)]
pub(super) fn light() {
    #[cfg(all(test, loom))]
    fence(SeqCst);
    #[cfg(not(all(test, loom)))]
    std::sync::atomic::compiler_fence(SeqCst);
}

/// The barrier of the other side. Only where [`is_ready`].
pub(super) fn heavy() {
    fence(SeqCst);
    #[cfg(not(all(test, loom)))]
    sys::barrier();
}

/// Whether [`heavy`] can be had.
pub(super) fn is_ready() -> bool {
    #[cfg(all(test, loom))]
    return true;
    #[cfg(not(all(test, loom)))]
    sys::is_ready()
}

/// Asks the system for [`heavy`]. For a process with one thread this takes microseconds, and with
/// more of them some 14 ms, so it is done when the process is prepared, and not in a lock.
pub(crate) fn prepare() {
    #[cfg(not(all(test, loom)))]
    sys::prepare();
}

#[cfg(all(target_os = "linux", not(all(test, loom))))]
mod sys {
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::Ordering::Relaxed;
    use std::time::Duration;

    /// Longer than a processor keeps a write to itself.
    const DRAINED: Duration = Duration::from_millis(1);

    static READY: AtomicBool = AtomicBool::new(false);

    fn ask(command: libc::c_int) -> bool {
        // SAFETY: the call has no pointers, and changes nothing that a program sees.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }

    pub(super) fn prepare() {
        READY.store(ask(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED), Relaxed);
    }

    pub(super) fn is_ready() -> bool {
        READY.load(Relaxed)
    }

    pub(super) fn barrier() {
        if !ask(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED) {
            // No lock gets an owner any more.
            READY.store(false, Relaxed);
            // A filter of system calls that the program has installed since then forbids the call.
            // No processor keeps its writes to itself for this long.
            #[expect(
                clippy::disallowed_methods,
                reason = "a lock waits in place, and seldom here"
            )]
            std::thread::sleep(DRAINED);
        }
    }
}

#[cfg(all(not(target_os = "linux"), not(all(test, loom))))]
mod sys {
    pub(super) fn prepare() {}

    pub(super) fn is_ready() -> bool {
        false
    }

    pub(super) fn barrier() {}
}
