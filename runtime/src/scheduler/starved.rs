//! Tasks for which no stack can be had.

use std::panic::Location;
use std::sync::{Mutex, PoisonError};

use std::io::Write;

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

    /// Says it once for each site.
    fn report_refused(&self, task: &TaskRef) {
        static REPORTED: Mutex<Vec<&Location<'_>>> = Mutex::new(Vec::new());
        let mut reported = REPORTED.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.contains(&task.spawned_at) {
            return;
        }
        let why = match stack::Stack::new(task.class) {
            // Had after all: it is kept for the next task.
            Ok(stack) => return self.put_stack(stack, task.class),
            Err(error) => error,
        };
        reported.push(task.spawned_at);
        let _ = writeln!(
            std::io::stderr(),
            "gocoro: no stack of {} bytes can be had for tasks spawned at {}: {why} \
             (guards: {:?}); such tasks are refused",
            task.class.bytes(),
            task.spawned_at,
            stack::guard_kind(),
        );
    }
}
