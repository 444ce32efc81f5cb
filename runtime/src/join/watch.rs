//! The end of a task, told to somebody who does not wait for it.

use std::sync::Arc;

use super::{JoinError, JoinHandle};
use crate::task::{Header, Task};

/// Is told of the ends of tasks, each once.
pub(crate) trait Watcher: Send + Sync {
    /// The task of this number is done, and its result may be taken.
    ///
    /// Runs where the task ended, on its stack: it does not wait, does not unwind, and runs nobody
    /// else's code.
    fn ended(&self, number: usize);
}

/// A handle whose task tells a [`Watcher`] of its end. So nobody may join by it: the result is
/// taken once the watcher has been told. Dropping it detaches the task, whose end is told all the
/// same.
#[derive(Debug)]
pub(crate) struct Watched<T>(JoinHandle<T>);

/// Whom to tell, in a task's joiner slot.
struct Notice {
    to: Arc<dyn Watcher>,
    number: usize,
}

/// Marks a notice in the slot, where a joiner's node has a zero.
const NOTICE: usize = 1;

const _: () = assert!(align_of::<Notice>() > NOTICE && align_of::<super::JoinNode>() > NOTICE);

impl<T> JoinHandle<T> {
    /// Has the watcher told of the task's end, by this number. `false`: the task is done already,
    /// and the watcher is not told.
    pub(crate) fn watched(self, by: Arc<dyn Watcher>, number: usize) -> (Watched<T>, bool) {
        let task = &self.task().inner;
        let notice = Box::into_raw(Box::new(Notice { to: by, number }));
        // The slot is the handle's while nobody is announced in it, and from here on nobody has the
        // handle who could announce himself.
        task.joiner.set(notice.map_addr(|address| address | NOTICE).cast_const().cast());
        let told = task.word.announce_joiner();
        if !told {
            // SAFETY: made above; the task was DONE without JOINER, so nobody looks at the slot.
            drop(unsafe { Box::from_raw(notice) });
        }
        (Watched(self), told)
    }
}

impl<T> Watched<T> {
    pub(crate) fn task(&self) -> &Task {
        self.0.task()
    }

    /// Takes the result of a task whose end has been told.
    pub(crate) fn take(self) -> Result<T, JoinError> {
        self.0.take()
    }
}

/// Tells the watcher, if it is a notice that stands in the slot.
///
/// # Safety
///
/// The task has just become DONE with JOINER set, and this is called once.
#[inline(always)]
pub(super) unsafe fn tell(task: &Header) -> bool {
    let slot = task.joiner.get();
    if slot.addr() & NOTICE == 0 {
        return false;
    }
    let notice = slot.map_addr(|address| address & !NOTICE).cast::<Notice>().cast_mut();
    // SAFETY: a marked pointer is from `watched`, which leaves the notice to whoever completes the
    // task.
    give(unsafe { Box::from_raw(notice) });
    true
}

#[cold]
#[inline(never)]
#[allow(clippy::boxed_local, reason = "it stays out of the frame of a task that has none")]
fn give(notice: Box<Notice>) {
    notice.to.ended(notice.number);
}
