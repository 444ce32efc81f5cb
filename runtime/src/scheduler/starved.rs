//! Tasks for which no stack can be had.

use super::worker::Worker;
use crate::stack;
use crate::task::TaskRef;

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
            self.report_refused(&task);
            self.shared.refuse(task);
        }
        true
    }

    pub(super) fn report_refused(&self, task: &TaskRef) {
        let mut reported = self.reported.borrow_mut();
        if reported.contains(&task.spawned_at) {
            return;
        }
        reported.push(task.spawned_at);
        let why = match stack::Stack::new(task.class) {
            // Had after all: it is kept for the next task.
            Ok(stack) => {
                drop(reported);
                self.put_stack(stack, task.class);
                return;
            }
            Err(error) => error,
        };
        eprintln!(
            "gocoro: no stack of {} bytes can be had for tasks spawned at {}: {why} \
             (guards: {:?}); such tasks are refused",
            task.class.bytes(),
            task.spawned_at,
            stack::guard_kind(),
        );
    }
}
