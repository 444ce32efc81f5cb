//! The end of a worker: its tasks are cancelled, it runs until none is left, and frees its stacks.

use std::io::Write;

use super::worker::{Wait, Worker};
use crate::current::{self, Core};
use crate::park;
use crate::wake;

impl Worker {
    /// Cancels every started task of this worker, when the runtime is closed. Done once.
    pub(super) fn cancel_all(&self) {
        if self.cancelling.replace(true) {
            return;
        }
        let live: Vec<_> = self.core.live().map(std::ptr::from_ref).collect();
        for task in live {
            // SAFETY: the tasks in `live` are alive, since this loop neither starts nor ends any.
            wake::cancel(&self.core, unsafe { &*task });
        }
    }

    /// Whether the runtime is closed and this worker has nothing left to do.
    pub(crate) fn is_finished(&self) -> bool {
        self.shared.is_closed()
            && self.is_idle()
            && self.core.links_due.get() == 0
            && self.core.mailbox.is_empty()
            && !self.seat().has_placed()
    }

    /// Whether the worker has started, unfinished tasks.
    pub(crate) fn has_live(&self) -> bool {
        self.core.live_count.get() > 0
    }

    /// Whether this worker has no task at all: none started, unstarted, without a stack, or
    /// refused.
    pub(crate) fn is_idle(&self) -> bool {
        self.core.live_count.get() == 0
            && self.unstarted.is_empty(&self.core)
            && self.no_stack.is_empty()
            && self.refused.is_empty()
    }

    /// Turns until each task of this worker, whose runtime is closed, has started. A task that
    /// starts now is cancelled, or is refused and drops its closure.
    pub(crate) fn start_all(&self) {
        while (!self.unstarted.is_empty(&self.core)
            || !self.no_stack.is_empty()
            || !self.refused.is_empty()
            || self.seat().has_placed())
            && self.turn(Wait::No)
        {}
    }

    /// Turns until this worker, whose runtime is closed, has nothing left to do.
    pub(crate) fn run_to_end(&self) {
        while !self.is_finished() {
            self.turn(Wait::Yes);
        }
    }

    /// Ends the worker, whose tasks have all ended.
    pub(crate) fn end(&self) {
        debug_assert!(self.shared.is_closed() && self.is_idle());
        if let Some(stack) = self.refused.take_reserve() {
            self.core.stacks.borrow_mut().put(stack, self.shared.class);
        }
        free_stacks(&self.core);
        self.seat().set_ended();
        self.shared.notify_waiters();
    }
}

/// Frees a worker's idle stacks.
pub(super) fn free_stacks(core: &Core) {
    while let Some((stack, class)) = { core.stacks.borrow_mut().pop_any() } {
        // SAFETY: the stack, which is idle and this worker's, has no job.
        unsafe { stack.free(class) };
    }
}

/// Waits until the running task has been marked cancelled, if its runtime is closed.
pub(crate) fn await_cancel_of_closed() {
    while let (Some(worker), Some((_, task))) = (super::current_worker(), current::task())
        && worker.shared().is_closed()
        && !task.word.is_cancelled()
    {
        park::yield_now();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.core.live_count.get() > 0 {
            // Borrowed frames and lent thread-locals must stay, so the thread must not end.
            let _ = writeln!(
                std::io::stderr(),
                "gocoro: a worker is dropped with started tasks; its thread stays for ever"
            );
            loop {
                crate::parker::Parker::default().park(None);
            }
        }
        self.seat().pulse.stop();
        self.core.mailbox.release();
    }
}
