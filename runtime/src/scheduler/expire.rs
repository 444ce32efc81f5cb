//! What a worker does when times have come.

use super::worker::Worker;
use crate::recorder::By;
use crate::task::Header;
use crate::timer::Alarm;
use crate::{clock, wake};

impl Worker {
    /// Wakes the tasks whose deadlines have passed.
    pub(super) fn expire(&self) -> bool {
        if self.core.timers.borrow().is_empty() {
            return false;
        }
        let now = clock::now();
        let mut due = None;
        let mut any = false;
        loop {
            // An alarm is rung one round after it was taken, so that its task's header comes into
            // the cache meanwhile.
            let next = self.core.timers.borrow_mut().pop_expired(now);
            if let Some(alarm) = next {
                Header::prefetch(alarm.task.as_ptr());
            }
            if let Some(alarm) = std::mem::replace(&mut due, next) {
                any = true;
                self.core.counters.fired.count();
                self.ring(alarm);
            }
            if due.is_none() {
                return any;
            }
        }
    }

    fn ring(&self, alarm: Alarm) {
        let mark = self.mark();
        // SAFETY: a task takes its timers out before it ends, and its boundaries' timers before
        // they close. So the task and the boundary of an alarm that was in the heap are alive.
        unsafe {
            let task = alarm.task.as_ref();
            match alarm.boundary.as_ref() {
                None => wake::queue_last(&self.core, task),
                Some(boundary) => {
                    boundary.expire();
                    wake::expire(&self.core, task);
                }
            }
        }
        self.record_woken(mark, By::Timer);
    }
}
