//! Tasks for which no stack can be had.

use std::io::Write;
use std::panic::Location;
use std::sync::{Mutex, PoisonError};

use super::worker::Worker;
use crate::stack::{self, Stack};
use crate::task::{Flags, Header, Reason, TaskRef};

impl Worker {
    /// Tasks for which there is no stack, and nothing to wait for that would give one back soon.
    #[cold]
    pub(super) fn refuse_starved(&self) -> bool {
        if !self.starved.replace(false) || self.unstarted.is_empty() {
            return false;
        }
        // Once more: another worker may have given memory back.
        if let Some(task) = self.start_newest() {
            self.core.ready.push(task);
            return true;
        }
        if let Some(task) = self.unstarted.pop() {
            if let Some(stack) = self.report_refused(&task) {
                // Had after all.
                self.put_stack(stack, task.class.get());
                self.push_back(task);
            } else if task.kind.local {
                self.refuse_local(task);
            } else {
                self.shared.refuse(task);
            }
        }
        true
    }

    /// Ends a counted task of this worker's that will not be started. Its closure is dropped later, on a
    /// stack: its destructor may wait for other tasks of this worker.
    pub(super) fn refuse_local(&self, task: TaskRef) {
        self.refused.borrow_mut().push_back(task);
    }

    /// As [`Worker::refuse_local`], for a new task.
    pub(crate) fn refuse_new(&self, task: TaskRef) {
        if !task.kind.daemon {
            self.shared.count_spawned(self.seat());
        }
        self.refuse_local(task);
    }

    /// Gives the next refused task the stack that is kept for this; while that one is in use, and the
    /// worker would sleep, another one, if it can be had by now.
    #[cold]
    pub(super) fn start_refused(&self, would_sleep: bool) -> bool {
        let Some(task) = self.refused.borrow_mut().pop_front() else { return false };
        let class = self.shared.class;
        let (stack, kept) = match self.kept_stack.take() {
            Some(stack) => (Some(stack), true),
            None if would_sleep => (self.core.stacks.borrow_mut().take(class).ok(), false),
            None => (None, false),
        };
        let Some(stack) = stack else {
            self.refused.borrow_mut().push_front(task);
            return false;
        };
        let requests = task.word.claim(self.core.mailbox.id());
        task.class.set(class);
        task.reason.set(Reason::Refused);
        let raw = self.core.adopt(task, requests);
        // SAFETY: claimed by this worker just now, so alive, and its fields are this thread's.
        let header = unsafe { &*raw };
        // So that starting others has no more to ask: see `job`.
        header.set(Flags::CANCEL);
        // SAFETY: as above.
        unsafe { header.give_stack(stack) };
        if kept {
            self.keeps_for.set(raw);
        }
        self.core.ready.push(raw);
        true
    }

    /// Whether the stack of this task, which ended, is the one that is kept.
    pub(super) fn is_on_kept(&self, task: &Header) -> bool {
        std::ptr::eq(self.keeps_for.get(), task)
    }

    /// Says why there is no stack for it, once for each site; or there is one.
    fn report_refused(&self, task: &TaskRef) -> Option<Stack> {
        static REPORTED: Mutex<Vec<&Location<'_>>> = Mutex::new(Vec::new());
        let mut reported = REPORTED.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.contains(&task.spawned_at) {
            return None;
        }
        let why = match self.core.stacks.borrow_mut().make(task.class.get()) {
            Ok(stack) => return Some(stack),
            Err(error) => error,
        };
        reported.push(task.spawned_at);
        let _ = writeln!(
            std::io::stderr(),
            "gocoro: no stack of {} bytes can be had for tasks spawned at {}: {why} \
             (guards: {:?}); such tasks are refused",
            task.class.get().bytes(),
            task.spawned_at,
            stack::guard_kind(),
        );
        None
    }
}
