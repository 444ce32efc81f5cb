//! The right to take a task's end: see the page of [`packet`](super::packet).

use std::fmt;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};

use super::handle::Task;
use super::packet::End;

/// The right to take a task's end, which a join handle holds. It is also a reference to the task,
/// whose vtable knows how the end is taken: so a join handle has one word.
pub(crate) struct Spawned<T> {
    task: ManuallyDrop<Task>,
    value: PhantomData<fn() -> T>,
}

const _: () = assert!(size_of::<Spawned<[usize; 4]>>() == size_of::<usize>());

// SAFETY: whoever holds a `Spawned` can take the value, so the value has to be `Send`. Everything
// else is reached through a `Task`, which is.
unsafe impl<T: Send> Send for Spawned<T> {}
// SAFETY: a shared `Spawned` gives access to a `Task` only, which is `Sync`.
unsafe impl<T: Send> Sync for Spawned<T> {}

impl<T> Spawned<T> {
    /// The right to the end of a new task.
    ///
    /// # Safety
    ///
    /// The task's value is a `T`, and this is called once for each task.
    #[inline(always)]
    pub(super) unsafe fn new(task: Task) -> Spawned<T> {
        Spawned { task: ManuallyDrop::new(task), value: PhantomData }
    }

    #[inline(always)]
    pub(crate) fn task(&self) -> &Task {
        &self.task
    }

    /// Takes the end of a task that is DONE, and consumes the right to it.
    pub(crate) fn take(self) -> (End<T>, Task) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped, and its `task` is not used again.
        let task = unsafe { ManuallyDrop::take(&mut this.task) };
        // SAFETY: `this`, which is consumed, was the right to the task's end.
        (unsafe { end_of(&task) }, task)
    }

    /// Takes the end of a task that is DONE, and leaves a right to an end that is gone.
    pub(crate) fn take_by_ref(&mut self) -> (End<T>, Task) {
        let task = Task::clone(&self.task);
        // SAFETY: `self`, which is borrowed exclusively, is the right to the task's end.
        (unsafe { end_of(&task) }, task)
    }
}

/// Takes the end of a task that is DONE.
///
/// # Safety
///
/// The caller has the right to the task's end, a `Spawned<T>`.
#[inline(always)]
unsafe fn end_of<T>(task: &Task) -> End<T> {
    let task = &task.inner;
    assert!(task.word.is_done(), "the result of a task that is not done");
    let mut end = MaybeUninit::<Option<End<T>>>::uninit();
    // SAFETY: the vtable is that of the task's types, of which `T` is the value's, for the caller
    // has a `Spawned<T>`. The task is DONE, and the right to its end is the caller's.
    let end = unsafe {
        (task.vtable.take)(task.as_ptr(), end.as_mut_ptr().cast());
        end.assume_init()
    };
    end.expect("the result was taken before, by `select!`")
}

impl<T> Drop for Spawned<T> {
    fn drop(&mut self) {
        // SAFETY: `self` is being dropped, so its `task` is taken out once, here. It keeps the task
        // alive until this returns.
        let task = unsafe { ManuallyDrop::take(&mut self.task) }.inner;
        if task.word.release_handle() {
            // SAFETY: the task is DONE, and this drop has cleared HANDLE, so the right to the end
            // is this drop's.
            unsafe { (task.vtable.disclaim)(task.as_ptr()) };
        }
    }
}

impl<T> fmt::Debug for Spawned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.task.fmt(f)
    }
}
