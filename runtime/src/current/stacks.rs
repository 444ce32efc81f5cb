//! The stacks that are in use on this thread.

use super::{Core, cores};
use crate::stack::{self, Nested, SizeClass, Stack};

/// The coroutines that run on this thread, and those that run a worker of it, innermost first.
pub(crate) fn coroutines() -> impl Iterator<Item = &'static Nested> {
    stack::running().chain(cores().flat_map(|core| core.below.coroutines()))
}

/// Tells `each` the stacks of the coroutines and tasks that run on this thread, innermost first,
/// down to that of the task of `last`, which is a worker of this thread. A signal handler asks,
/// whose own stack is small: so this is a loop, and no chain of iterators.
pub(crate) fn each(last: &Core, each: &mut dyn FnMut(&'static Stack, SizeClass)) {
    let mut inner: Option<&Core> = None;
    for core in cores() {
        match inner {
            None => stack::running().for_each(|nested| nested.tell(each)),
            Some(inner) => inner.below.coroutines().for_each(|nested| nested.tell(each)),
        }
        // SAFETY: a worker holds a reference to the task that it runs, and the task keeps its stack
        // meanwhile. The caller is on the thread of both, and runs on one of the stacks.
        let own = unsafe {
            let task = core.task.get().as_ref();
            task.and_then(|task| Some((task.stack()?, task.class.get())))
        };
        if let Some((stack, class)) = own {
            each(stack, class);
        }
        if std::ptr::eq(core, last) {
            return;
        }
        inner = Some(core);
    }
}
