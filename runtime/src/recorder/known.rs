//! Who the tasks are that events name by their ids.

use std::collections::{HashMap, VecDeque};
use std::panic::Location;

use crate::task::Header;

/// What is known of a task.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub(super) name: Option<Box<str>>,
    pub(super) spawned_at: &'static Location<'static>,
}

/// The tasks of one worker that have not ended, and those that have and that an event in the ring
/// may name.
#[derive(Debug, Default)]
pub(super) struct Known {
    tasks: HashMap<u64, About>,
    /// Tasks that have ended, each with the number of the event that was written next.
    ended: VecDeque<(u64, u64)>,
}

impl Known {
    /// A task starts. `written` events have been written, and the ring has `room` for so many.
    pub(super) fn enter(&mut self, task: &Header, written: u64, room: u64) {
        while let Some((at, id)) = self.ended.front().copied()
            && at + room < written
        {
            self.ended.pop_front();
            self.tasks.remove(&id);
        }
        let about = About { name: task.name().map(Box::from), spawned_at: task.spawned_at };
        self.tasks.insert(task.id, about);
    }

    pub(super) fn leave(&mut self, id: u64, written: u64) {
        // A task's end is an event of its own, the next to be written.
        self.ended.push_back((written + 1, id));
    }

    pub(super) fn get(&self, id: u64) -> Option<&About> {
        self.tasks.get(&id)
    }
}
