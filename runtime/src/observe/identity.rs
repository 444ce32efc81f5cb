//! Who a task is, whatever it does.

use std::panic::Location;

use crate::task::{Header, Parent, TaskId, TaskScope};

/// Who a task is, for those who look from outside.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) id: TaskId,
    pub(super) name: Option<String>,
    pub(super) spawned_at: &'static Location<'static>,
    pub(super) parent: Option<Parent>,
    pub(super) scope: Option<TaskScope>,
    pub(super) daemon: bool,
    pub(super) cancelled: bool,
    pub(super) stack_size: usize,
}

impl Identity {
    /// Called on the thread of the task's worker.
    pub(super) fn of(task: &Header) -> Identity {
        Identity {
            id: TaskId::new(task.id),
            name: task.name().map(String::from),
            spawned_at: task.spawned_at,
            parent: task.meta().and_then(|meta| meta.parent()).cloned(),
            scope: task.scope(),
            daemon: task.kind.daemon,
            cancelled: task.word.is_cancelled(),
            stack_size: task.class.get().bytes(),
        }
    }
}
